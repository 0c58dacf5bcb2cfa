"""WhatsApp's own names for people and for what they send, which its gateways pass on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from renum.conversations.phones import lid_from_jid, phone_from_jid
from webhooks.parsers.base import Peer

_CAN_BE_A_PHONE = re.compile(r"[1-9]\d{7,14}", re.ASCII)  # E.164 without its plus
MAX_ID, MAX_NAME, MAX_KIND = 128, 200, 20  # as long as the columns that they are kept in

TEXT, REACTION, POLL, POLL_VOTE = "text", "reaction", "poll", "poll_vote"
BUTTON_REPLY, LIST_REPLY = "button_reply", "list_reply"
REPLIES = frozenset({BUTTON_REPLY, LIST_REPLY})
# What is shown for these is no words of the writer's: an emoji, a place's or a third person's data.
WORDLESS = frozenset({REACTION, "location", "contact"})

# By the name of the message's type, in lower case.
_KINDS = {
    "conversation": TEXT,
    "extendedtextmessage": TEXT,
    "imagemessage": "image",
    "videomessage": "video",
    "ptvmessage": "video",
    "audiomessage": "audio",
    "documentmessage": "document",
    "documentwithcaptionmessage": "document",
    "stickermessage": "sticker",
    "lottiestickermessage": "sticker",
    "locationmessage": "location",
    "livelocationmessage": "location",
    "contactmessage": "contact",
    "contactsarraymessage": "contact",
    "reactionmessage": REACTION,
    "encreactionmessage": REACTION,
    "pollcreationmessage": POLL,  # V2, V3, … as well
    "pollupdatemessage": POLL_VOTE,
    "buttonsresponsemessage": BUTTON_REPLY,
    "templatebuttonreplymessage": BUTTON_REPLY,
    "interactiveresponsemessage": BUTTON_REPLY,
    "listresponsemessage": LIST_REPLY,
}
# A message was deleted, a chat's settings changed, keys were exchanged: nobody wrote.
_CONTROL = frozenset({"protocolmessage", "senderkeydistributionmessage", "messagecontextinfo"})


def known_kind(message_type: str) -> str | None:
    """`image`, `text`… for a type's name as in `ImageMessage` or `imageMessage`; None if it is not known."""
    name = message_type.lower()
    return POLL if name.startswith("pollcreationmessage") else _KINDS.get(name)


def other_kind(message_type: str) -> str:
    """A kind for a type that we do not know; empty for one without a name."""
    return message_type.lower().removesuffix("message")[:MAX_KIND]


def is_control(message_type: str) -> bool:
    return message_type.lower() in _CONTROL


def is_group(jid: str) -> bool:
    return jid.endswith("@g.us")


def can_be_a_phone(digits: str) -> bool:
    """Tell whether digits may be somebody's number. Some are no valid phone, and yet WhatsApp knows them."""
    return _CAN_BE_A_PHONE.fullmatch(digits) is not None


def peer_of(chat: str, others: Iterable[str] = (), name: str = "") -> Peer | None:
    """The person of a chat; None if it is no person's. `others`: what else the person may be called.

    A LID is never a phone; the device is no part of either.
    """
    if phone_from_jid(chat) is None and lid_from_jid(chat) is None:
        return None
    names = (chat, *others)
    digits = next((found for one in names if (found := phone_from_jid(one))), None)
    lid = next((found for one in names if (found := lid_from_jid(one))), None)
    if lid and digits and not can_be_a_phone(digits):
        digits = None
    return Peer(digits, lid, name[:MAX_NAME] or None)


def chat_of(peer: Peer | None, chat: str) -> str:
    """What orders the events of one person: the phone's digits where they are known."""
    if peer is None:
        return chat
    return peer.wa_digits or f"{peer.lid}@lid"
