"""A contact says whether they want our messages. That is heeded before any agent sees it."""

from __future__ import annotations

from integrations.delivery.outbox import enqueue_message
from integrations.errors import IntegrationDisabled, IntegrationNotFound
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.consent import OPTED_OUT, is_suppressed, release_contact, suppress_contact
from renum.conversations.models import Channel, Conversation, Message
from renum.conversations.policies import policy_of
from renum.conversations.services import want_attention
from renum.conversations.wishes import Wish, recognize_wish
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event

UNCLEAR_OPT_OUT = "OPT_OUT_UNCLEAR"  # why a conversation asks for a person

# What became of the confirmation, in the event: these, or the code of what kept it from being queued.
QUEUED = "QUEUED"
NO_TEXT = "NO_TEXT"  # the client wants none
BARRED = "BARRED"  # staff or another rule bar the contact beside


def heed_wish(conversation: Conversation, message: Message, text: str, *, cause: Cause) -> bool:
    """Returns whether the text was such a wish and nothing else, so that no agent is to answer it.

    What may be one is shown to a person, and answered like any other text. The caller is in the scope
    and the transaction that process the message.
    """
    wish = recognize_wish(text)
    if wish is Wish.OPT_OUT:
        _opt_out(conversation, message, cause)
    elif wish is Wish.OPT_IN and is_suppressed(conversation.contact, OPTED_OUT):
        _opt_in(conversation, message, cause)
    else:
        if wish is Wish.UNCLEAR and not is_suppressed(conversation.contact):
            want_attention(conversation, UNCLEAR_OPT_OUT, cause=cause)
        return False
    _note_answered(conversation, message)
    return True


def _opt_out(conversation: Conversation, message: Message, cause: Cause) -> None:
    """Bar the contact, and tell them once that we heard them."""
    was_barred = is_suppressed(conversation.contact)
    if not suppress_contact(conversation.contact, OPTED_OUT):
        return
    confirmation = BARRED
    if not was_barred:
        text = policy_of(conversation.client_id).opt_out_text
        confirmation = _confirm(conversation, message, text, "opt-out", cause)
    _record(Event.Kind.CONTACT_OPTED_OUT, conversation, message, confirmation, cause)


def _opt_in(conversation: Conversation, message: Message, cause: Cause) -> None:
    """Lift what the contact's own opt-out barred, and nothing else; confirm it, if that opened the way."""
    if _is_overtaken(conversation, message) or not release_contact(conversation.contact, OPTED_OUT):
        return
    confirmation = BARRED
    if not is_suppressed(conversation.contact):
        text = policy_of(conversation.client_id).opt_in_text
        confirmation = _confirm(conversation, message, text, "opt-in", cause)
    _record(Event.Kind.CONTACT_OPTED_IN, conversation, message, confirmation, cause)


def _is_overtaken(conversation: Conversation, message: Message) -> bool:
    """An opt-in that arrives late does not undo an opt-out that was written after it."""
    return Event.objects.filter(
        client_id=conversation.client_id,
        conversation_id=conversation.id,
        kind=Event.Kind.CONTACT_OPTED_OUT,
        occurred_at__gt=message.occurred_at,
    ).exists()


def _confirm(conversation: Conversation, message: Message, text: str, wish: str, cause: Cause) -> str:
    """Queue the confirmation; without a way to send it the wish holds all the same. Returns a code."""
    if not text.strip():
        return NO_TEXT
    try:
        enqueue_message(
            conversation,
            text,
            idempotency_key=f"{wish}:{message.id}",
            author=Message.Author.SYSTEM,
            priority=OutboundMessage.Priority.HIGH,
            confirms_opt_out=wish == "opt-out",
            cause=cause,
        )
    except (IntegrationNotFound, IntegrationDisabled) as error:
        return error.code
    return QUEUED


def _record(
    kind: Event.Kind, conversation: Conversation, message: Message, confirmation: str, cause: Cause
) -> None:
    record_event(
        conversation.client_id,
        kind,
        cause=cause,
        conversation_id=conversation.id,
        data={
            "channel": Channel.WHATSAPP.value,
            "message_id": str(message.id),
            "confirmation": confirmation,
        },
        occurred_at=message.occurred_at,
    )


def _note_answered(conversation: Conversation, message: Message) -> None:
    """Nobody owes an answer to the wish itself; what the contact asked before it still waits."""
    Conversation.objects.filter(
        id=conversation.id, client_id=conversation.client_id, unanswered_since__gte=message.occurred_at
    ).update(unanswered_since=None, updated_at=clock.now())
