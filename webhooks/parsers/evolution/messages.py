"""A message in Evolution's words, which are WhatsApp's: wrapped, edited, from a person or from the phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webhooks.parsers.base import FromPhone, Identity, Ignored, Inbound, Parsed, Peer
from webhooks.parsers.reading import as_flag, as_instant, as_object, as_text, as_texts, dedup_key
from webhooks.parsers.whatsapp import (
    MAX_ID,
    POLL,
    POLL_VOTE,
    REACTION,
    REPLIES,
    WORDLESS,
    chat_of,
    is_control,
    is_group,
    known_kind,
    other_kind,
    peer_of,
)

# In a chat with disappearing messages, and in others, the message is one level down.
_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
)
_DEPTH = 6
# Where a person's other names are: the phone of a LID, the LID of a phone.
_OTHER_NAMES = ("senderPn", "remoteJidAlt", "previousRemoteJid", "senderLid")


@dataclass(frozen=True, slots=True)
class _Content:
    """What was sent: the type's name as in `imageMessage`, what is inside, and which message it edits."""

    type: str
    inside: Any
    edited: str = ""
    edited_at: Any = None


def identify(data: dict[str, Any], place: str) -> Identity:
    """Name it by its id; what cannot be decrypted yet has no content, and may come again with it."""
    key, content = as_object(data.get("key")), _content_of(data)
    identifier = _id_of(key, content) if content else ""
    chat = chat_of(_peer_of(key), as_text(key.get("remoteJid")))
    return Identity("message", dedup_key("message", identifier or place), chat)


def parse(data: dict[str, Any]) -> Parsed:
    """Say what a message means. What the phone sent cannot be told from what we sent."""
    key, content = as_object(data.get("key")), _content_of(data)
    chat = as_text(key.get("remoteJid"))
    identifier = _id_of(key, content)[:MAX_ID] if content else ""
    if content is None or not identifier or not chat:
        return Ignored("UNKNOWN_SHAPE")
    if is_group(chat):
        return Ignored("GROUP_MESSAGE")
    is_from_us = as_flag(key.get("fromMe"))
    peer = _peer_of(key, "" if is_from_us else as_text(data.get("pushName")))
    if peer is None:
        return Ignored("NOT_A_PERSON")
    if is_control(content.type):
        return Ignored("EVENT_NOT_HANDLED")
    kind = _kind_of(content)
    words, refers_to = _words_of(content, kind), (content.edited or _target_of(content, kind))[:MAX_ID]
    sent_at = as_instant(_number(data.get("messageTimestamp"))) or as_instant(_number(content.edited_at))
    if is_from_us:
        return FromPhone(identifier, peer, len(words), kind, sent_at, refers_to)
    return Inbound(identifier, peer, words, kind, sent_at, refers_to, is_edit=bool(content.edited))


def of_an_edit(data: dict[str, Any]) -> dict[str, Any]:
    """The message that the event `messages.edited` tells of, whose `data` is the edit itself.

    Its key is how the writer sees it: theirs is `fromMe`, and the chat is then ours. Only one that is
    not says who the person is.
    """
    key = as_object(data.get("key"))
    message = {} if as_flag(key.get("fromMe")) else {"protocolMessage": data}
    return {**data, "message": data.get("message") or message}


def _content_of(data: dict[str, Any]) -> _Content | None:
    message, edited, edited_at = as_object(data.get("message")), "", None
    if not message:
        return None
    for _ in range(_DEPTH):
        protocol = as_object(message.get("protocolMessage"))
        if isinstance(protocol.get("editedMessage"), dict):
            edited = as_text(as_object(protocol.get("key")).get("id"))
            edited_at, message = protocol.get("timestampMs"), protocol["editedMessage"]
            continue
        inner = (as_object(as_object(message.get(name)).get("message")) for name in _WRAPPERS)
        wrapped = next(filter(None, inner), None)
        if wrapped is None:
            break
        message = wrapped
    known = next((name for name in message if known_kind(name)), "")
    named = known or next((name for name in message if name.endswith("Message")), "")
    inside = message.get(named) if named else None
    return _Content(as_text(named) or as_text(data.get("messageType")), inside, edited, edited_at)


def _id_of(key: dict[str, Any], content: _Content) -> str:
    """The message's own id; an edit's is what it edits and when, however it is told."""
    at = _number(content.edited_at)
    if content.edited and isinstance(at, int | str):
        return f"{content.edited}:{as_text(str(at))[:20]}"
    return as_text(key.get("id"))


def _peer_of(key: dict[str, Any], name: str = "") -> Peer | None:
    others = [as_text(key.get(other)) for other in _OTHER_NAMES]
    return peer_of(as_text(key.get("remoteJid")), others, name)


def _kind_of(content: _Content) -> str:
    kind, inside = known_kind(content.type), as_object(content.inside)
    if kind == "audio" and as_flag(inside.get("ptt")):
        return "ptt"
    if kind == "video" and as_flag(inside.get("gifPlayback")):
        return "gif"
    return kind or other_kind(content.type) or "unknown"


def _words_of(content: _Content, kind: str) -> str:
    """The text or caption, the option that was voted for, the label that was chosen."""
    if kind in WORDLESS:
        return ""
    if isinstance(content.inside, str):
        return as_text(content.inside)
    inside = as_object(content.inside)
    if kind == POLL:
        return as_text(inside.get("name"))
    if kind == POLL_VOTE:
        return ", ".join(as_texts(as_object(inside.get("vote")).get("selectedOptions")))
    words = as_text(inside.get("text")) or as_text(inside.get("caption"))
    if words or kind not in REPLIES:
        return words
    shown = [inside.get(name) for name in ("selectedDisplayText", "title")]
    shown += [
        as_object(inside.get("body")).get("text"),
        inside.get("selectedButtonId"),
        inside.get("selectedId"),
    ]
    shown += [as_object(inside.get("singleSelectReply")).get("selectedRowId")]
    return next(filter(None, map(as_text, shown)), "")


def _target_of(content: _Content, kind: str) -> str:
    """The id of the message that this one reacts to, or answers by a choice."""
    inside = as_object(content.inside)
    if kind == REACTION:
        return as_text(as_object(inside.get("key")).get("id"))
    if kind == POLL_VOTE:
        return as_text(as_object(inside.get("pollCreationMessageKey")).get("id"))
    return as_text(as_object(inside.get("contextInfo")).get("stanzaId")) if kind in REPLIES else ""


def _number(value: Any) -> Any:
    """A number that is too long for JavaScript comes in two halves."""
    low, high = as_object(value).get("low"), as_object(value).get("high")
    if isinstance(low, int) and isinstance(high, int) and 0 <= high < 2**31:
        return high * 2**32 + low % 2**32
    return None if isinstance(value, bool) else value
