from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse

from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from integrations.sandbox.testing import sandbox_in_thread
from integrations.services import probing
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, delete_url, list_url, page_url, run_action, text_of

State = OutboundMessage.State


def _again(row: Any) -> Any:
    with service_scope(reason="test look"):
        return type(row).objects.get(pk=row.pk)


def _log_of(row: Any) -> list[tuple[Any, str]]:
    with service_scope(reason="test look"):
        entries = LogEntry.objects.filter(object_id=str(row.pk))
        return [(entry.user_id, entry.get_change_message()) for entry in entries]


def _check_url(integration: Integration) -> str:
    return reverse("admin:integrations_integration_check", args=[integration.pk])


# --- Integrations ----------------------------------------------------------------------------------


def test_i7_an_integration_shows_its_settings_without_the_secrets(cast: Cast) -> None:
    integration = factories.make_integration(
        cast.acme, api_url="https://acme.uazapi.com", api_token="plain-token", webhook_key="plain-key"
    )
    page = text_of(console_of(cast.sofia).get(page_url(integration)))
    assert "https://acme.uazapi.com" in page
    assert "api_token" in page
    assert "•••" in page
    for secret in ("plain-token", "plain-key", "enc:", "5511999990000"):
        assert secret not in page


def test_name_limit_and_switch_are_all_that_can_be_edited(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme, api_token="plain-token")
    sofia = console_of(cast.sofia)
    values = {"name": "Vendas", "daily_limit": "50", "provider": "x", "status": "error", "config": "{}"}
    assert sofia.post(page_url(integration), values).status_code == 302
    after = _again(integration)
    assert (after.name, after.daily_limit, after.enabled) == ("Vendas", 50, False)
    assert (after.provider, after.status) == ("uazapi", "connected")
    assert after.settings.api_token.get_secret_value() == "plain-token"
    assert sofia.get(add_url(Integration)).status_code == 403
    assert sofia.post(delete_url(integration), {"post": "yes"}).status_code == 403


def test_integrations_are_switched_off_and_on_and_counted(cast: Cast) -> None:
    on, off = factories.make_integration(cast.acme), factories.make_integration(cast.globex, enabled=False)
    sofia = console_of(cast.sofia)
    assert "1 integração desativada" in text_of(run_action(sofia, "disable", on, off))
    assert not _again(on).enabled
    assert _log_of(on) == [(cast.sofia.pk, "Desativada.")]
    assert _log_of(off) == []
    assert "2 integrações ativadas" in text_of(run_action(sofia, "enable", on, off))
    assert _again(on).enabled
    assert _again(off).enabled


