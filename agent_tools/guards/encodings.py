"""A text, and what it says once it is decoded: by escapes, Base64 or hexadecimal digits."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

DEPTH = 2  # of one encoding within another
SHORTEST = 6  # decoded characters in a row that are worth reading

_ESCAPED = re.compile(r"\\(?:u\{?([0-9a-fA-F]{4,6})\}?|x([0-9a-fA-F]{2})|([nrtbf\"'/\\]))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_BASE64_LINES = re.compile(r"[A-Za-z0-9+/_\-\s]{8,}={0,2}")
_HEX = re.compile(r"(?:(?:\\x|0x|%|&#x)?[0-9a-fA-F]{2}[\s:,;\-]{0,2}){6,}")
_HEX_MARK = re.compile(r"\\x|0x|%|&#x|[\s:,;\-]")
_READABLE = re.compile(rf"[^\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]{{{SHORTEST},}}")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def readings(text: str) -> Iterator[str]:
    """The text, and each way of reading it that differs. Cost is linear in the text."""
    seen = {text}
    level = [text]
    yield text
    for _ in range(DEPTH):
        level = [read for one in level for read in _decode(one) if read not in seen]
        for one in level:
            if one not in seen:
                seen.add(one)
                yield one


def _decode(text: str) -> Iterator[str]:
    if "%" in text or "+" in text:
        yield unquote_plus(text)
    if "\\" in text:
        yield _ESCAPED.sub(_unescape, text)
    if "&" in text:
        yield html.unescape(text)
    yield from _from_base64(text)
    if found := [_HEX_MARK.sub("", run) for run in _HEX.findall(text)]:
        yield _joined(_from_hex(run) for run in found)


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if not code:
        return " " if found[3] in "nrtbf" else found[3]
    value = int(code, 16)
    return chr(value) if value <= 0x10FFFF else " "


def _from_base64(text: str) -> Iterator[str]:
    """All runs together, at each of the four places where a group of four may begin."""
    for pattern in (_BASE64, _BASE64_LINES):
        runs = [_NOT_BASE64.sub("", run.replace("-", "+").replace("_", "/")) for run in pattern.findall(text)]
        for offset in range(4) if runs else ():
            if read := _joined(_group(run[offset:]) for run in runs):
                yield read


def _group(run: str) -> str:
    whole = run[: len(run) - 1] if len(run) % 4 == 1 else run
    try:
        return _as_text(base64.b64decode(whole + "=" * (-len(whole) % 4)))
    except binascii.Error:
        return ""


def _from_hex(run: str) -> str:
    return _as_text(bytes.fromhex(run[: len(run) // 2 * 2]))


def _as_text(raw: bytes) -> str:
    """What can be read of it: of other data than text, next to nothing."""
    return "\n".join(_READABLE.findall(raw.decode("utf-8", errors="replace")))


def _joined(parts: Iterator[str]) -> str:
    return "\n".join(part for part in parts if part)
