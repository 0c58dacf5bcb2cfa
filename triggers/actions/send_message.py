"""Write to the conversation's contact, or to somebody else."""

from __future__ import annotations

from typing import Any

from integrations.delivery.outbox import conversation_with, enqueue_mail, enqueue_message
from integrations.models import OutboundMessage
from renum.conversations.models import Message
from triggers.actions.base import ActionType, Occasion
from triggers.actions.words import WordsConfig, check_words, mail_fields, whatsapp_text, words_of
from triggers.errors import NoConversation


class SendMessageConfig(WordsConfig):
    """A WhatsApp text or an e-mail; the contact's address is their attribute `email`."""


def run(config: WordsConfig, occasion: Occasion) -> dict[str, Any]:
    """Queue the message; raises what its channel's door raises."""
    how: dict[str, Any] = {
        "idempotency_key": occasion.key,
        "cause": occasion.cause,
        "priority": OutboundMessage.Priority.LOW,
    }
    if config.channel == "email":
        message = enqueue_mail(occasion.client_id, mail=mail_fields(config, occasion), **how)
        return {"message_id": str(message.id)}
    text = whatsapp_text(config, occasion)
    if isinstance(config.to, str):
        conversation = conversation_with(occasion.client_id, config.to, cause=occasion.cause)
    elif occasion.conversation is not None:
        conversation = occasion.conversation
    else:
        raise NoConversation
    message = enqueue_message(conversation, text, author=Message.Author.TRIGGER, **how)
    return {"message_id": str(message.id)}


TYPE = ActionType(
    config=SendMessageConfig,
    run=run,
    check=check_words,
    texts=words_of,
    needs_conversation=lambda config: config.to is None,
    messages=lambda _config: 1,
)
