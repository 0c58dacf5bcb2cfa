"""Is this webhook from the provider? Constant-time comparisons over what was really sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from webhooks.errors import InvalidSignature

TOLERANCE = timedelta(minutes=5)
EXPIRED = "Assinatura expirada: o horário difere em mais de 5 minutos."
HEADER = "X-Webhook-Signature"
# Ours: Evolution signs nothing, but sends the headers that it was given.
EVOLUTION_SECRET = "X-Webhook-Secret"  # noqa: S105 - the name of a header
SENDGRID_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
SENDGRID_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


def sign_body(secret: str, body: bytes) -> str:
    """HMAC-SHA256 over the raw body, hex: what the header carries after `sha256=`."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_fields(secret: str, payload: dict[str, Any]) -> str:
    """HMAC-SHA256 over the v1 fields, hex: what the body's own `signature` carries.

    Signed are timestamp, message_id, from and message, joined by line feeds in this order. Only the
    last may contain one, so no two payloads sign alike; and nothing is serialised again.
    """
    heads = [str(payload.get(name, "")) for name in ("timestamp", "message_id", "from")]
    if any("\n" in head for head in heads):
        raise InvalidSignature
    text = "\n".join([*heads, str(payload.get("message", ""))])
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time; any text is allowed."""
    return hmac.compare_digest(left.encode(), right.encode())


def same_as_any(given: str, secrets: Sequence[str]) -> bool:
    """Compare with each of several. All are compared: the time taken does not tell which one matched."""
    return any([same(given, one) for one in secrets])  # noqa: C419


def verify_v1(payload: dict[str, Any], body: bytes, header: str, secrets: list[str], now: datetime) -> None:
    """Check signature and freshness of a v1 payload; raises `InvalidSignature`.

    The signature is the header's over the raw body, or else the body's own over its fields; any
    active secret will do. The signed timestamp must be within 5 minutes.
    """
    given = header.removeprefix("sha256=") if header else payload.get("signature")
    if not isinstance(given, str) or not given or not secrets:
        raise InvalidSignature
    expected = [sign_body(secret, body) if header else sign_fields(secret, payload) for secret in secrets]
    if not same_as_any(given.lower(), expected):
        raise InvalidSignature
    sent_at = parse_instant(payload.get("timestamp"))
    if sent_at is None or abs(now - sent_at) > TOLERANCE:
        raise InvalidSignature(EXPIRED)


def verify_sendgrid(
    public_keys: Sequence[str], body: bytes, signature: str, timestamp: str, now: datetime
) -> None:
    """Check an event webhook's ECDSA signature over timestamp and raw body; raises `InvalidSignature`.

    The keys are base64 of DER; any of them will do. The timestamp, in epoch seconds, must be within 5
    minutes.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise InvalidSignature
    if not any([_signed_by(one, signature, timestamp.encode() + body) for one in public_keys]):  # noqa: C419
        raise InvalidSignature
    if abs(now - datetime.fromtimestamp(int(timestamp), tz=UTC)) > TOLERANCE:
        raise InvalidSignature(EXPIRED)


def _signed_by(public_key: str, signature: str, signed: bytes) -> bool:
    # Not the vendor's helper: it takes the body as text, so bytes that are not UTF-8 cannot be checked,
    # skips what is not base64 instead of refusing it, and its package is no business of the web process.
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
        given = base64.b64decode(signature, validate=True)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(given, signed, ec.ECDSA(SHA256()))
    except (ValueError, exceptions.UnsupportedAlgorithm, exceptions.InvalidSignature):
        return False
    return True


def parse_instant(value: Any) -> datetime | None:
    """Read an ISO 8601 instant with zone; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo else None
