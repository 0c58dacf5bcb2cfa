"""Whatever arrives: nothing raises, and no answer is a 5xx."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renum import clock
from renum.accounts.scope import service_scope
from tests.cast import Cast
from webhooks import services
from webhooks.errors import InvalidSignature
from webhooks.models import InboundEvent
from webhooks.parsers import uazapi
from webhooks.parsers.base import Echo, Identity, Ignored, Inbound, Receipt
from webhooks.parsers.reading import SECRET_FIELD, scrub
from webhooks.signatures import verify_v1
from webhooks.tests.helpers import KEY, TOKEN, echo, go, header_for, post, receipt, text, v1

CREDENTIALS = {"token", "admintoken", "apikey", "signature"}
STEADY = settings(derandomize=True, deadline=None, database=None)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(
        ["", "+", "\x00", "messages", "messages_update", "5511987650001@s.whatsapp.net", "status@broadcast"]
        + ["9" * 5000, "9" * 30, "Read", "ConversationMessage", "😀", "a" * 300, "enc:AAAA", TOKEN]
    )
)
names = st.sampled_from(
    [
        "EventType",
        "message",
        "messageid",
        "chatid",
        "fromMe",
        "wasSentByApi",
        "track_id",
        "event",
        "MessageIDs",
    ]
    + [
        "state",
        "token",
        "from",
        "timestamp",
        "message_id",
        "signature",
        "messageTimestamp",
        "isGroup",
        "text",
    ]
) | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)

REAL = [
    go(text("Olá", message_id="3EB0A")),
    echo("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    receipt([f"3EB0{number}" for number in range(3)], "Read"),
    v1(text("Olá", message_id="msg_1")),
    {
        "EventType": "connection",
        "token": TOKEN,
        "type": "LoggedOut",
        "instance": {"name": "x", "status": "y"},
    },
]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    found: list[tuple[Any, Any]] = []
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        found += [(value, key), *_places(member)]
    return found


@st.composite
def near_misses(draw: st.DrawFn) -> Any:
    """A real payload with one to three of its parts replaced, removed or added."""
    payload = copy.deepcopy(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(payload)
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                container[key] = draw(values)
            case "remove":
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(names)] = draw(values)
            case _:
                container.append(draw(values)) if isinstance(container, list) else None
    return payload


bodies = values | near_misses()


@settings(STEADY, max_examples=2000)
@given(bodies, st.binary(max_size=20))
def test_parsing_naming_and_scrubbing_never_raise(payload: Any, body: bytes) -> None:
    identity = uazapi.identify(payload, body)
    assert isinstance(identity, Identity)
    assert len(identity.kind) <= 40
    assert len(identity.dedup_key) <= 200
    assert "\x00" not in identity.dedup_key + identity.kind + identity.chat

    scrubbed = scrub(payload)
    assert not isinstance(scrubbed, dict) or not any(map(SECRET_FIELD.search, scrubbed))

    for stored in (payload, scrubbed):
        parsed = uazapi.parse(stored)
        assert isinstance(parsed, Inbound | Echo | Receipt | Ignored)
        if isinstance(parsed, Inbound):
            assert parsed.phone_digits.isdigit()
            assert 0 < len(parsed.provider_message_id) <= 128
            assert 0 < len(parsed.kind) <= 20
        if isinstance(parsed, Ignored):
            assert parsed.reason_code


@settings(STEADY, max_examples=300)
@given(bodies, st.text(max_size=80), st.lists(st.text(max_size=10), max_size=2))
def test_checking_a_signature_raises_nothing_but_its_refusal(
    payload: Any, header: str, secrets: list[str]
) -> None:
    if not isinstance(payload, dict):
        return
    try:
        verify_v1(payload, b"body", header, secrets, clock.now())
    except InvalidSignature:
        return
    raise AssertionError("a signature was guessed")


@settings(STEADY, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies,
    st.sampled_from([KEY, None, "no-such-key"]),
    st.sampled_from(["right", "wrong", "none"]),
    st.none() | st.sampled_from([KEY, "é", "no-such-key"]),
)
def test_no_body_makes_the_view_fail_nor_its_processing(
    fuzz_cast: Cast, payload: Any, key: str | None, signed: str, api_key: str | None
) -> None:
    body = json.dumps(payload).encode()
    header = {"right": header_for(body), "wrong": "sha256=é", "none": None}[signed]

    response = post(body, key=key, api_key=api_key, signature=header)

    assert response.status_code in (200, 400, 401)
    assert response.json()["success"] is (response.status_code == 200)
    services.process_inbox()
    with service_scope(reason="test"):
        trouble = InboundEvent.objects.filter(state__in=["pending", "failed"]).values_list(
            "state", "attempts"
        )
        assert list(trouble) == []


@settings(STEADY, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([KEY, None, "no-such-key"]))
def test_no_bytes_make_the_view_fail(fuzz_cast: Cast, body: bytes, key: str | None) -> None:
    assert post(body, key=key).status_code in (200, 400, 401)
