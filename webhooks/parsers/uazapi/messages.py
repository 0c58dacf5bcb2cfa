"""A message in uazapiGO's words: from a person, from the client's own phone, or an echo of the API."""

from __future__ import annotations

import re
from typing import Any

from webhooks.parsers.base import Echo, FromPhone, Identity, Ignored, Inbound, Parsed, Peer
from webhooks.parsers.reading import as_flag, as_instant, as_object, as_text, dedup_key
from webhooks.parsers.whatsapp import (
    BUTTON_REPLY,
    LIST_REPLY,
    MAX_ID,
    POLL,
    POLL_VOTE,
    REACTION,
    REPLIES,
    TEXT,
    WORDLESS,
    chat_of,
    is_control,
    is_group,
    known_kind,
    other_kind,
    peer_of,
)

# `mediaType` says more than `messageType` about these.
_FINER_KINDS = {("audio", "ptt"): "ptt", ("video", "gif"): "gif"}
# By `mediaType`, where there is no `messageType`.
_KINDS_OF_MEDIA = {
    **{kind: kind for kind in ("image", "video", "gif", "ptt", "audio", "document", "sticker", "location")},
    "ptv": "video",
    "vcard": "contact",
    "list_response": LIST_REPLY,
}
_OWNER_PREFIX = re.compile(r"^\d{6,20}:", re.ASCII)


def identify(message: dict[str, Any], digest: str) -> Identity:
    """Name it by its id, or else by the bytes that it came in."""
    identifier, chat = _id_of(message) or digest, chat_of(_peer_of(message), _chat_of(message))
    return Identity("message", dedup_key("message", identifier), chat)


def parse(message: dict[str, Any]) -> Parsed:
    """Say what a message means."""
    identifier, chat = _id_of(message), _chat_of(message)
    if not identifier or not chat:
        return Ignored("UNKNOWN_SHAPE")
    message_type = as_text(message.get("messageType"))
    refers_to = bare_id(message.get("edited"))
    if is_control(message_type) and not refers_to:
        return Ignored("EVENT_NOT_HANDLED")
    peer, kind, sent_at = _peer_of(message), _kind_of(message), as_instant(message.get("messageTimestamp"))
    words, is_edit = _words_of(message, kind), bool(refers_to)
    refers_to = (refers_to or _target_of(message, kind))[:MAX_ID]
    is_from_us = as_flag(message.get("fromMe"))
    reference = as_text(message.get("track_id"))
    if is_from_us and (reference or as_flag(message.get("wasSentByApi"))):
        return Echo(identifier, reference, peer, len(words), kind, sent_at)
    if _is_of_group(message):
        return Ignored("GROUP_MESSAGE")
    if peer is None:
        return Ignored("NOT_A_PERSON")
    if not is_from_us:
        return Inbound(identifier, peer, words, kind, sent_at, refers_to, is_edit)
    if peer.wa_digits and peer.wa_digits == as_text(message.get("owner")):
        return Ignored("OWN_CHAT")
    return FromPhone(identifier, peer, len(words), kind, sent_at, refers_to)


def _id_of(message: dict[str, Any]) -> str:
    return (bare_id(message.get("messageid")) or bare_id(message.get("id")))[:MAX_ID]


def bare_id(value: Any) -> str:
    """A message's id without the `owner:` that some members have in front; receipts name it so."""
    return _OWNER_PREFIX.sub("", as_text(value))


def _chat_of(message: dict[str, Any]) -> str:
    return as_text(message.get("chatid")) or as_text(message.get("chatlid"))


def _is_of_group(message: dict[str, Any]) -> bool:
    return as_flag(message.get("isGroup")) or is_group(_chat_of(message))


def _peer_of(message: dict[str, Any]) -> Peer | None:
    """The chat's person. `sender*` is whoever wrote: the person, but the owner in what went out."""
    if _is_of_group(message):
        return None
    if as_flag(message.get("fromMe")):
        return peer_of(_chat_of(message), [as_text(message.get("chatlid"))])
    others = [as_text(message.get(name)) for name in ("chatlid", "sender_pn", "sender_lid", "sender")]
    return peer_of(_chat_of(message), others, as_text(message.get("senderName")))


def _kind_of(message: dict[str, Any]) -> str:
    """The kind by `messageType`: a location's `type` says `text`, a contact's `media`."""
    message_type, media = as_text(message.get("messageType")), as_text(message.get("mediaType")).lower()
    kind = known_kind(message_type)
    if kind:
        return _FINER_KINDS.get((kind, media), kind)
    if other := other_kind(message_type):
        return other
    if media in _KINDS_OF_MEDIA:
        return _KINDS_OF_MEDIA[media]
    match as_text(message.get("type")):
        case "text":
            return TEXT
        case "reaction":
            return REACTION
        case "poll":
            return POLL_VOTE if as_text(message.get("vote")) else POLL
    return BUTTON_REPLY if as_text(message.get("buttonOrListid")) else "unknown"


def _words_of(message: dict[str, Any], kind: str) -> str:
    """The text or caption, the option that was voted for, the label that was chosen."""
    if kind in WORDLESS:
        return ""
    content = message.get("content")
    inside = as_object(content)
    label = as_text(message.get("vote"))
    if kind == POLL_VOTE:
        return label or as_text(message.get("text"))
    words = as_text(message.get("text")) or as_text(content)
    if kind in REPLIES:
        shown = (words, label, as_text(inside.get("title")), as_text(inside.get("selectedDisplayText")))
        return next(filter(None, shown), "") or as_text(message.get("buttonOrListid"))
    return words or as_text(inside.get("text")) or as_text(inside.get("caption"))


def _target_of(message: dict[str, Any], kind: str) -> str:
    """The id of the message that this one reacts to, or answers by a choice."""
    inside = as_object(message.get("content"))
    if kind == REACTION:
        return bare_id(message.get("reaction")) or bare_id(as_object(inside.get("key")).get("ID"))
    if kind == POLL_VOTE:
        poll = as_object(inside.get("pollCreationMessageKey"))
        return bare_id(message.get("quoted")) or bare_id(poll.get("ID"))
    return bare_id(message.get("quoted")) if kind in REPLIES else ""
