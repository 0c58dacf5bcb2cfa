"""Whatever arrives in Evolution's name: nothing raises, and no answer is a 5xx."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renum.accounts.scope import service_scope
from tests.cast import Cast
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.parsers import evolution
from webhooks.parsers.base import Identity, Ignored, Inbound, Receipt
from webhooks.parsers.reading import SECRET_FIELD
from webhooks.tests.evolution_helpers import KEY, SECRET, batch, connect, envelope, post, update, upsert

STEADY = settings(derandomize=True, deadline=None, database=None)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(
        [
            "",
            "\x00",
            "messages.upsert",
            "MESSAGES_UPDATE",
            "5511987650001@s.whatsapp.net",
            "1@lid",
            "9" * 5000,
        ]
        + ["READ", "ERROR", "imageMessage", "Message", "😀", "a" * 300, "enc:AAAA", "status@broadcast"]
    )
)
names = st.sampled_from(
    ["event", "data", "key", "id", "remoteJid", "senderPn", "remoteJidAlt", "fromMe", "message", "update"]
    + ["conversation", "extendedTextMessage", "ephemeralMessage", "text", "messageType", "messageTimestamp"]
    + ["pushName", "keyId", "status", "apikey", "imageMessage"]
) | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)
REAL = [
    upsert("Olá", message_id="3EB0A"),
    upsert(message={"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "Oi"}}}}),
    update("3EB0A", "READ"),
    batch(upsert("Um"), upsert("Dois")),
    envelope("connection.update", {"state": "close"}),
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for name, member in inside for place in _places(member, (*path, name))]


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """A real payload of which one member, at whatever depth, became something else."""
    payload = copy.deepcopy(draw(st.sampled_from(REAL)))
    *way, last = draw(st.sampled_from([place for place in _places(payload) if place]))
    inside = payload
    for name in way:
        inside = inside[name]
    inside[last] = draw(values)
    return payload


bodies = spoiled() | values


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(SECRET_FIELD.search(name) or _has_secret(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_has_secret, value))


@settings(STEADY, max_examples=500)
@given(bodies, st.binary(max_size=20))
def test_naming_and_parsing_never_raise(payload: Any, body: bytes) -> None:
    named = evolution.identify_all(payload, body)
    assert named, "every request leaves a row"
    for identity, kept in named:
        assert isinstance(identity, Identity)
        assert 0 < len(identity.kind) <= 40 and 0 < len(identity.dedup_key) <= 200
        assert "\x00" not in identity.dedup_key + identity.kind + identity.chat
        assert not _has_secret(kept) and set(kept) <= {"event", "data"}
        for stored in (kept, payload):
            parsed = evolution.parse(stored)
            assert isinstance(parsed, Inbound | Receipt | Ignored)
            if isinstance(parsed, Inbound):
                assert parsed.phone_digits.isascii() and parsed.phone_digits.isdigit()
                assert 0 < len(parsed.provider_message_id) <= 128
                assert 0 < len(parsed.kind) <= 20
                assert "\x00" not in parsed.text + (parsed.name or "")
            elif isinstance(parsed, Receipt):
                assert all(0 < len(one) <= 128 for one in parsed.provider_message_ids)
            else:
                assert parsed.reason_code


@settings(STEADY, max_examples=200)
@given(
    st.text(min_size=1),
    st.sampled_from(["senderPn", "remoteJidAlt", "participant", "participantAlt"]),
    leaves,
)
def test_a_lid_is_never_a_phone(user: str, name: str, other: Any) -> None:
    parsed = evolution.parse(upsert(key={"remoteJid": f"{user}@lid", "remoteJidAlt": None, name: other}))
    if isinstance(parsed, Inbound):
        assert name in ("senderPn", "remoteJidAlt")
        assert other == f"{parsed.phone_digits}@s.whatsapp.net"
    else:
        assert parsed == Ignored("NOT_A_PERSON")


@pytest.fixture
def connected(cast: Cast) -> Cast:
    """The cast with an Evolution connection of acme's, which many examples share."""
    connect(cast.acme)
    return cast


@settings(STEADY, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies,
    st.sampled_from([KEY, "no-such-key"]),
    st.sampled_from([SECRET, "wrong", "é", "", None]),
)
def test_no_body_makes_the_view_fail_nor_its_processing(
    connected: Cast, payload: Any, key: str, secret: str | None
) -> None:
    response = post(json.dumps(payload).encode(), key=key, secret=secret)

    assert (response.status_code == 401) is (key != KEY or secret != SECRET)
    assert response.status_code in (200, 400, 401)
    services.process_inbox()
    with service_scope(reason="test"):
        trouble = InboundEvent.objects.filter(state__in=["pending", "failed"])
        assert list(trouble.values_list("state", "attempts")) == []


@settings(STEADY, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_make_the_view_fail(connected: Cast, body: bytes) -> None:
    assert post(body).status_code in (200, 400)
