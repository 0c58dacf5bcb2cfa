"""Remove credentials and personal data from what is logged, stored as an error, or shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

MASK = "***"

SENSITIVE_KEY = re.compile(
    r"token|secret|password|senha|api[_-]?key|authorization|cookie|credential|signature"
    r"|^(phone|telefone|recipient|to|cc|bcc|email|e_mail|number|jid|chatid|sender|from"
    r"|text|message|body|caption|subject|name)$",
    re.IGNORECASE,
)
_NOT_IN_UUID = r"(?<![0-9a-fA-F]{4}-)"
_PATTERNS = (
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), MASK),  # JWT
    # `Bearer x`, `Basic x`: credentials have a digit, a sign or no end; words of a sentence do not
    (re.compile(r"(?i)\b(bearer|basic)\s+(?=\S*[\d=._~+/]|\S{24})[\w.~+/=-]{8,}"), r"\1 " + MASK),
    # name=value, name: value, "name": "value"
    (
        re.compile(
            r"(?i)([\w-]*(?:token|secret|password|passwd|senha|api[_-]?key)[\w-]*[\"']?\s*[:=]\s*[\"']?)"
            r"(?!\*\*\*)[^\s\"'&,;(){}]{4,}"
        ),
        r"\1" + MASK,
    ),
    (re.compile(r"\b(SG\.|sk-|sb_)[\w.-]{8,}"), MASK),
    (re.compile(r"(/webhooks/[a-z]+/)[\w-]{16,}"), r"\1" + MASK),
    (re.compile(r"(://[^/\s:@]*:)(?!\*\*\*@)[^/\s@]+@"), r"\1" + MASK + "@"),
    # e-mail and WhatsApp ids
    (re.compile(r"(?<![\w.%+:*-])(?!\*)[\w.+-]+(:\d+)?(@|%40)[\w-]+(\.[\w-]+)+"), MASK),
    (re.compile(r"[\w.+-]+(@|%40)[\w-]+(\.[\w-]+)+"), MASK),
    # phones as people write them: with a plus, or with area code and groups
    (re.compile(r"(\+|%2[Bb])\d([\d ().-]|%20){7,20}\d(?![\w:])"), MASK),
    (
        re.compile(
            _NOT_IN_UUID
            + r"(?<![\w.:-])(55[ .-]?)?\(?0?\d{2}\)?[ .-]?(9[ .-]?\d{4}|[2-5]\d{3})[ .-]\d{4}\b(?![:-])"
        ),
        MASK,
    ),
    # phones as machines write them
    (re.compile(_NOT_IN_UUID + r"(?<![\w.-])\d{10,15}(?![\w-]|[.:]\d)"), MASK),
)


def redact_text(text: str) -> str:
    """Return `text` with tokens, addresses and phone numbers replaced by `***`."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any, *, key: str = "") -> Any:
    """Return a copy of a JSON-like value with sensitive members masked."""
    if key and SENSITIVE_KEY.search(key):
        return MASK if value not in (None, "", [], {}) else value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {name: redact_value(member, key=str(name)) for name, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(member) for member in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))  # such as a request, whose text has its address


_KEEP = frozenset({"level", "logger", "timestamp"})


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact a structlog event; `event` itself is a message template and is redacted as text."""
    for name, value in list(event.items()):
        if name == "event":
            event[name] = redact_text(str(value))
        elif name not in _KEEP:
            event[name] = redact_value(value, key=name)
    return event
