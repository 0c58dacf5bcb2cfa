"""Rows for tests, each valid as it is. Every function opens the service scope itself."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pydantic import SecretStr

from agent_tools.defaults import AGENTS, ALL_TOOLS
from agent_tools.models import Agent, AgentReceipt, AgentRun, AgentRunInput, AgentStep, NamedQuery
from integrations.models import (
    DeliveryAttempt,
    DeliveryPolicy,
    DeliveryState,
    Integration,
    MessageTemplate,
    OutboundMessage,
)
from integrations.providers.uazapi.config import UazapiSettings
from integrations.services import token_index, webhook_key_index
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.identity import alias_index
from renum.conversations.models import (
    Channel,
    Contact,
    ContactAlias,
    ContactDate,
    Conversation,
    ConversationPolicy,
    IdentityDoubt,
    Message,
    Suppression,
)
from renum.conversations.phones import phone_index
from renum.events.models import Event
from triggers.models import (
    AutomationPolicy,
    Trigger,
    TriggerClock,
    TriggerEdge,
    TriggerExecution,
    TriggerOccurrence,
    TriggerSchedule,
)
from triggers.services import create_trigger
from webhooks.models import InboundEvent

P = ParamSpec("P")
R = TypeVar("R")

_numbers = itertools.count(1)

DELAY = {"delay_days": 3, "reference_field": "conversations.last_message_at"}
FOLLOW_UP = {"channel": "whatsapp", "message": "Ainda posso ajudar?"}


def _as_service(make: Callable[P, R]) -> Callable[P, R]:
    @wraps(make)
    def scoped(*args: P.args, **kwargs: P.kwargs) -> R:
        with service_scope(reason="test rows"):
            return make(*args, **kwargs)

    return scoped


def next_phone() -> str:
    """A valid Brazilian mobile number (E.164) that no other call returned."""
    return f"+55119{80_000_000 + next(_numbers)}"


@_as_service
def make_contact(
    client: Client, *, phone: str | None = None, name: str | None = "Marina", **fields: Any
) -> Contact:
    """The client's contact with this phone, a new one unless it is known."""
    phone = phone or next_phone()
    index = phone_index(client.id, phone)
    known = Contact.objects.filter(client=client, phone_index=index).first()
    if known:
        return known
    values = {"wa_id": phone.removeprefix("+"), **fields}
    return Contact.objects.create(client=client, phone=phone, phone_index=index, name=name, **values)


@_as_service
def make_contact_date(contact: Contact, name: str = "consulta_em", at: datetime | None = None) -> ContactDate:
    return ContactDate.objects.create(
        client_id=contact.client_id, contact=contact, name=name, at=at or clock.now()
    )


@_as_service
def make_alias(contact: Contact, *, kind: str = "lid", value: str | None = None) -> ContactAlias:
    """A further name of the contact: a new LID, unless said otherwise."""
    kind, value = ContactAlias.Kind(kind), value or f"9000{next(_numbers):010}"
    index = alias_index(contact.client_id, kind, value)
    return ContactAlias.objects.create(
        client_id=contact.client_id, contact=contact, kind=kind, value=value, value_index=index
    )


@_as_service
def make_doubt(contact: Contact, *, other: Contact | None = None) -> IdentityDoubt:
    """Staff are asked whether the contact and another one of the client are one person."""
    return IdentityDoubt.objects.create(
        client_id=contact.client_id,
        contact=contact,
        other=other or make_contact(contact.client),
        reason=IdentityDoubt.Reason.SAME_MATCH_KEY,
    )


@_as_service
def make_conversation_policy(client: Client, **fields: Any) -> ConversationPolicy:
    """The client's rules for its conversations: the defaults, unless `fields` say otherwise."""
    policy, _ = ConversationPolicy.objects.update_or_create(client=client, defaults=fields)
    return policy


@_as_service
def make_conversation(
    client: Client, *, phone: str | None = None, name: str | None = "Marina", **fields: Any
) -> Conversation:
    """A conversation with a new contact, or with the contact who has this phone."""
    return Conversation.objects.create(
        client=client, contact=make_contact(client, phone=phone, name=name), **fields
    )


@_as_service
def make_message(conversation: Conversation, **fields: Any) -> Message:
    """A received text, unless `fields` say otherwise; the conversation's clocks do not move."""
    values: dict[str, Any] = {
        "direction": Message.Direction.INBOUND,
        "author": Message.Author.CONTACT,
        "state": Message.State.RECEIVED,
        "length": 24,
        **fields,
    }
    return Message.objects.create(client_id=conversation.client_id, conversation=conversation, **values)


@_as_service
def make_suppression(client: Client, *, phone: str | None = None, **fields: Any) -> Suppression:
    values = {
        "channel": Channel.WHATSAPP,
        "reason": "opt_out",
        "address_index": phone_index(client.id, phone or next_phone()),
        **fields,
    }
    return Suppression.objects.create(client=client, **values)


