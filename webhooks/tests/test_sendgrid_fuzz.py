"""Whatever arrives in SendGrid's name: nothing raises, and no answer is a 5xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from integrations.sandbox.sendgrid_webhooks import SIGNATURE, TIMESTAMP, Account
from renum import clock
from renum.accounts.scope import service_scope
from tests.cast import Cast
from webhooks import services
from webhooks.errors import InvalidSignature
from webhooks.models import InboundEvent
from webhooks.parsers import sendgrid
from webhooks.parsers.base import Identity, Ignored, MailEvent
from webhooks.signatures import verify_sendgrid
from webhooks.tests.sendgrid_helpers import SIGNED, VENDOR, connect, post

STEADY = settings(derandomize=True, deadline=None, database=None)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["", "\x00", "a" * 300, "7c9e6679-7425-40de-944b-e07fc1f90ae7", "a.filter.b", ".recvd"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(
    ["processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spamreport", "unsubscribe"]
    + ["group_unsubscribe", "group_resubscribe", "new"]
)
events = st.fixed_dictionaries(
    {},
    optional={
        "event": names | values,
        "type": st.sampled_from(["bounce", "blocked"]) | values,
        "reason": st.sampled_from(["Bounced Address", "Invalid", "spam reporting address "]) | values,
        "status": values,
        **dict.fromkeys(("email", "timestamp", "sg_event_id", "sg_message_id", "message_id", "more"), values),
    },
)


@settings(STEADY, max_examples=200)
@given(st.lists(events | values, max_size=4))
def test_naming_and_parsing_never_raise(batch: list[Any]) -> None:
    named = sendgrid.identify_all(batch, b"")
    assert len(named) == len(batch)
    for event, (identity, kept) in zip(batch, named, strict=True):
        assert isinstance(identity, Identity)
        assert 0 < len(identity.kind) <= 40 and 0 < len(identity.dedup_key) <= 200
        assert "\x00" not in identity.dedup_key + identity.kind
        assert set(kept) <= set(sendgrid.KEPT)
        for stored in (kept, event):
            parsed = sendgrid.parse(stored)
            assert isinstance(parsed, MailEvent | Ignored)
            if isinstance(parsed, MailEvent):
                assert parsed.state or parsed.suppress_reason
                assert bool(parsed.reason_code) is (parsed.state == "failed")
                assert len(parsed.provider_message_id) <= 128
            else:
                assert parsed.reason_code


@settings(STEADY, max_examples=150)
@given(events, events)
def test_events_without_an_id_are_one_exactly_if_they_say_the_same(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    first.pop("sg_event_id", None), second.pop("sg_event_id", None)
    (one, kept_of_one), (two, kept_of_two) = sendgrid.identify_all([first, second], b"")
    same = json.dumps(kept_of_one, sort_keys=True) == json.dumps(kept_of_two, sort_keys=True)
    assert (one.dedup_key == two.dedup_key) is same


@settings(STEADY, max_examples=200)
@given(
    st.sampled_from([VENDOR.public_key, "", "AAAA"]) | st.text(max_size=40),
    st.binary(max_size=40),
    st.text(max_size=80),
    st.text(max_size=20) | st.integers(0, 10**12).map(str),
)
def test_checking_a_signature_raises_nothing_but_its_refusal(
    public_key: str, body: bytes, signature: str, timestamp: str
) -> None:
    with pytest.raises(InvalidSignature):
        verify_sendgrid([public_key], body, signature, timestamp, clock.now())


@settings(STEADY, max_examples=100)
@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_bytes_of_any_kind_are_checked_as_they_are_and_as_the_vendors_helper_does(
    body: bytes, is_changed: bool, is_foreign: bool
) -> None:
    headers = (Account() if is_foreign else VENDOR).sign(SIGNED, body, str(int(clock.now().timestamp())))
    arrived = body + b"x" if is_changed else body
    signature, timestamp = headers[SIGNATURE], headers[TIMESTAMP]
    try:
        verify_sendgrid([VENDOR.public_key], arrived, signature, timestamp, clock.now())
        valid = True
    except InvalidSignature:
        valid = False
    assert valid is not (is_changed or is_foreign)
    try:
        text = arrived.decode()
    except UnicodeDecodeError:
        return  # the helper takes text only
    assert EventWebhook(VENDOR.public_key).verify_signature(text, signature, timestamp) is valid


@pytest.fixture
def connected(cast: Cast) -> Cast:
    """The cast with a SendGrid connection of acme's, which many examples share."""
    connect(cast.acme)
    return cast


@settings(STEADY, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events, max_size=4) | values)
def test_no_body_makes_the_view_fail_nor_its_processing(connected: Cast, batch: Any) -> None:
    response = post(json.dumps(batch).encode())
    assert response.status_code in (200, 400)
    assert response.json()["success"] is (response.status_code == 200)
    services.process_inbox()
    with service_scope(reason="test"):
        trouble = InboundEvent.objects.filter(state__in=["pending", "failed"])
        assert list(trouble.values_list("state", "attempts")) == []


@settings(STEADY, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_make_the_view_fail(connected: Cast, body: bytes) -> None:
    assert post(body).status_code in (200, 400)
    assert post(body, headers={}).status_code == 401
