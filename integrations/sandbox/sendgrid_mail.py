"""What SendGrid checks before it queues a mail, in its own words, and the events that a mail then brings."""

import re
import secrets
import time
from typing import Any

from .context import Refused

ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\"]+")
CONTENT_ORDER = ("text/plain", "text/x-amp-html", "text/html")
RESERVED_HEADERS = frozenset(
    (
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    )
)
# A sender whose local part starts so was never verified.
UNVERIFIED = "unverified"
NOT_VERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is "
    "resolved. Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the "
    "Sender Identity requirements"
)

BOUNCED = {
    "event": "bounce",
    "type": "bounce",
    "status": "5.1.1",
    "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
}
BLOCKED = {
    "event": "bounce",
    "type": "blocked",
    "status": "5.7.1",
    "reason": "550 5.7.1 Service unavailable, client host is on a block list.",
}
PROCESSED: dict[str, Any] = {"event": "processed"}
DELIVERED = {"event": "delivered", "response": "250 OK"}
# What happens to a recipient, by the beginning of the local part; to others, DELIVERY.
FATES: dict[str, list[dict[str, Any]]] = {
    "bounce": [PROCESSED, BOUNCED],
    "blocked": [PROCESSED, BLOCKED],
    "drop": [{"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}],
    "spam": [PROCESSED, DELIVERED, {"event": "spamreport"}],
    "unsubscribe": [PROCESSED, DELIVERED, {"event": "unsubscribe"}],
}
DELIVERY = [PROCESSED, DELIVERED]


class Invalid(Refused):
    """A mail is refused with 400 because of one of its fields."""

    def __init__(self, error: str, field: str) -> None:
        super().__init__(400, error)
        self.field = field


def check_mail(mail: dict[str, Any]) -> list[str]:
    """Return the recipients in order; raises Invalid, or Refused for a sender that is not verified."""
    recipients = _check_personalizations(mail.get("personalizations"))
    sender = mail.get("from")
    if not isinstance(sender, dict) or not _is_address(sender.get("email")):
        raise Invalid(
            "The from object must be provided for every email send. It is an object that requires the email "
            "parameter, but may also contain a name parameter.",
            "from.email",
        )
    if not isinstance(mail.get("subject"), str) or not mail["subject"]:
        raise Invalid("The subject is required.", "subject")
    _check_content(mail.get("content"))
    reply_to = mail.get("reply_to")
    if reply_to is not None and not (isinstance(reply_to, dict) and _is_address(reply_to.get("email"))):
        raise Invalid("The reply_to email does not contain a valid address.", "reply_to.email")
    _check_texts(mail, "custom_args")
    for name in _check_texts(mail, "headers"):
        if name.lower() in RESERVED_HEADERS:
            raise Invalid("The headers property contains a reserved header.", f"headers.{name}")
    if sender["email"].startswith(UNVERIFIED):
        raise Refused(403, NOT_VERIFIED)
    return recipients


def is_sandbox_mode(mail: dict[str, Any]) -> bool:
    settings = mail.get("mail_settings")
    mode = settings.get("sandbox_mode") if isinstance(settings, dict) else None
    return isinstance(mode, dict) and mode.get("enable") is True


def new_message_id() -> str:
    return secrets.token_urlsafe(16)


def events_of(mail: dict[str, Any], recipients: list[str], message_id: str) -> list[dict[str, Any]]:
    """What becomes of the mail, recipient by recipient. The custom arguments are keys of each event."""
    return [
        {**mail.get("custom_args", {}), **complete({**event, "email": address}, message_id)}
        for address in recipients
        for event in next((fate for start, fate in FATES.items() if address.startswith(start)), DELIVERY)
    ]


def complete(event: dict[str, Any], message_id: str) -> dict[str, Any]:
    """Give an event what every event has, unless it has it."""
    return {
        "email": "pessoa@example.com",
        "timestamp": int(time.time()),
        "smtp-id": f"<{message_id}@geopod-ismtpd-1>",
        "sg_event_id": secrets.token_urlsafe(32),
        "sg_message_id": f"{message_id}.filter-1",
        **event,
    }


def _check_personalizations(listed: Any) -> list[str]:
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise Invalid(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
    recipients: list[str] = []
    for number, personalization in enumerate(listed):
        place = f"personalizations.{number}"
        if not personalization.get("to"):
            raise Invalid(
                "The to array is required for all personalization objects, and must have at least one email "
                "object with a valid email address.",
                f"{place}.to",
            )
        found = [one for name in ("to", "cc", "bcc") for one in _addresses(personalization, name, place)]
        for index, address in enumerate(found):
            if address.lower() in (earlier.lower() for earlier in found[:index]):
                raise Invalid(
                    "Each email address in the personalization block should be unique between to, cc, and "
                    f"bcc. We found the first duplicate instance of [{address}] in the {place} field.",
                    place,
                )
        recipients += found
    return recipients


def _addresses(personalization: dict[str, Any], name: str, place: str) -> list[str]:
    listed = personalization.get(name, [])
    if not isinstance(listed, list):
        raise Invalid(f"The {name} parameter must be an array.", f"{place}.{name}")
    for number, one in enumerate(listed):
        if not isinstance(one, dict) or not _is_address(one.get("email")):
            raise Invalid("Does not contain a valid address.", f"{place}.{name}.{number}.email")
    return [one["email"] for one in listed]


def _check_content(content: Any) -> None:
    if not isinstance(content, list) or not content:
        raise Invalid("Unless a valid template_id is provided, the content parameter is required.", "content")
    for number, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str) or not part["type"]:
            raise Invalid("The content type must be a string of at least one character.", f"content.{number}")
        if not isinstance(part.get("value"), str) or not part["value"]:
            raise Invalid(
                "The content value must be a string at least one character in length.",
                f"content.{number}.value",
            )
    known = [CONTENT_ORDER.index(part["type"]) for part in content if part["type"] in CONTENT_ORDER]
    if known != sorted(set(known)):
        raise Invalid(
            "If present, text/plain and text/html may only be provided once, and must be in order.", "content"
        )


def _check_texts(mail: dict[str, Any], name: str) -> dict[str, str]:
    texts = mail.get(name, {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise Invalid(f"The {name} property must be an object of key/value strings.", name)
    return texts


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and ADDRESS.fullmatch(value) is not None