@_as_service
def make_event(client: Client, *, conversation: Conversation | None = None, **fields: Any) -> Event:
    values = {"kind": Event.Kind.MESSAGE_RECEIVED, **fields}
    return Event.objects.create(
        client=client, conversation_id=conversation.id if conversation else None, **values
    )


@_as_service
def make_integration(
    client: Client,
    *,
    api_url: str = "http://127.0.0.1:9",
    api_token: str = "test-token",
    phone_number: str = "+5511999990000",
    webhook_key: str | None = None,
    **fields: Any,
) -> Integration:
    """A connected Uazapi integration without a pace. The default address refuses connections."""
    key = webhook_key or f"test-webhook-key-{next(_numbers)}"
    settings = UazapiSettings(
        api_url=api_url, api_token=SecretStr(api_token), phone_number=SecretStr(phone_number)
    )
    values: dict[str, Any] = {
        "type": Integration.Type.WHATSAPP,
        "provider": "uazapi",
        "name": "Uazapi",
        "status": Integration.Status.CONNECTED,
        "pace_seconds": 0.0,
        **fields,
    }
    return Integration.objects.create(
        client=client,
        config=settings.model_dump(),
        webhook_key=key,
        webhook_key_index=webhook_key_index(key),
        token_index=token_index(api_token),
        **values,
    )


@_as_service
def make_policy(client: Client, **rules: Any) -> DeliveryPolicy:
    """The client's rules of sending."""
    return DeliveryPolicy.objects.update_or_create(client=client, defaults=rules)[0]


@_as_service
def make_delivery_state(integration: Integration, **fields: Any) -> DeliveryState:
    """What delivery remembers of the connection."""
    values = {"client": integration.client, **fields}
    return DeliveryState.objects.update_or_create(integration=integration, defaults=values)[0]


@_as_service
def make_template(client: Client, **fields: Any) -> MessageTemplate:
    values = {"name": f"Modelo {next(_numbers)}", "body": "Olá, {{ nome }}!", **fields}
    return MessageTemplate.objects.create(client=client, **values)


@_as_service
def make_outbound(
    conversation: Conversation,
    *,
    text: str = "Olá!",
    integration: Integration | None = None,
    author: Message.Author = Message.Author.API,
    **fields: Any,
) -> OutboundMessage:
    """A message in the outbox, queued unless `fields` say otherwise, with its conversation's message.

    Text and recipient are there unless the state is final. The client's WhatsApp integration is
    used, or made.
    """
    client = conversation.client
    if integration is None:
        known = Integration.objects.filter(client=client, type=Integration.Type.WHATSAPP).first()
        integration = known or make_integration(client)
    state = OutboundMessage.State(fields.get("state", OutboundMessage.State.QUEUED))
    pending = state in (OutboundMessage.State.QUEUED, OutboundMessage.State.SENDING)
    phone = str(conversation.contact.phone)
    values: dict[str, Any] = {
        "recipient": phone.removeprefix("+") if pending else None,
        "body": {"text": text} if pending else None,
        "idempotency_key": f"test:{next(_numbers)}",
        "fingerprint": "0" * 64,
        "finished_at": None if pending else clock.now(),
        **fields,
    }
    outbound = OutboundMessage.objects.create(
        client=client,
        integration=integration,
        conversation=conversation,
        channel=conversation.channel,
        recipient_index=phone_index(client.id, phone),
        **values,
    )
    make_message(
        conversation,
        id=outbound.id,
        direction=Message.Direction.OUTBOUND,
        author=author,
        state=Message.State.QUEUED if pending else Message.State(state.value),
        cause=outbound.cause,
        occurred_at=outbound.queued_at,
    )
    return outbound


@_as_service
def make_attempt(message: OutboundMessage, **fields: Any) -> DeliveryAttempt:
    """One more try for the message: accepted, unless `fields` say otherwise."""
    values: dict[str, Any] = {
        "number": DeliveryAttempt.objects.filter(message=message).count() + 1,
        "outcome": DeliveryAttempt.Outcome.SENT,
        "latency_ms": 80,
        "finished_at": clock.now(),
        **fields,
    }
    return DeliveryAttempt.objects.create(
        client_id=message.client_id, message=message, provider=message.integration.provider, **values
    )


@_as_service
def make_trigger(client: Client, *, name: str = "Retomar contato", **parts: Any) -> Trigger:
    """A trigger that writes to every conversation that was idle for three days."""
    values: dict[str, Any] = {
        "trigger_type": "time_based",
        "trigger_config": DELAY,
        "condition_type": "always",
        "condition_config": {},
        "action_type": "send_message",
        "action_config": FOLLOW_UP,
        **parts,
    }
    return create_trigger(client.id, name=name, **values)


@_as_service
def make_execution(trigger: Trigger, conversation: Conversation, **fields: Any) -> TriggerExecution:
    values: dict[str, Any] = {
        "subject": conversation.id,
        "occurrence": clock.now(),
        "state": TriggerExecution.State.DONE,
        "condition_met": True,
        "action_executed": True,
        **fields,
    }
    execution = TriggerExecution.objects.create(
        trigger=trigger, client_id=trigger.client_id, conversation=conversation, **values
    )
    make_occurrence(trigger, conversation, execution)
    return execution


