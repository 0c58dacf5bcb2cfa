"""Bodies nobody should post, made from a seed: valid ones, mutated, cut off, and hostile from the start."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

# Values to put in place of others: of the wrong type, too big, or meaning something elsewhere.
VALUES: list[Callable[[random.Random], Any]] = [
    lambda r: None,
    lambda r: r.choice([True, False]),
    lambda r: r.choice([0, -1, 1, 2**31, 2**63, -(10**30), 10**400]),
    lambda r: r.choice([0.0, -0.5, 1e300, 1.5e12]),
    lambda r: r.choice(["", " ", "\x00", "a\x00b", "0", "False", "true", "9" * 30, "9" * 5000]),
    lambda r: r.choice(["\ud83d", "\udc00x", "😀" * 50, "٥٥١١٩٨٧٦", "\u202e\u200f", "é" * 300]),
    lambda r: r.choice(["5511987650001@s.whatsapp.net", "5511987650001:57@s.whatsapp.net", "1@lid"]),
    lambda r: r.choice(
        ["100000000000001@lid", "120363000000000000@g.us", "status@broadcast", "x@newsletter"]
    ),
    lambda r: r.choice(["messages", "messages_update", "connection", "history", "presence", "call"]),
    lambda r: r.choice(["Read", "Delivered", "Error", "Deleted", "connected", "hibernated", "LoggedOut"]),
    lambda r: r.choice(
        ["ReactionMessage", "PollUpdateMessage", "ProtocolMessage", "Message", "AlbumMessage"]
    ),
    lambda r: r.choice(["2026-08-19T17:51:41Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
    lambda r: r.choice([[], [[]], [None], ["A", 1, None, {}], [{}] * 20]),
    lambda r: r.choice([{}, {"": ""}, {"token": "x"}, {"a": {"b": {"c": []}}}]),
    lambda r: [f"3EB0{number}" for number in range(r.choice([1, 246, 400]))],
    lambda r: "x" * r.choice([127, 129, 201, 5000]),
]
NAMES = ["EventType", "message", "messageid", "chatid", "chatlid", "fromMe", "track_id", "event", "state"]
NAMES += ["MessageIDs", "token", "from", "timestamp", "message_id", "signature", "instance", "status", "a"]
NAMES += ["edited", "reaction", "vote", "content", "text", "data", "key", "remoteJid", "", "\x00", "😀"]

RAW = [
    b"",
    b" ",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"7",
    b'"messages"',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"[NaN]",
    b'{"a":Infinity}',
    b"[1e999]",
    b"[" * 900 + b"]" * 900,
    b"[" * 200_000,
    b'{"a":' * 400 + b"1" + b"}" * 400,
    b'{"EventType":"messages","EventType":"messages"}',
    b'{"token":"a","token":"b"}',
    b'{"EventType":"messages","message":{"messageid":"A","messageid":"B"}}',
    b'{"a":"\\ud83d"}',
    b'{"EventType":"\\u0000"}',
    b'{"a":' + b"9" * 4400 + b"}",
    b"a=1&b=2",
    b"<xml/>",
]


def random_bodies(seed: int, valid: list[dict[str, Any]]) -> Iterator[bytes]:
    """Without end: bodies that are or once were one of the `valid` envelopes, and some that never were."""
    chance, encoded = random.Random(seed), list(map(encode, valid))
    while True:
        how, body = chance.random(), chance.choice(encoded)
        if how < 0.08:
            yield chance.choice(RAW)
        elif how < 0.2:
            yield body
        elif how < 0.75:
            envelope = json.loads(body)
            for _ in range(chance.randint(1, 4)):
                mutate(chance, envelope)
            yield encode(envelope)
        elif how < 0.85:
            yield body[: chance.randrange(len(body) + 1)]
        elif how < 0.93:
            yield spoil(chance, body)
        elif how < 0.97:
            yield repeat_a_name(chance, body)
        else:
            yield encode(any_value(chance, 4))


def encode(value: Any) -> bytes:
    """JSON with lone surrogates escaped, as somebody's JavaScript writes them."""
    return json.dumps(value, ensure_ascii=True).encode()


def any_value(chance: random.Random, depth: int) -> Any:
    """Any JSON value, nested up to `depth`."""
    how = chance.random()
    if depth and how < 0.25:
        return {chance.choice(NAMES): any_value(chance, depth - 1) for _ in range(chance.randint(0, 4))}
    if depth and how < 0.4:
        return [any_value(chance, depth - 1) for _ in range(chance.randint(0, 4))]
    return chance.choice(VALUES)(chance)


def mutate(chance: random.Random, value: Any) -> None:
    """Replace, remove, rename or add one member, at whatever depth."""
    container = chance.choice(list(_containers(value)))
    places = list(container) if isinstance(container, dict) else list(range(len(container)))
    how = chance.random()
    if not places or how < 0.1:
        added = any_value(chance, 2)
        if isinstance(container, dict):
            container[chance.choice(NAMES)] = added
        else:
            container.append(added)
        return
    place = chance.choice(places)
    if how < 0.3:
        del container[place]
    elif how < 0.4 and isinstance(container, dict):
        container[chance.choice(NAMES)] = container.pop(place)
    else:
        container[place] = any_value(chance, 2)


def spoil(chance: random.Random, body: bytes) -> bytes:
    """Change some bytes into any others."""
    spoilt = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    return bytes(spoilt)


def repeat_a_name(chance: random.Random, body: bytes) -> bytes:
    """The same member twice in one object: readers disagree about which one counts."""
    name = json.dumps(chance.choice(NAMES)).encode()
    value = encode(chance.choice(VALUES)(chance))
    return b"{" + name + b":" + value + b"," + name + b":" + value + b"," + body.lstrip(b"{")


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for member in value.values() if isinstance(value, dict) else value:
            yield from _containers(member)
