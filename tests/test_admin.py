"""Every page of the console: it opens, tells no secret, is bounded in queries, and is for staff only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask
from pydantic import SecretStr

from agent_tools.models import Agent, AgentRun, NamedQuery
from integrations.models import (
    DeliveryAttempt,
    DeliveryPolicy,
    Integration,
    MessageTemplate,
    OutboundMessage,
    SendingSwitch,
)
from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import (
    Contact,
    Conversation,
    ConversationPolicy,
    IdentityDoubt,
    Message,
    Suppression,
)
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, list_url, page_url, text_of
from triggers.models import AutomationPolicy, Trigger, TriggerExecution
from webhooks.models import InboundEvent

ROWS = 55  # more than a page
QUERIES = 12
STATES = list(OutboundMessage.State)

# Planted where they are stored; no page may show one of them.
PHONE = "+5511912345678"
SECRETS = (
    PHONE,
    PHONE.removeprefix("+"),
    "912345678",
    "secret-text-of-a-message",
    "secret-api-token",
    "secret-former-token",
    "secret-tried-token",
    "5521987651234",
    "secret-webhook-key",
    "secret-payload",
    "secret-question",
    "secret-answer",
    "secret-model-key",
)


def _world(cast: Cast) -> None:
    """At least 55 rows of everything that has a list."""
    acme = cast.acme
    integration = factories.make_integration(
        acme,
        api_token="secret-api-token",
        phone_number="+5521987651234",
        webhook_key="secret-webhook-key",
        previous_config={"provider": "uazapi", "api_token": SecretStr("secret-former-token")},
        candidate_config={"provider": "uazapi", "api_token": SecretStr("secret-tried-token")},
    )
    factories.make_delivery_state(integration, failures=5, open_until=clock.now())
    trigger = factories.make_trigger(acme)
    for number in range(ROWS):
        phone = PHONE if number == 0 else None
        conversation = factories.make_conversation(acme, phone=phone)
        outbound = factories.make_outbound(
            conversation,
            text="secret-text-of-a-message",
            state=STATES[number % len(STATES)],
            cause=[f"trigger:{trigger.id}", f"demo:{acme.id}", "message:of-somebody"],
        )
        factories.make_attempt(outbound)
        factories.make_event(acme, conversation=conversation, cause=[f"message:{outbound.id}"])
        factories.make_execution(trigger, conversation)
        run = factories.make_agent_run(
            conversation, agent=f"agente_{number}", text="secret-question", answer="secret-answer"
        )
        factories.make_step(run)
        factories.make_agent(
            acme, f"agente_{number}", model="openai:gpt-secreto", model_key="secret-model-key"
        )
        factories.make_named_query(acme, f"consulta_{number}")
        factories.make_inbound(integration, payload={"text": "secret-payload", "phone": PHONE})
        factories.make_suppression(acme, phone=phone)
        factories.make_alias(conversation.contact)
        factories.make_doubt(conversation.contact)
        factories.make_trigger(acme, name=f"Gatilho {number}")
        factories.make_template(acme)
        _company(number)
    with service_scope(reason="test rows"):
        Group.objects.create(name="Suporte")
        SendingSwitch.objects.get_or_create(id=1)
        CrontabSchedule.objects.create(minute="0", hour="9")
        ClockedSchedule.objects.create(clocked_time=clock.now())


def _company(number: int) -> None:
    with service_scope(reason="test rows"):
        profile = Profile(email=f"owner{number}@company.test", password="!")
        profile.save()
        client = Client.objects.create(profile=profile, name=f"Empresa {number}")
    factories.make_delivery_state(factories.make_integration(client))
    factories.make_policy(client, contact_cap=3)
    factories.make_conversation_policy(client)
    factories.make_automation_policy(client)


def _first(model: type[Model]) -> Callable[[], Model]:
    return lambda: model._default_manager.order_by("pk")[0]


# One row of each model that the console registers, to open the page of.
PAGES: dict[type[Model], Callable[[], Model]] = {
    Profile: lambda: Profile.objects.get(email="alice@acme.test"),
    Client: lambda: Client.objects.get(name="Acme"),
    Group: _first(Group),
    Contact: lambda: Contact.objects.get(id=_conversation().contact_id),
    Conversation: lambda: _conversation(),
    Message: _first(Message),
    Suppression: _first(Suppression),
    IdentityDoubt: _first(IdentityDoubt),
    ConversationPolicy: _first(ConversationPolicy),
    Event: _first(Event),
    Integration: lambda: Integration.objects.get(client__name="Acme"),
    OutboundMessage: _first(OutboundMessage),
    DeliveryAttempt: _first(DeliveryAttempt),
    DeliveryPolicy: _first(DeliveryPolicy),
    MessageTemplate: _first(MessageTemplate),
    SendingSwitch: _first(SendingSwitch),
    Trigger: lambda: Trigger.objects.get(name="Retomar contato"),
    AutomationPolicy: _first(AutomationPolicy),
    TriggerExecution: _first(TriggerExecution),
    Agent: _first(Agent),
    NamedQuery: _first(NamedQuery),
    AgentRun: _first(AgentRun),
    InboundEvent: _first(InboundEvent),
    PeriodicTask: _first(PeriodicTask),
    IntervalSchedule: _first(IntervalSchedule),
    CrontabSchedule: _first(CrontabSchedule),
    ClockedSchedule: _first(ClockedSchedule),
}


def _conversation() -> Conversation:
    from renum.conversations.phones import phone_index

    acme = Client.objects.get(name="Acme")
    return Conversation.objects.get(client=acme, contact__phone_index=phone_index(acme.id, PHONE))


def _row(model: type[Model]) -> Model:
    with service_scope(reason="test look"):
        return PAGES[model]()


# A single row needs no list: its address leads to its page.
WITHOUT_LIST = {SendingSwitch}


def test_every_registered_model_has_a_page_tested_here() -> None:
    assert set(admin.site._registry) == set(PAGES)


def test_i10_every_list_is_bounded_in_queries_and_tells_no_secret(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    _world(cast)
    sofia = console_of(cast.sofia)
    for model in PAGES:
        with django_assert_max_num_queries(QUERIES, info=model.__name__):
            response = sofia.get(list_url(model))
        if model in WITHOUT_LIST:
            assert response["Location"] == page_url(_row(model))
            continue
        page = text_of(response)
        assert response.context["cl"].result_list, model
        assert [secret for secret in SECRETS if secret in page] == [], model


def test_i7_every_page_opens_and_tells_no_secret(cast: Cast) -> None:
    _world(cast)
    sofia = console_of(cast.sofia)
    for model in PAGES:
        for url in (page_url(_row(model)), reverse_history(_row(model))):
            page = text_of(sofia.get(url))
            assert [secret for secret in SECRETS if secret in page] == [], url


def reverse_history(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_history", args=[row.pk])


def test_staff_without_permissions_and_clients_see_nothing(cast: Cast) -> None:
    with service_scope(reason="test rows"):
        carla = Profile.objects.create_user("carla@renum.test", "carla-password-1", role="admin")
    alice, plain = console_of(cast.alice), console_of(carla)
    for model in PAGES:
        refused = alice.get(list_url(model))
        assert refused.status_code == 302
        assert "/admin/login/" in refused["Location"], model
        assert plain.get(list_url(model)).status_code == 403, model


READ_ONLY = (
    Contact,
    IdentityDoubt,
    Message,
    OutboundMessage,
    DeliveryAttempt,
    Event,
    InboundEvent,
    TriggerExecution,
    AgentRun,
)


def test_ledgers_can_be_neither_written_nor_deleted(cast: Cast) -> None:
    _world(cast)
    sofia = console_of(cast.sofia)
    for model in READ_ONLY:
        row = _row(model)
        assert sofia.post(page_url(row), {"state": "sent", "name": "x"}).status_code == 403, model
        assert sofia.post(page_url(row) + "../delete/", {"post": "yes"}).status_code == 403, model
        assert sofia.get(add_url(model)).status_code == 403, model
        assert _row(model) == row
