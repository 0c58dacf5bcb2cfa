"""Every envelope that Uazapi posts (uazapiGO v2) beyond a text and its receipt, field for field."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from .payloads import OWNER, Text, envelope, lid_of, message_event

Writer = Literal["contact", "phone", "api"]
GROUP = "120363000000000000@g.us"


@dataclass(frozen=True)
class Shape:
    """How a kind of message is spelled. `words` is where its text goes: a member's name, or nowhere."""

    message_type: str
    type: str
    media_type: str = ""
    words: str = "text"


# A location says `text` in some builds and `media` in others; a contact always says `media`.
SHAPES = {
    "conversation": Shape("Conversation", "text"),
    "text": Shape("ExtendedTextMessage", "text"),
    "edit": Shape("ExtendedTextMessage", "text"),
    "image": Shape("ImageMessage", "media", "image"),
    "video": Shape("VideoMessage", "media", "video"),
    "gif": Shape("VideoMessage", "media", "gif"),
    "audio": Shape("AudioMessage", "media", "audio", ""),
    "ptt": Shape("AudioMessage", "media", "ptt", ""),
    "document": Shape("DocumentMessage", "media", "document"),
    "sticker": Shape("StickerMessage", "media", "sticker", ""),
    "location": Shape("LocationMessage", "text", "location", ""),
    "contact": Shape("ContactMessage", "media", "vcard"),
    "reaction": Shape("ReactionMessage", "reaction"),
    "poll": Shape("PollCreationMessageV3", "poll"),
    "poll_vote": Shape("PollUpdateMessage", "poll", "", "vote"),
    "list_reply": Shape("ListResponseMessage", "media", "list_response", "vote"),
    "button_reply": Shape("ButtonsResponseMessage", "media", "buttons_response", "vote"),
}
_MIMETYPES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "gif": "video/mp4",
    "audio": "audio/mpeg",
    "ptt": "audio/ogg; codecs=opus",
    "document": "application/pdf",
    "sticker": "image/webp",
}


def spoken(
    kind: str, message: Text, base_url: str, *, by: Writer = "contact", refers_to: str = ""
) -> dict[str, Any]:
    """Build the `messages` envelope of any kind in `SHAPES`.

    The message's text is its text, caption, emoji, question, or the label of what was chosen.
    `refers_to`: what it edits, reacts to or answers.
    """
    shape = SHAPES[kind]
    event = message_event(message, base_url, from_api=by != "contact")
    said = event["message"]
    said |= {
        "messageType": shape.message_type,
        "type": shape.type,
        "mediaType": shape.media_type,
        "text": "",
        "content": _content(kind, message, refers_to),
    }
    if shape.words:
        said[shape.words] = message.text
    if kind == "contact":
        said["text"] = f"{message.text}\nPhone (Celular): +40 700 000 035"
    if kind in ("list_reply", "button_reply"):
        said["buttonOrListid"] = "row-1"
    if target := {"edit": "edited", "reaction": "reaction"}.get(kind):
        said[target] = refers_to
    elif kind in ("poll_vote", "list_reply", "button_reply"):
        said["quoted"] = refers_to
    if by == "phone":
        said |= {"wasSentByApi": False, "track_id": "", "source": "android", "status": "", "chatlid": ""}
    return event


def _content(kind: str, message: Text, refers_to: str) -> Any:
    key = {"remoteJID": lid_of(OWNER), "fromMe": True, "ID": refers_to}
    if kind == "conversation":
        return message.text  # a string here, an object everywhere else
    if kind in ("text", "edit"):
        return {"text": message.text, "contextInfo": {}}
    if kind == "location":
        return {"degreesLatitude": -8.0342599, "degreesLongitude": -34.8921383, "JPEGThumbnail": "/9j/4AAQ"}
    if kind == "contact":
        return {"displayName": message.text, "vcard": "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD"}
    if kind == "reaction":
        return {"key": key, "text": message.text, "senderTimestampMS": message.milliseconds}
    if kind == "poll":
        options = [{"optionName": "1"}, {"optionName": "2"}]
        return {"pollCreationMessageV3": {"name": message.text, "options": options}}
    if kind == "poll_vote":
        sealed = {"encPayload": "Fr49y5rP30MR", "encIV": "1PGEoAvGYSN9sX3r"}
        return {"pollCreationMessageKey": key, "vote": sealed, "senderTimestampMS": message.milliseconds}
    if kind == "list_reply":
        return {"title": message.text, "listType": 1, "singleSelectReply": {"selectedRowID": "row-1"}}
    if kind == "button_reply":
        return {"selectedButtonID": "row-1", "selectedDisplayText": message.text}
    return _file(kind, message)


