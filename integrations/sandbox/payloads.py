"""The JSON that Uazapi posts and answers, field for field as captured from the live product (uazapiGO v2)."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .journal import utc_text

TOKEN = "demo-token"  # noqa: S105 - public on purpose: it is the only one that the stand-in accepts
OWNER = "5511999990001"
INSTANCE = "sandbox"


@dataclass(frozen=True)
class Text:
    """One message between the owner of the instance and a person; `phone` is the person's, digits only.

    With `media` (image, audio, document, video…) it is a file, and `text` its caption.
    """

    message_id: str
    phone: str
    text: str
    sent_at: datetime
    name: str = ""
    track_id: str = ""
    media: str = ""
    filename: str = ""

    @property
    def message_type(self) -> str:
        kind = {"myaudio": "audio", "ptt": "audio", "ptv": "video"}.get(self.media, self.media)
        return f"{kind.capitalize()}Message" if kind else "ExtendedTextMessage"

    @property
    def content(self) -> dict[str, Any]:
        if not self.media:
            return {"text": self.text, "contextInfo": {}}
        # Encrypted, and so of no use to us: the live product does that.
        url = f"https://mmg.whatsapp.net/v/{self.message_id}.enc"
        return {"URL": url, "fileName": self.filename, "caption": self.text}

    @property
    def chatid(self) -> str:
        return f"{self.phone}@s.whatsapp.net"

    @property
    def chatlid(self) -> str:
        return lid_of(self.phone)

    @property
    def milliseconds(self) -> int:
        return int(self.sent_at.timestamp() * 1000)


def new_go_id() -> str:
    return "3EB0" + secrets.token_hex(9).upper()


def new_v1_id() -> str:
    return "msg_" + secrets.token_hex(10)


def lid_of(phone: str) -> str:
    return f"9000{phone}@lid"


def sent_answer(message: Text) -> dict[str, Any]:
    """Build the answer to `/send/text` and `/send/media`: a flat message, no wrapper."""
    return {
        "id": f"{OWNER}:{message.message_id}",
        "messageid": message.message_id,
        "chatid": message.chatid,
        "fromMe": True,
        "isGroup": False,
        "messageTimestamp": message.milliseconds,
        "messageType": message.message_type,
        "owner": OWNER,
        "sender": f"{OWNER}@s.whatsapp.net",
        "senderName": INSTANCE,
        "source": "web",
        "status": "Pending",
        "text": message.text,
        "content": message.content,
        "track_id": message.track_id,
        "track_source": "",
        "quoted": "",
        "reaction": "",
        "edited": "",
        "convertOptions": "",
        "readChatAttempted": False,
    }


def message_event(message: Text, base_url: str, *, from_api: bool) -> dict[str, Any]:
    """Build the `messages` envelope: of a person's message or, `from_api`, the echo of one that we sent."""
    # For our own messages `sender*` is the owner; only `chatid` names the person in both directions.
    speaker = OWNER if from_api else message.phone
    return {
        **envelope("messages", base_url),
        "chatSource": "updated",
        "chat": {
            "id": "r" + hashlib.sha256(message.phone.encode()).hexdigest()[:14],
            "wa_chatid": message.chatid,
            "wa_chatlid": message.chatlid,
            "wa_fastid": f"{OWNER}:{message.phone}",
            "phone": f"+{message.phone}",
            "name": message.name,
            "wa_name": message.name,
            "wa_contactName": "",
            "wa_isGroup": False,
            "wa_isBlocked": False,
            "wa_unreadCount": 0 if from_api else 1,
            "wa_lastMsgTimestamp": message.milliseconds,
            "imagePreview": "",
            "lead_name": "",
            "lead_field01": "",
            "lead_tags": [],
        },
        "message": {
            "id": f"{OWNER}:{message.message_id}",
            "messageid": message.message_id,
            "chatid": message.chatid,
            "chatlid": message.chatlid,
            "sender": lid_of(speaker),
            "sender_pn": f"{speaker}@s.whatsapp.net",
            "sender_lid": lid_of(speaker),
            "senderName": INSTANCE if from_api else message.name,
            "fromMe": from_api,
            "isGroup": False,
            "groupName": "Unknown",
            "wasSentByApi": from_api,
            "messageTimestamp": message.milliseconds,
            "messageType": message.message_type,
            "type": "media" if message.media else "text",
            "mediaType": message.media,
            "text": message.text,
            "content": message.content,
            "quoted": "",
            "edited": "",
            "reaction": "",
            "vote": "",
            "buttonOrListid": "",
            "convertOptions": "",
            "source": "web" if from_api else "android",
            "status": "Pending" if from_api else "",
            "track_id": message.track_id,
            "track_source": "",
            "owner": OWNER,
        },
    }


def delivered_event(message: Text, base_url: str) -> dict[str, Any]:
    return {
        **envelope("messages_update", base_url),
        "type": "ReadReceipt",
        "state": "Delivered",
        "event": {
            "Type": "Delivered",
            "MessageIDs": [message.message_id],
            "Chat": message.chatid,
            "chatid": message.chatid,
            "chatlid": message.chatlid,
            "Sender": message.chatid,
            "sender_pn": message.chatid,
            "sender_lid": message.chatlid,
            "IsFromMe": False,
            "IsGroup": False,
            # Seconds here, while messageTimestamp is milliseconds: the live product does that.
            "Timestamp": int(datetime.now(UTC).timestamp()),
        },
    }


def v1_event(message: Text, timestamp: str, secret: str) -> dict[str, Any]:
    """Build the signed webhook of the v1 contract; `timestamp` is signed and sent as it is spelled."""
    sender = f"+{message.phone}"
    return {
        "from": sender,
        "message": message.text,
        "timestamp": timestamp,
        "message_id": message.message_id,
        "signature": sign_v1(secret, timestamp, message.message_id, sender, message.text),
    }


def sign_v1(secret: str, timestamp: str, message_id: str, sender: str, text: str) -> str:
    """Return the lowercase hex HMAC-SHA256 over the four values joined by newlines."""
    signed = "\n".join([timestamp, message_id, sender, text])
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


def status_answer(base_url: str) -> dict[str, Any]:
    now = utc_text(datetime.now(UTC)).replace("T", " ")
    return {
        "instance": {
            "id": "r5a4d0b0c5e1f2a",
            "token": TOKEN,
            "status": "connected",
            "name": INSTANCE,
            "owner": OWNER,
            "qrcode": "",
            "paircode": "",
            "profileName": "Sandbox",
            "profilePicUrl": f"{base_url}/picture.jpg",
            "isBusiness": False,
            "plataform": "android",  # the vendor's spelling
            "systemName": "uazapiGO",
            "lastDisconnect": "",
            "lastDisconnectReason": "",
            "current_presence": "available",
            "currentTime": now,
            "msg_delay_min": 1,
            "msg_delay_max": 3,
            "created": "2026-08-19 17:30:00.000Z",
            "updated": now,
        },
        # A string with a device suffix in live traffic, although the vendor's document says object.
        "status": {
            "connected": True,
            "loggedIn": True,
            "jid": f"{OWNER}:57@s.whatsapp.net",
            "resetting": False,
        },
    }


def envelope(event_type: str, base_url: str) -> dict[str, Any]:
    """Build what every body of the live product has in common."""
    # The live product puts the instance's credential into every body that it posts.
    return {
        "BaseUrl": base_url,
        "EventType": event_type,
        "instanceName": INSTANCE,
        "owner": OWNER,
        "token": TOKEN,
    }
