"""Whatever arrives: nothing raises, and no answer is a 5xx. Thousands more are posted by the chaos tests."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from renum import clock
from renum.accounts.scope import service_scope
from renum.api.parsers import parse_json
from tests.cast import Cast
from webhooks import services
from webhooks.errors import InvalidSignature
from webhooks.models import InboundEvent
from webhooks.parsers import uazapi
from webhooks.parsers.base import ConnectionChange, Echo, FromPhone, Identity, Ignored, Inbound, Peer, Receipt
from webhooks.parsers.reading import SECRET_FIELD, scrub
from webhooks.signatures import verify_v1
from webhooks.tests.envelopes import random_bodies
from webhooks.tests.helpers import KEY, TOKEN, header_for, inbox, post

STEADY = settings(derandomize=True, deadline=None, database=None)
MEANINGS = Inbound | FromPhone | Echo | Receipt | ConnectionChange | Ignored

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
names = st.sampled_from(
    ["EventType", "message", "messageid", "chatid", "event", "from", "message_id", "state"]
)
values = st.recursive(
    leaves | st.sampled_from(["messages", "messages_update", "connection", "1@lid", TOKEN]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)


def check(payload: Any, body: bytes) -> None:
    """Name, keep and understand a payload; what comes out fits into our columns."""
    ((identity, kept),) = uazapi.identify_all(payload, body)
    assert isinstance(identity, Identity)
    assert 0 < len(identity.kind) <= 40
    assert 0 < len(identity.dedup_key) <= 200
    assert "\x00" not in identity.dedup_key + identity.kind + identity.chat
    assert not has_secret(kept)
    for stored in (payload, kept):
        parsed = uazapi.parse(stored)
        assert isinstance(parsed, MEANINGS)
        match parsed:
            case Inbound() | FromPhone() | Echo():
                check_message(parsed)
            case Receipt():
                assert all(0 < len(one) <= 128 for one in parsed.provider_message_ids)
            case Ignored():
                assert parsed.reason_code
    assert uazapi.parse(kept) == uazapi.parse(scrub(payload))


def check_message(parsed: Inbound | FromPhone | Echo) -> None:
    assert 0 < len(parsed.provider_message_id) <= 128
    assert 0 < len(parsed.kind) <= 20
    words = f"{parsed.provider_message_id}{parsed.kind}"
    if not isinstance(parsed, Echo):
        assert len(parsed.refers_to) <= 128
        words += parsed.refers_to
    if isinstance(parsed.peer, Peer):
        names = [name for name in (parsed.peer.wa_digits, parsed.peer.lid) if name is not None]
        assert names and all(name.isascii() and name.isdigit() for name in names)
        assert parsed.peer.name is None or 0 < len(parsed.peer.name) <= 200
        words += parsed.peer.name or ""
    assert "\x00" not in words


def has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(SECRET_FIELD.search(name) or has_secret(member) for name, member in value.items())
    return isinstance(value, list) and any(map(has_secret, value))


def test_parsing_naming_and_scrubbing_never_raise() -> None:
    understood = 0
    for body in islice(random_bodies(seed=4), 1500):
        try:
            payload = parse_json(body, mend=True)
        except ValueError:
            continue
        try:
            check(payload, body)
        except RecursionError:
            assert body.startswith((b"[[[", b'{"a":{"a":'))
        understood += not isinstance(uazapi.parse(payload), Ignored)
    assert understood > 400, "the bodies are so hostile that nothing of the parsers is reached"


@settings(STEADY, max_examples=80)
@given(values, st.binary(max_size=8))
def test_any_json_is_named_and_understood(payload: Any, body: bytes) -> None:
    check(payload, body)


@settings(STEADY, max_examples=40)
@given(values, st.text(max_size=40), st.lists(st.text(max_size=10), max_size=2))
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


def test_no_body_makes_the_view_fail_nor_its_processing(fuzz_cast: Cast) -> None:
    chance, stored = random.Random(4), 0
    for body in islice(random_bodies(seed=5), 120):
        key = chance.choice([KEY, KEY, KEY, None, "no-such-key"])
        signature = chance.choice([None, None, "sha256=é", header_for(body)])
        api_key = chance.choice([None, KEY, "é", "no-such-key"])

        response = post(body, key=key, api_key=api_key, signature=signature)

        assert response.status_code in (200, 400, 401), body[:500]
        assert response.json()["success"] is (response.status_code == 200)
        stored += response.status_code == 200
    services.process_inbox()
    with service_scope(reason="test"):
        trouble = InboundEvent.objects.filter(state__in=["pending", "failed"])
        assert list(trouble.values_list("kind", "state", "attempts")) == []
    assert 20 < len(inbox()) <= stored
