"""The console's pages about connections: what they show, the picture over them, and what staff can do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse
from pydantic import SecretStr

from integrations import selectors
from integrations.models import Integration, OutboundMessage, SendingSwitch
from integrations.sandbox.testing import sandbox_in_thread
from integrations.services import change_policy, remove_integration, switch_everything
from integrations.tests.helpers import Vendor, reread, reread_integration
from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, run_action, text_of

LATER = timedelta(hours=3)
LIST_QUERIES, PAGE_QUERIES, ACTION_QUERIES = 12, 16, 45


def log_of(row: Any) -> list[tuple[Any, str]]:
    with service_scope(reason="test look"):
        entries = LogEntry.objects.filter(object_id=str(row.pk)).order_by("action_time")
        return [(entry.user_id, entry.get_change_message()) for entry in entries]


def held(integration: Integration, reason: str) -> OutboundMessage:
    message = factories.make_outbound(
        factories.make_conversation(integration.client),
        integration=integration,
        reason_code=reason,
        next_attempt_at=clock.now() + LATER,
    )
    return message


def is_due(message: OutboundMessage) -> bool:
    return reread(message).next_attempt_at <= clock.now()


def onlooker(*codenames: str) -> Profile:
    with service_scope(reason="test rows"):
        carla = Profile.objects.create_user("carla@renum.test", "carla-password-1", role="admin")
        carla.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return carla


# --- Actions ---------------------------------------------------------------------------------------


def test_sending_is_paused_and_released_counted_and_written_down(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    ours, theirs = factories.make_integration(cast.acme), factories.make_integration(cast.globex, paused=True)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(ACTION_QUERIES):
        page = text_of(run_action(sofia, "pause", ours, theirs))
    assert "Envios de 1 integração pausados" in page
    assert reread_integration(ours).paused
    assert log_of(ours) == [(cast.sofia.pk, "Envios pausados.")]
    assert log_of(theirs) == []
    waiting = held(ours, "KILL_SWITCH_NUMBER")
    assert "Envios de 2 integrações liberados" in text_of(run_action(sofia, "release", ours, theirs))
    assert not reread_integration(ours).paused
    assert not reread_integration(theirs).paused
    assert is_due(waiting)
    assert log_of(theirs) == [(cast.sofia.pk, "Envios liberados.")]


def test_new_chats_are_allowed_again_and_what_waited_for_that_is_judged(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    blocked, free = factories.make_integration(cast.acme), factories.make_integration(cast.globex)
    state = factories.make_delivery_state(blocked, new_chats_blocked_until=clock.now() + LATER)
    chat, other = held(blocked, "NEW_CHATS_BLOCKED"), held(blocked, "DAILY_LIMIT")
    sofia = console_of(cast.sofia)
    assert "Sem novas conversas até" in text_of(sofia.get(list_url(Integration)))
    with django_assert_max_num_queries(ACTION_QUERIES):
        page = text_of(run_action(sofia, "allow_new_chats", blocked, free))
    assert "Novas conversas de 1 integração liberadas" in page
    with service_scope(reason="test look"):
        state.refresh_from_db()
    assert state.new_chats_blocked_until is None
    assert is_due(chat)
    assert not is_due(other)
    assert log_of(blocked) == [(cast.sofia.pk, "Novas conversas liberadas.")]
    assert log_of(free) == []


@pytest.mark.parametrize("action", ["enable", "disable", "pause", "release", "allow_new_chats"])
def test_staff_who_may_only_look_carry_out_no_action(cast: Cast, action: str) -> None:
    integration = factories.make_integration(cast.acme, paused=action == "release")
    state = factories.make_delivery_state(integration, new_chats_blocked_until=clock.now() + LATER)
    before = reread_integration(integration)
    browser = console_of(onlooker("view_integration"))
    run_action(browser, action, integration)
    after = reread_integration(integration)
    assert (after.enabled, after.paused) == (before.enabled, before.paused)
    with service_scope(reason="test look"):
        state.refresh_from_db()
    assert state.new_chats_blocked_until is not None
    assert log_of(integration) == []


# --- Saving a page ---------------------------------------------------------------------------------


def save(browser: Any, integration: Integration, **fields: Any) -> Any:
    values = {"name": "Uazapi", "daily_limit": "1000", "pace_seconds": "0", "enabled": "on", **fields}
    return browser.post(page_url(integration), values)


def test_a_page_is_saved_through_the_service(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    integration = factories.make_integration(cast.acme, daily_limit=1000)
    waiting = held(integration, "DAILY_LIMIT")
    with service_scope(reason="test look"):
        assert selectors.get_integration(cast.acme.id, "whatsapp").pace_seconds == 0.0  # now cached
    with django_capture_on_commit_callbacks(execute=True):
        saved = save(console_of(cast.sofia), integration, daily_limit="2000", pace_seconds="")
    assert saved.status_code == 302
    after = reread_integration(integration)
    assert (after.daily_limit, after.pace_seconds) == (2000, None)
    assert is_due(waiting)
    with service_scope(reason="test look"):
        assert selectors.get_integration(cast.acme.id, "whatsapp").pace_seconds is None
        event = Event.objects.get(kind=Event.Kind.INTEGRATION_CHANGED)
    assert event.data["fields"] == ["daily_limit", "pace_seconds"]
    assert event.cause == [f"profile:{cast.sofia.pk}"]
    assert len(log_of(integration)) == 1


def test_a_page_that_is_saved_unchanged_changes_nothing(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme)
    waiting = held(integration, "DAILY_LIMIT")
    assert save(console_of(cast.sofia), integration).status_code == 302
    assert not is_due(waiting)
    with service_scope(reason="test look"):
        assert not Event.objects.filter(kind=Event.Kind.INTEGRATION_CHANGED).exists()


def test_a_pace_that_cannot_be_is_refused(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme)
    assert save(console_of(cast.sofia), integration, pace_seconds="-1").status_code == 200
    assert reread_integration(integration).pace_seconds == 0.0


# --- What was removed ------------------------------------------------------------------------------


def test_a_removed_connection_is_shown_as_such_and_cannot_be_changed(committed_cast: Cast) -> None:
    cast = committed_cast
    integration = factories.make_integration(cast.acme, api_token="plain-token")
    with service_scope(reason="test removal"):
        remove_integration(integration, cause=Cause())
    sofia = console_of(cast.sofia)
    assert "Removida" in text_of(sofia.get(list_url(Integration)))
    page = text_of(sofia.get(page_url(integration)))
    assert "As credenciais foram apagadas" in page
    assert "Testar conexão" not in page
    assert "plain-token" not in page
    assert save(sofia, integration, name="Outro nome").status_code == 403
    run_action(sofia, "enable", integration)
    run_action(sofia, "pause", integration)
    for name in ("check", "restore"):
        url = reverse(f"admin:integrations_integration_{name}", args=[integration.pk])
        assert sofia.post(url).status_code == 404
    after = reread_integration(integration)
    assert (after.name, after.enabled, after.paused) == ("Uazapi", False, False)
    assert log_of(integration) == []


# --- Restoring credentials -------------------------------------------------------------------------


def restore_url(integration: Integration) -> str:
    return reverse("admin:integrations_integration_restore", args=[integration.pk])


def previous(url: str, token: str) -> dict[str, Any]:
    return {
        "provider": "uazapi",
        "api_url": url,
        "api_token": SecretStr(token),
        "phone_number": SecretStr("+5511999990000"),
        "dialect": "go",
    }


@pytest.mark.parametrize(("name", "then"), [("Evolution API", "Uazapi"), ("Vendas", "Vendas")])
def test_i5_previous_credentials_are_restored_if_the_provider_accepts_them(
    committed_cast: Cast, name: str, then: str
) -> None:
    cast = committed_cast
    with sandbox_in_thread() as sandbox:
        integration = factories.make_integration(
            cast.acme,
            provider="evolution",
            name=name,
            api_token="newer-token",
            status="error",
            previous_config=previous(f"{sandbox.url}/uazapi", "demo-token"),
        )
        sofia = console_of(cast.sofia)
        page = text_of(sofia.get(page_url(integration)))
        assert "Guardadas (Uazapi)" in page
        assert "Restaurar credenciais anteriores" in page
        assert "demo-token" not in page
        response = sofia.post(restore_url(integration), follow=True)
    assert "Credenciais anteriores restauradas" in text_of(response)
    after = reread_integration(integration)
    assert (after.status, after.provider, after.name) == ("connected", "uazapi", then)
    assert after.settings.api_token.get_secret_value() == "demo-token"
    assert log_of(integration) == [(cast.sofia.pk, "Credenciais anteriores restauradas.")]
    with service_scope(reason="test look"):
        event = Event.objects.get(kind=Event.Kind.INTEGRATION_CONFIGURED)
    assert event.cause == [f"profile:{cast.sofia.pk}"]


def test_previous_credentials_that_are_refused_change_nothing(committed_cast: Cast) -> None:
    cast = committed_cast
    with sandbox_in_thread() as sandbox:
        integration = factories.make_integration(
            cast.acme,
            api_token="newer-token",
            previous_config=previous(f"{sandbox.url}/uazapi", "revoked-token"),
        )
        page = text_of(console_of(cast.sofia).post(restore_url(integration), follow=True))
    assert "Credenciais anteriores não restauradas: O provedor recusou as credenciais" in page
    assert "revoked-token" not in page
    assert reread_integration(integration).settings.api_token.get_secret_value() == "newer-token"


@pytest.mark.parametrize("damaged", [False, True])
def test_without_previous_credentials_that_can_be_read_there_is_nothing_to_restore(
    committed_cast: Cast, damaged: bool
) -> None:
    cast = committed_cast
    slot = previous("http://127.0.0.1:9", "demo-token") if damaged else None
    integration = factories.make_integration(cast.acme, previous_config=slot)
    if damaged:
        with service_scope(reason="test damage"), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE integrations SET previous_config = "
                "jsonb_set(previous_config, '{api_token}', '\"enc:AAAA\"')"
            )
    sofia = console_of(cast.sofia)
    assert ("Restaurar credenciais" in text_of(sofia.get(page_url(integration)))) is damaged
    page = text_of(sofia.post(restore_url(integration), follow=True))
    said = "não pode ser lida" if damaged else "Não há credenciais anteriores"
    assert said in page
    assert reread_integration(integration).status == "connected"


def test_previous_credentials_are_restored_by_staff_who_may_change_them_only(
    committed_cast: Cast, sandbox: Vendor
) -> None:
    cast = committed_cast
    integration = factories.make_integration(
        cast.acme, api_token="newer-token", previous_config=previous(sandbox.api_url(), "demo-token")
    )
    url = restore_url(integration)
    assert console_of(cast.sofia).get(url).status_code == 405
    assert "/admin/login/" in console_of(cast.alice).post(url)["Location"]
    browser = console_of(onlooker("view_integration"))
    assert browser.post(url).status_code == 403
    assert "Restaurar credenciais" not in text_of(browser.get(page_url(integration)))
    assert reread_integration(integration).settings.api_token.get_secret_value() == "newer-token"
    assert sandbox.journal() == []


# --- The list and its picture ----------------------------------------------------------------------


def company(number: int) -> Client:
    with service_scope(reason="test rows"):
        profile = Profile(email=f"owner{number}@company.test", password="!")
        profile.save()
        return Client.objects.create(profile=profile, name=f"Empresa {number}")


@pytest.fixture
def zoo(cast: Cast) -> dict[str, Integration]:
    """One connection in each condition."""
    rows = {
        name: factories.make_integration(company(number), **fields)
        for number, (name, fields) in enumerate(
            {
                "connected": {},
                "paused": {"paused": True},
                "interrupted": {"paused": True},
                "disconnected": {"status": "disconnected"},
                "error": {"status": "error"},
                "disabled": {"enabled": False, "status": "error"},
                "removed": {},
            }.items()
        )
    }
    factories.make_delivery_state(rows["interrupted"], failures=5, open_until=clock.now() + LATER)
    factories.make_delivery_state(rows["connected"], failures=2)
    with service_scope(reason="test removal"):
        remove_integration(rows["removed"], cause=Cause())
    return rows


def test_the_picture_counts_each_connection_once_in_its_worst_condition(
    cast: Cast, zoo: dict[str, Integration], django_assert_max_num_queries: Any
) -> None:
    factories.make_integration(cast.acme, type="email_smtp", provider="smtp")
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(LIST_QUERIES):
        response = sofia.get(list_url(Integration))
    whatsapp, smtp, sendgrid, database = response.context["pictures"]
    assert {part["label"]: part["count"] for part in whatsapp["parts"]} == {
        "Conectadas": 1, "Pausadas": 1, "Interrompidas": 1, "Desconectadas": 1, "Com erro": 1, "Desativadas": 1,
    }  # fmt: skip
    assert (whatsapp["total"], smtp["total"], sendgrid["total"], database["total"]) == (6, 1, 0, 0)
    widths = [float(part["width"]) for part in whatsapp["parts"]]
    assert sum(widths) == pytest.approx(100, abs=0.01)
    page = text_of(response)
    assert 'width="16.667"' in page
    assert "WhatsApp: Conectadas 1, Pausadas 1" in page


def test_each_part_of_the_picture_leads_to_its_connections(cast: Cast, zoo: dict[str, Integration]) -> None:
    sofia = console_of(cast.sofia)
    pictures = sofia.get(list_url(Integration)).context["pictures"]
    for part in pictures[0]["parts"]:
        found = sofia.get(part["url"]).context["cl"].result_list
        condition = part["url"].rpartition("=")[2]
        assert list(found) == [zoo[condition]], condition
    removed = sofia.get(list_url(Integration), {"condition": "removed"})
    assert list(removed.context["cl"].result_list) == [zoo["removed"]]
    everything = sofia.get(list_url(Integration), {"condition": "no-such"})
    assert len(everything.context["cl"].result_list) == len(zoo)


def test_the_list_says_whether_messages_leave(cast: Cast, zoo: dict[str, Integration]) -> None:
    sofia = console_of(cast.sofia)
    page = text_of(sofia.get(list_url(Integration)))
    for words in ("Liberados", "Pausados", "Interrompidos", "Desativada", "Removida"):
        assert words in page, words
    assert "Pausados para" not in page
    with service_scope(reason="test switches"):
        change_policy(zoo["connected"].client_id, {"paused": True}, cause=Cause())
        switch_everything(paused=True)
    page = text_of(sofia.get(list_url(Integration)))
    assert page.count("Pausados para o cliente") == 1
    assert page.count("Pausados para todos") == 5  # not the disabled, nor the removed one
    assert "Liberados" not in page


@pytest.mark.parametrize(
    ("minutes", "words"), [(5, "Aberto até"), (-5, "Meio aberto"), (None, "Fechado: mensagens passam")]
)
def test_a_page_shows_its_breaker_and_its_failures(
    cast: Cast, minutes: int | None, words: str, django_assert_max_num_queries: Any
) -> None:
    integration = factories.make_integration(cast.acme)
    until = clock.now() + timedelta(minutes=minutes) if minutes else None
    factories.make_delivery_state(integration, failures=7, open_until=until)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(PAGE_QUERIES):
        page = text_of(sofia.get(page_url(integration)))
    assert words in page
    assert ">7<" in page.replace(" ", "").replace("\n", "")


def test_a_connection_that_was_never_used_shows_no_trouble(cast: Cast) -> None:
    database = factories.make_integration(cast.acme, type="database", provider="supabase")
    page = text_of(console_of(cast.sofia).get(page_url(database)))
    assert "Aberto até" not in page
    assert "mensagens passam" not in page  # it sends none
    with service_scope(reason="test look"):
        assert not SendingSwitch.objects.filter(paused=True).exists()


def test_a_restriction_that_is_over_is_not_shown(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme)
    factories.make_delivery_state(integration, new_chats_blocked_until=clock.now() - LATER)
    assert "Sem novas conversas até" not in text_of(console_of(cast.sofia).get(list_url(Integration)))