def _file(kind: str, message: Text) -> dict[str, Any]:
    content: dict[str, Any] = {
        # Encrypted, and so of no use to us: the live product does that.
        "URL": f"https://mmg.whatsapp.net/v/{message.message_id}.enc",
        "mimetype": _MIMETYPES[kind],
        "fileLength": 7529,
        "mediaKeyTimestamp": message.milliseconds // 1000,
    }
    if kind == "document":
        content["fileName"] = message.filename or "arquivo.pdf"
    if kind in ("audio", "ptt"):
        content |= {"PTT": kind == "ptt", "seconds": 5}
    if message.text and SHAPES[kind].words:
        content["caption"] = message.text
    return content


def in_group(event: dict[str, Any]) -> dict[str, Any]:
    """Turn a message's envelope into one of a group's: the person is only its sender."""
    chat = {**event["chat"], "wa_chatid": GROUP, "wa_chatlid": "", "wa_isGroup": True}
    message = {**event["message"], "chatid": GROUP, "chatlid": "", "isGroup": True, "groupName": "Equipe"}
    return {**event, "chat": chat, "message": message}


def receipt_event(
    message_ids: Sequence[str],
    state: str,
    base_url: str,
    *,
    phone: str,
    timestamp: float | str | None = None,
) -> dict[str, Any]:
    """Build the `messages_update` envelope; hundreds of ids in one are normal.

    `timestamp`: epoch seconds by default. The live product also posts ISO 8601.
    """
    jid = f"{phone}@s.whatsapp.net"
    event = {
        "Type": state,
        "MessageIDs": list(message_ids),
        "Chat": jid,
        "chatid": jid,
        "chatlid": lid_of(phone),
        "Sender": jid,
        "sender_pn": jid,
        "sender_lid": lid_of(phone),
        "IsFromMe": False,
        "IsGroup": False,
        "Timestamp": int(datetime.now(UTC).timestamp()) if timestamp is None else timestamp,
    }
    if state == "FileDownloaded":  # the product's own bookkeeping, which looks like a receipt
        event |= {"FileURL": f"{base_url}/files/a.mp3", "MimeType": "audio/mpeg"}
    kind = {"FileDownloaded": "FileDownloaded", "Deleted": "DeletedMessage"}.get(state, "ReadReceipt")
    return {**envelope("messages_update", base_url), "type": kind, "state": state, "event": event}


def connection_event(
    status: str, base_url: str, *, event_id: str = "", lost_at: str = "", reason: str = ""
) -> dict[str, Any]:
    """Build the `connection` envelope. Older builds give it no `event_id`."""
    instance = {"name": "sandbox", "status": status}
    event = {**envelope("connection", base_url), "instance": instance}
    if event_id:
        event["event_id"] = event_id
    if status == "connecting":
        instance["qrcode"] = "data:image/png;base64,iVBORw0KGgo="
        event["owner"] = ""
    if status == "disconnected":
        instance |= {"lastDisconnect": lost_at, "lastDisconnectReason": reason}
        event["type"] = "LoggedOut"
    return event


def history_event(messages: Sequence[Text], base_url: str) -> dict[str, Any]:
    """Build the `history` envelope: what was said before this number was connected, up to 200 messages."""
    said = [message_event(message, base_url, from_api=False)["message"] for message in messages]
    return {**envelope("history", base_url), "event": "messages", "messages": said}


def other_event(name: str, base_url: str) -> dict[str, Any]:
    """Build an envelope of the events that nothing here needs: `presence`, `groups`, `call`, …"""
    return {**envelope(name, base_url), "event": {"Chat": f"{OWNER}@s.whatsapp.net", "State": "composing"}}
