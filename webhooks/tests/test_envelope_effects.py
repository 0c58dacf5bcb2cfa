"""Uazapi's envelopes on their whole way: posted, taken in, processed, and the picture that they leave."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from typing import Any

from agent_tools.models import AgentRun, AgentRunInput
from integrations.models import Integration
from integrations.sandbox import envelopes as vendor
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, IdentityDoubt, Message
from renum.environment import BASE_DIR
from renum.events.models import Event
from tests.cast import Cast
from webhooks import services
from webhooks.admin import REASONS
from webhooks.parsers.base import ConnectionChange, Echo, FromPhone, Ignored, Inbound, Receipt
from webhooks.tests import envelopes
from webhooks.tests.envelopes import LID, URL, Case
from webhooks.tests.helpers import PHONE, connect, inbox, post


def rows(model: Any, **filters: Any) -> list[Any]:
    with service_scope(reason="test"):
        return list(model.objects.filter(**filters))


def only(model: Any, **filters: Any) -> Any:
    (row,) = rows(model, **filters)
    return row


def chosen() -> list[Case]:
    """Every kind by the contact, some by each writer, and every form of chat by each; one message of each."""
    found = []
    for case in envelopes.messages():
        kind, form, *rest = case.name.split("/")
        by = rest[0] if rest else ""
        if (form == "phone" and (by == "contact" or kind in ("image", "edit", "reaction"))) or (
            kind == "text" and by
        ):
            found.append(case)
    return found


def wanted(case: Case) -> dict[str, Any]:
    """The row that a message leaves."""
    said = case.expected
    assert isinstance(said, Inbound | FromPhone | Echo)
    writer = {Inbound: "contact", FromPhone: "person", Echo: "other"}[type(said)]
    return {
        "direction": "inbound" if writer == "contact" else "outbound",
        "author": writer,
        "state": "received" if writer == "contact" else "sent",
        "kind": said.kind,
        "length": len(said.text) if isinstance(said, Inbound) else said.length,
        "refers_to": "" if isinstance(said, Echo) else said.refers_to,
        "occurred_at": said.sent_at,
    }


def test_all_messages_make_one_conversation_with_one_person(cast: Cast) -> None:
    """Under every name that WhatsApp has for them; each once, however often it is posted."""
    connect(cast.acme)
    cases = chosen()
    for number, case in enumerate(cases):
        for _ in range(2 if number % 4 == 0 else 1):
            assert post(case.envelope).status_code == 200, case.name
    services.process_inbox()

    faults = []
    found = {message.provider_message_id: message for message in rows(Message)}
    for case in cases:
        message = found.get(case.expected.provider_message_id)  # type: ignore[union-attr]
        row = wanted(case)
        if row["occurred_at"] is None and message:
            row["occurred_at"] = message.occurred_at  # when it was received
        if message is None or {name: getattr(message, name) for name in row} != row:
            faults.append((case.name, message and {name: getattr(message, name) for name in row}, row))
    assert not faults, "\n".join(map(str, faults))
    assert len(found) == len(cases) == len(inbox()) > 40
    assert {(event.state, event.reason_code) for event in inbox()} == {("done", "")}

    contact, conversation = only(Contact), only(Conversation)
    assert (contact.phone, contact.wa_id, contact.name) == (f"+{PHONE}", PHONE, "Marina")
    assert conversation.contact_id == contact.id and rows(IdentityDoubt) == []
    told = [case.expected for case in cases if isinstance(case.expected, Inbound)]
    assert len(rows(Event, kind="message_received")) == len(told)
    assert len(rows(Event, kind="conversation_opened")) == 1
    asked = rows(AgentRunInput)
    assert len(asked) == len([said for said in told if said.text])
    assert {row.length for row in asked} == {len(envelopes.WORDS)}


def test_a_person_met_by_lid_alone_is_the_same_once_the_phone_is_told(cast: Cast) -> None:
    connect(cast.acme)
    cases = {case.name.split("/")[1]: case for case in envelopes.messages() if case.name.startswith("text/")}
    for form in ("lid-alone", "phone"):
        assert post(cases[form].envelope).status_code == 200
        services.process_inbox()
        contact = only(Contact)
        known = (contact.phone, contact.wa_id)
        assert known == ((None, f"{LID}@lid") if form == "lid-alone" else (f"+{PHONE}", PHONE))
    assert len(rows(Message)) == 2 and only(Conversation)


def test_receipts_in_every_spelling_move_what_was_sent(cast: Cast) -> None:
    """Batches overlap, name ids that nobody knows, and come in any order."""
    connect(cast.acme)
    for number in range(4):
        event = envelopes.said("text", f"3EB0S{number}", by="phone")
        event["message"]["messageTimestamp"] = int(datetime.now(UTC).timestamp() * 1000)
        post(event)
    ids = [f"3EB0S{number}" for number in range(4)]
    unknown = [f"3EB0U{number}" for number in range(240)]
    steps: list[tuple[list[str], Any, Any]] = [
        ([*ids, *unknown], "Delivered", "Delivered"),
        (ids[:2], "Read", "read"),
        (ids[1:3], None, "played"),
        (ids, "Delivered", "Read"),  # what is at the top counts
        (ids[:1], "Error", "Error"),  # too late
        (ids[3:], "Deleted", "Deleted"),
        (ids[3:], "FileDownloaded", "FileDownloaded"),
    ]
    for named, state, kind in steps:
        event = vendor.receipt_event([f"5511999990001:{one}" for one in named], state or "", URL, phone=PHONE)
        event["event"]["Type"] = kind
        assert post(event).status_code == 200
    services.process_inbox()

    states = {message.provider_message_id: message.state for message in rows(Message)}
    assert states == {"3EB0S0": "read", "3EB0S1": "read", "3EB0S2": "read", "3EB0S3": "delivered"}
    assert only(Conversation).agent_paused_until is not None
    assert rows(AgentRun) == []


def test_the_session_s_status_follows_every_envelope_in_order(cast: Cast) -> None:
    """Two builds: one names its events, the other says "connected" in the same bytes each time."""
    integration = connect(cast.acme)
    on, off = vendor.connection_event("connected", URL), vendor.connection_event("hibernated", URL)
    lost = vendor.connection_event("disconnected", URL, lost_at=envelopes.LOST_AT, reason=envelopes.REASON)
    again = vendor.connection_event("disconnected", URL, event_id="a", lost_at="2026-03-01 08:00:00.000Z")
    back = vendor.connection_event("connected", URL, event_id="b")
    steps = [
        *((on, "connected"), (lost, "disconnected"), (lost, "disconnected"), (on, "connected")),
        *((on, "connected"), (lost, "connected"), (off, "disconnected"), (on, "connected")),
        *((again, "disconnected"), (back, "connected"), (again, "connected"), (off, "disconnected")),
        (vendor.connection_event("connecting", URL), "disconnected"),
    ]
    seen = []
    for event, _ in steps:
        assert post(event).status_code == 200
        services.process_inbox()
        seen.append(str(only(Integration, id=integration.id).status))
    assert seen == [status for _, status in steps]
    assert len(rows(Event, kind="integration_disconnected")) == 4

    integration_again = only(Integration, id=integration.id)
    for event in (on, off, on):  # taken in together, they are still processed in order
        post(event)
    services.process_inbox()
    assert only(Integration, id=integration_again.id).status == "connected"


def test_i8_what_is_nothing_to_us_leaves_a_row_that_says_why(cast: Cast) -> None:
    connect(cast.acme)
    cases = [*envelopes.others(), *envelopes._no_persons()]
    cases = [case for case in cases if isinstance(case.expected, Ignored)]
    for number, case in enumerate(cases):
        event = copy.deepcopy(case.envelope)
        message = event.get("message")
        if isinstance(message, dict) and isinstance(message.get("messageid"), str):
            message["messageid"] = f"3EB0N{number}"  # each is another message
        assert post(event).status_code == 200, case.name
    services.process_inbox()

    reasons = [event.reason_code for event in inbox()]
    assert reasons == [case.expected.reason_code for case in cases]  # type: ignore[union-attr]
    assert {event.state for event in inbox()} == {"ignored"}
    assert [event.payload for event in inbox() if event.payload] == []
    for model in (Contact, Conversation, Message, Event, AgentRun):
        assert rows(model) == [], model


def test_i8_every_reason_is_explained_to_staff() -> None:
    """Those of the corpus, and those that the source names."""
    expected = [case.expected for case in envelopes.corpus()]
    assert {type(said) for said in expected} == {Inbound, FromPhone, Echo, Receipt, ConnectionChange, Ignored}
    reasons = {said.reason_code for said in expected if isinstance(said, Ignored)}
    for source in (BASE_DIR / "webhooks").rglob("*.py"):
        if "tests" not in source.parts:
            reasons |= set(re.findall(r'Ignored\(\s*"([A-Z_]+)"', source.read_text()))
    assert reasons >= {"HISTORY", "OWN_CHAT", "GROUP_MESSAGE", "CONNECTING", "DUPLICATE_MESSAGE"}
    assert reasons <= set(REASONS)