def test_i5_a_connection_is_tested_outside_of_any_transaction(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    reach = probing.reach

    def watched(*args: Any) -> Any:
        asked.append(connection.in_atomic_block)
        return reach(*args)

    monkeypatch.setattr(probing, "reach", watched)
    with sandbox_in_thread() as sandbox:
        integration = factories.make_integration(
            committed_cast.acme,
            api_url=f"{sandbox.url}/uazapi",
            api_token="demo-token",
            status="error",
            last_error="x",
        )
        response = console_of(committed_cast.sofia).post(_check_url(integration), follow=True)
    assert "Teste de conexão: funcionou" in text_of(response)
    assert asked == [False]
    after = _again(integration)
    assert (after.status, after.last_error) == ("connected", None)
    assert after.last_tested_at is not None
    ((person, message),) = _log_of(integration)
    assert person == committed_cast.sofia.pk
    assert message.startswith("Teste de conexão")


def test_a_provider_that_is_not_reached_is_reported(committed_cast: Cast) -> None:
    integration = factories.make_integration(committed_cast.acme)
    response = console_of(committed_cast.sofia).post(_check_url(integration), follow=True)
    assert "Teste de conexão: Não foi possível conectar" in text_of(response)
    assert _again(integration).status == "error"


def test_a_config_that_cannot_be_read_is_reported(committed_cast: Cast) -> None:
    integration = factories.make_integration(committed_cast.acme)
    with service_scope(reason="test damage"), connection.cursor() as cursor:
        cursor.execute("UPDATE integrations SET config = jsonb_set(config, '{api_token}', '\"enc:AAAA\"')")
    sofia = console_of(committed_cast.sofia)
    assert "não pôde ser lida" in text_of(sofia.post(_check_url(integration), follow=True))
    assert "•••" in text_of(sofia.get(list_url(Integration)) and sofia.get(page_url(integration)))


def test_a_connection_is_tested_by_staff_who_may_change_it_only(committed_cast: Cast) -> None:
    cast = committed_cast
    integration = factories.make_integration(cast.acme)
    with service_scope(reason="test rows"):
        carla = Profile.objects.create_user("carla@renum.test", "carla-password-1", role="admin")
        carla.user_permissions.add(Permission.objects.get(codename="view_integration"))
    url = _check_url(integration)
    assert console_of(cast.sofia).get(url).status_code == 405
    assert "/admin/login/" in console_of(cast.alice).post(url)["Location"]
    browser = console_of(carla)
    assert browser.post(url).status_code == 403
    assert "Testar conexão" not in text_of(browser.get(page_url(integration)))
    assert _again(integration).last_tested_at is None
    assert console_of(cast.sofia).post(_check_url(Integration())).status_code == 404


# --- Messages --------------------------------------------------------------------------------------


def _outbound(cast: Cast, **fields: Any) -> OutboundMessage:
    return factories.make_outbound(factories.make_conversation(cast.acme), **fields)


@pytest.mark.parametrize(
    ("action", "state", "kind"),
    [("confirm_sent", "sent", "message_sent"), ("mark_not_sent", "failed", "message_failed")],
)
def test_i3_a_person_settles_an_unknown_message(cast: Cast, action: str, state: str, kind: str) -> None:
    message = _outbound(cast, state=State.UNKNOWN, cause=["demo:x"], reason_code="TIMED_OUT")
    attempt = factories.make_attempt(message, outcome=DeliveryAttempt.Outcome.UNKNOWN)
    page = text_of(run_action(console_of(cast.sofia), action, message))
    assert "1 mensagem decidida" in page
    after = _again(message)
    assert (after.state, after.reason_code) == (state, "SETTLED_BY_PERSON")
    assert after.sent_at == (message.finished_at if state == "sent" else None)
    assert _again(attempt).outcome == "unknown"
    with service_scope(reason="test look"):
        assert Message.objects.get(id=message.id).state == state
        event = Event.objects.get(data__message_id=str(message.id))
    assert event.kind == kind
    assert event.cause == ["demo:x", f"message:{message.id}", f"profile:{cast.sofia.pk}"]
    assert len(_log_of(message)) == 1


@pytest.mark.parametrize("state", [state for state in State if state != State.UNKNOWN])
def test_i3_only_unknown_messages_are_settled(cast: Cast, state: OutboundMessage.State) -> None:
    message, unknown = _outbound(cast, state=state), _outbound(cast, state=State.UNKNOWN)
    page = text_of(run_action(console_of(cast.sofia), "confirm_sent", message, unknown))
    assert "1 mensagem decidida" in page
    assert "1 mensagem não estava incerta" in page
    after = _again(message)
    assert (after.state, after.body, after.reason_code) == (state, message.body, "")
    assert _log_of(message) == []
    assert _again(unknown).state == State.SENT


def test_staff_who_may_only_look_settle_nothing(cast: Cast) -> None:
    message = _outbound(cast, state=State.UNKNOWN)
    with service_scope(reason="test rows"):
        carla = Profile.objects.create_user("carla@renum.test", "carla-password-1", role="admin")
        carla.user_permissions.add(Permission.objects.get(codename="view_outboundmessage"))
    browser = console_of(carla)
    run_action(browser, "confirm_sent", message)
    assert _again(message).state == State.UNKNOWN
    assert "Confirmar que foi enviada" not in text_of(browser.get(page_url(message)))


def test_a_message_links_to_all_it_belongs_to(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    message = _outbound(cast, state=State.UNKNOWN, cause=[f"trigger:{trigger.id}"])
    factories.make_attempt(message, outcome="retry", error_code="CONNECTION_FAILED", number=1)
    factories.make_attempt(message, outcome="unknown", error_code="TIMED_OUT", number=2)
    page = text_of(console_of(cast.sofia).get(page_url(message)))
    for row in (message.conversation, message.integration, cast.acme, trigger):
        assert page_url(row) in page, row
    assert f"/admin/conversations/message/{message.id}/change/" in page
    assert "CONNECTION_FAILED" in page
    assert "TIMED_OUT" in page
    assert "Confira no WhatsApp do cliente" in page
    assert "Confirmar que foi enviada" in page
    assert page_url(message) in text_of(console_of(cast.sofia).get(page_url(message.integration)))


def test_the_list_says_what_to_do(cast: Cast) -> None:
    _outbound(cast, state=State.FAILED, reason_code="OPTED_OUT")
    _outbound(cast, state=State.FAILED, reason_code="NEW_CODE", error_message="Ligue para +5511912345678")
    page = text_of(console_of(cast.sofia).get(list_url(OutboundMessage)))
    assert "não envie" in page
    assert "NEW_CODE" in page
    assert "912345678" not in page


@pytest.mark.parametrize("query", [{}, {"client__id__exact": "acme"}])
def test_attempts_are_listed_newest_first(cast: Cast, query: dict[str, str]) -> None:
    first = factories.make_attempt(_outbound(cast))
    second = factories.make_attempt(_outbound(cast))
    if "client__id__exact" in query:
        query = {"client__id__exact": str(cast.acme.pk)}
    response = console_of(cast.sofia).get(list_url(DeliveryAttempt), query)
    assert list(response.context["cl"].result_list) == [second, first]