@_as_service
def make_occurrence(
    trigger: Trigger, conversation: Conversation, execution: TriggerExecution | None = None
) -> TriggerOccurrence:
    """What an execution, or one that is gone, was for."""
    return TriggerOccurrence.objects.create(
        trigger=trigger,
        client_id=trigger.client_id,
        conversation=conversation,
        subject=execution.subject if execution else conversation.id,
        occurrence=execution.occurrence if execution else clock.now(),
        execution_id=execution.id if execution else uuid.uuid4(),
        recorded_at=execution.created_at if execution else clock.now(),
    )


@_as_service
def make_clock(trigger: Trigger) -> TriggerClock:
    """One more than it has."""
    return TriggerClock.objects.create(
        trigger=trigger,
        client_id=trigger.client_id,
        field="conversations.created_at",
        seconds=60,
        is_when=False,
    )


@_as_service
def make_edge(trigger: Trigger, conversation: Conversation) -> TriggerEdge:
    return TriggerEdge.objects.create(
        trigger=trigger, client_id=trigger.client_id, conversation=conversation, since=clock.now()
    )


@_as_service
def make_schedule(trigger: Trigger) -> TriggerSchedule:
    """One that rings no bell and has no slot: those that do come with their trigger."""
    return TriggerSchedule.objects.create(
        trigger=trigger, client_id=trigger.client_id, recorded_until=clock.now()
    )


@_as_service
def make_automation_policy(client: Client, **fields: Any) -> AutomationPolicy:
    return AutomationPolicy.objects.create(client=client, **fields)


@_as_service
def make_agent_run(
    conversation: Conversation,
    *,
    text: str = "Quero agendar",
    message_id: uuid.UUID | None = None,
    **fields: Any,
) -> AgentRun:
    """A turn of the Discovery agent on one text, still to come, unless `fields` say otherwise."""
    values = {"agent": "discovery", "text_count": 1, **fields}
    run = AgentRun.objects.create(client_id=conversation.client_id, conversation=conversation, **values)
    make_run_input(run, text=text, message_id=message_id)
    return run


@_as_service
def make_run_input(
    run: AgentRun, *, text: str = "Quero agendar", message_id: uuid.UUID | None = None, position: int = 1
) -> AgentRunInput:
    """A text that the run is to answer."""
    return AgentRunInput.objects.create(
        client_id=run.client_id,
        run=run,
        message_id=message_id or uuid.uuid4(),
        position=position,
        length=len(text),
        text=text,
    )


@_as_service
def make_step(run: AgentRun, **fields: Any) -> AgentStep:
    """A tool that the run used with success, unless `fields` say otherwise."""
    values = {"kind": AgentStep.Kind.TOOL, "name": "send_whatsapp_message", "latency_ms": 12, **fields}
    return AgentStep.objects.create(client_id=run.client_id, run=run, **values)


@_as_service
def make_receipt(run: AgentRun, **fields: Any) -> AgentReceipt:
    """What a tool of the run answered under a key, unless `fields` say otherwise."""
    values = {
        "key": f"test:{next(_numbers)}",
        "essence": "0" * 64,
        "receipt": {"status": "pending"},
        **fields,
    }
    return AgentReceipt.objects.create(client_id=run.client_id, run=run, **values)


@_as_service
def make_agent(client: Client, name: str = "discovery", **fields: Any) -> Agent:
    """The client's agent of this name: as every client has it, or a new one with all tools; changed so."""
    values = next((one for one in AGENTS if one["name"] == name), {"name": name, "tools": list(ALL_TOOLS)})
    defaults = {"title": name.title(), "prompt": f"Você é o agente {name}.", **values, **fields}
    return Agent.objects.update_or_create(client=client, name=name, defaults=defaults)[0]


@_as_service
def make_named_query(client: Client, name: str = "meus_pedidos", **fields: Any) -> NamedQuery:
    """A published query over the table `pedidos` by the sender's phone, unless `fields` say otherwise."""
    values = {
        "description": "Os pedidos de quem escreve.",
        "definition": {
            "parameters": {"telefone": {"source": "sender_phone"}},
            "read": {"table": "pedidos", "filters": [{"column": "telefone", "parameter": "telefone"}]},
        },
        "is_published": True,
        **fields,
    }
    return NamedQuery.objects.create(client=client, name=name, **values)


@_as_service
def make_inbound(integration: Integration, *, payload: Any = None, **fields: Any) -> InboundEvent:
    """An event in the inbox that is still to be processed, unless `fields` say otherwise."""
    values = {"kind": "messages", "dedup_key": f"test:{next(_numbers)}", **fields}
    return InboundEvent.objects.create(
        client_id=integration.client_id,
        integration=integration,
        payload=payload if payload is not None else {"EventType": "messages"},
        **values,
    )
