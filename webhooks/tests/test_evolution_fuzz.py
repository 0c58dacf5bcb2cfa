"""Whatever arrives in Evolution's name: nothing raises, and no answer is a 5xx."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from renum.accounts.scope import service_scope
from renum.api.parsers import parse_json
from renum.conversations.phones import lid_from_jid, phone_from_jid
from tests.cast import Cast
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.parsers import evolution
from webhooks.parsers.base import ConnectionChange, FromPhone, Identity, Ignored, Inbound, Receipt
from webhooks.tests.evolution_helpers import KEY, SECRET, batch, connect, envelope, post, update, upsert
from webhooks.tests.helpers import inbox
from webhooks.tests.hostile import random_bodies
from webhooks.tests.test_evolution_messages import CONTENTS
from webhooks.tests.test_fuzz import check_message, has_secret

STEADY = settings(derandomize=True, deadline=None, database=None)
EDIT = {"key": {"id": "3EB0OLD"}, "editedMessage": {"conversation": "Oi"}, "timestampMs": 1_770_143_778_000}
REAL = [
    *(upsert(message_id=f"3EB0{name}", message={name: inside}) for name, inside, *_ in CONTENTS),
    upsert("Olá", message_id="3EB0B", key={"fromMe": True}),
    upsert("Olá", message_id="3EB0C", key={"remoteJid": "100000000000001@lid", "remoteJidAlt": None}),
    upsert(message_id="3EB0D", message={"protocolMessage": EDIT}),
    envelope("messages.edited", {**EDIT, "key": {"id": "A", "remoteJid": "5511987650001@s.whatsapp.net"}}),
    *(update("3EB0A", status) for status in ("READ", "DELIVERY_ACK", "ERROR", "PENDING")),
    batch(upsert("Um", message_id="3EB0E"), upsert("Dois", message_id="3EB0F")),
    *(envelope("connection.update", {"state": state, "statusReason": 401}) for state in ("open", "close")),
    envelope("messages.set", [{"message": {"conversation": "ontem"}}]),
]


def test_naming_and_parsing_never_raise() -> None:
    understood = 0
    for body in islice(random_bodies(4, REAL), 1500):
        try:
            payload = parse_json(body, mend=True)
        except ValueError:
            continue
        try:
            named = evolution.identify_all(payload, body)
        except RecursionError:
            continue
        assert named, "every request leaves a row"
        for identity, kept in named:
            assert isinstance(identity, Identity)
            assert 0 < len(identity.kind) <= 40 and 0 < len(identity.dedup_key) <= 200
            assert "\x00" not in identity.dedup_key + identity.kind + identity.chat
            assert not has_secret(kept) and set(kept) <= {"event", "data"}
            parsed = evolution.parse(kept)
            check(parsed)
            check(evolution.parse(payload))
            understood += not isinstance(parsed, Ignored)
    assert understood > 400, "the bodies are so hostile that nothing of the parser is reached"


def check(parsed: Any) -> None:
    match parsed:
        case Inbound() | FromPhone():
            check_message(parsed)
        case Receipt():
            assert all(0 < len(one) <= 128 for one in parsed.provider_message_ids)
        case ConnectionChange():
            assert "\x00" not in parsed.reason and len(parsed.reason) <= 200
        case _:
            assert isinstance(parsed, Ignored) and parsed.reason_code


@settings(STEADY, max_examples=80)
@given(
    st.from_regex(r"[0-9]{1,22}", fullmatch=True) | st.text(min_size=1, max_size=20),
    st.sampled_from(["senderPn", "remoteJidAlt", "participant", "participantAlt"]),
    st.sampled_from(
        [None, 5511987650001, "5511987650001", "5511987650001@s.whatsapp.net", "1@lid", "x@g.us"]
    ),
)
def test_a_lid_is_never_a_phone(user: str, name: str, other: Any) -> None:
    jid = f"{user}@lid"
    parsed = evolution.parse(upsert(key={"remoteJid": jid, "remoteJidAlt": None, name: other}))
    if not isinstance(parsed, Inbound):
        assert parsed == Ignored("NOT_A_PERSON") and lid_from_jid(jid) is None
        return
    is_told = name in ("senderPn", "remoteJidAlt") and isinstance(other, str)
    assert parsed.peer.lid == lid_from_jid(jid)
    assert parsed.peer.wa_digits == (phone_from_jid(other) if is_told else None)


def test_no_body_makes_the_view_fail_nor_its_processing(cast: Cast) -> None:
    connect(cast.acme)
    chance, stored = random.Random(4), 0
    for body in islice(random_bodies(5, REAL), 100):
        key = chance.choice([KEY, KEY, KEY, KEY, "no-such-key"])
        secret = chance.choice([SECRET, SECRET, SECRET, SECRET, "wrong", "é", "", None])

        response = post(body, key=key, secret=secret)

        assert (response.status_code == 401) is (key != KEY or secret != SECRET), body[:500]
        assert response.status_code in (200, 400, 401), body[:500]
        stored += response.status_code == 200
    services.process_inbox()
    with service_scope(reason="test"):
        trouble = InboundEvent.objects.filter(state__in=["pending", "failed"])
        assert list(trouble.values_list("kind", "state", "attempts")) == []
    assert stored > 20 and len(inbox()) > 15
