"""The agents' short memory: sealed, bounded in time and size, erased with the contact, and not needed."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some
from redis import Redis
from redis.exceptions import RedisError

from agent_tools import memory
from agent_tools.memory import Exchange, drop, forget, recall, remember
from integrations.tests.helpers import closed_port
from renum.environment import Environment
from renum.redis_client import redis_client
from renum.security.crypto import Keyring
from renum.security.tests.peers import hanging, listening
from renum.stack.servers.valkey import embedded_valkey
from tests.concurrency import run_together

CLIENT, TALK = uuid.uuid4(), uuid.uuid4()
OLD, NEW = os.urandom(32), os.urandom(32)
SECRET = "Minha senha é quartzo-azul"


def key_of(talk: UUID) -> str:
    return f"renum:memory:{talk}"


def stored(talk: UUID = TALK) -> Any:
    return redis_client().get(key_of(talk))


def turn(said: str = "Oi", answered: str = "Olá!", run_id: UUID | None = None) -> Exchange:
    return Exchange(run_id or uuid.uuid4(), said, answered)


def told(talk: UUID = TALK) -> list[str]:
    return [one.said for one in recall(CLIENT, talk)]


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    redis_client().delete(key_of(TALK))


@pytest.fixture
def limits(settings: Any) -> Callable[..., None]:
    """Change the memory's limits for this test."""

    def change(**fields: int) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
            update={f"agent_memory_{name}": value for name, value in fields.items()}
        )

    return change


@pytest.fixture
def use_keys(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Keyring]:
    def use(*keys: bytes) -> Keyring:
        ring = Keyring(keys)
        monkeypatch.setattr(memory, "keyring", lambda: ring)
        return ring

    return use


@pytest.fixture
def use_redis(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    @contextmanager
    def use(url: str, **options: float) -> Iterator[Redis]:
        with monkeypatch.context() as patch, Redis.from_url(url, **options) as other:
            patch.setattr(memory, "redis_client", lambda: other)
            yield other

    return use


def assert_noted(caplog: pytest.LogCaptureFixture, event: str, times: int = 1) -> None:
    """The log has these lines, no others, and no word of what was said."""
    assert caplog.text.count(event) == times == len(caplog.records)
    assert "quartzo" not in caplog.text and "Traceback" not in caplog.text
    caplog.clear()


# --- what is remembered -----------------------------------------------------------------------------------


def test_turns_are_remembered_in_order_with_their_answers(caplog: pytest.LogCaptureFixture) -> None:
    assert recall(CLIENT, TALK) == []
    turns = [turn("Oi"), turn("Quanto custa?", ""), turn("ç 🦜 \x00 \"'\\\n", "R$ 10")]
    for one in turns:
        remember(CLIENT, TALK, one)
    assert recall(CLIENT, TALK) == turns
    assert recall(CLIENT, uuid.uuid4()) == []
    assert caplog.records == []


def test_a_run_that_was_done_again_is_remembered_once_and_in_its_place() -> None:
    first, second = turn("um"), turn("dois")
    again = turn("um, corrigido", "Certo", run_id=first.run_id)
    for one in (first, second, again):
        remember(CLIENT, TALK, one)
    assert recall(CLIENT, TALK) == [again, second]


def test_answers_that_were_taken_back_are_dropped_and_no_others() -> None:
    turns = [turn(str(number)) for number in range(4)]
    for one in turns:
        remember(CLIENT, TALK, one)
    drop(CLIENT, TALK, [turns[1].run_id, turns[3].run_id, uuid.uuid4()])
    assert recall(CLIENT, TALK) == [turns[0], turns[2]]
    drop(CLIENT, TALK, {turns[0].run_id, turns[2].run_id})
    assert stored() is None  # not an empty value that stays
    drop(CLIENT, TALK, [turns[0].run_id])
    assert stored() is None


def test_these_conversations_are_forgotten_and_no_others() -> None:
    gone, stays = [uuid.uuid4(), uuid.uuid4()], uuid.uuid4()
    for talk in (*gone, stays):
        remember(CLIENT, talk, turn())
    assert forget(CLIENT, []) == 0
    assert forget(CLIENT, [*gone, uuid.uuid4()]) == 2
    assert [stored(talk) for talk in gone] == [None, None]
    assert told(stays) == ["Oi"]


# --- for how long -----------------------------------------------------------------------------------------


def test_it_ends_a_day_after_the_last_turn_unless_set_otherwise(limits: Callable[..., None]) -> None:
    first = turn()
    remember(CLIENT, TALK, first)
    assert 86_390_000 < int(redis_client().pttl(key_of(TALK))) <= 86_400_000  # type: ignore[arg-type]
    redis_client().pexpire(key_of(TALK), 60_000)
    recall(CLIENT, TALK)
    assert int(redis_client().pttl(key_of(TALK))) <= 60_000  # type: ignore[arg-type]
    limits(minutes=5)
    remember(CLIENT, TALK, first)  # nothing new, and still the latest turn
    assert 290_000 < int(redis_client().pttl(key_of(TALK))) <= 300_000  # type: ignore[arg-type]


def test_dropping_a_turn_neither_prolongs_the_others_nor_keeps_them_for_ever() -> None:
    kept, dropped, more = turn("fica"), turn("sai"), turn("sai também")
    for one in (kept, dropped, more):
        remember(CLIENT, TALK, one)
    redis_client().pexpire(key_of(TALK), 60_000)
    drop(CLIENT, TALK, [dropped.run_id])
    assert 50_000 < int(redis_client().pttl(key_of(TALK))) <= 60_000  # type: ignore[arg-type]
    redis_client().persist(key_of(TALK))
    drop(CLIENT, TALK, [more.run_id])
    assert 0 < int(redis_client().pttl(key_of(TALK))) <= 86_400_000  # type: ignore[arg-type]
    assert told() == ["fica"]


def test_with_no_minutes_there_is_no_memory_and_what_was_there_can_still_be_erased(
    limits: Callable[..., None],
) -> None:
    before = turn("antes")
    remember(CLIENT, TALK, before)
    value = stored()
    limits(minutes=0)
    assert recall(CLIENT, TALK) == []
    remember(CLIENT, TALK, turn("depois"))
    drop(CLIENT, TALK, [before.run_id])
    assert stored() == value
    assert list(memory.held_on(CLIENT, [TALK])) == [(TALK, [before])]
    assert forget(CLIENT, [TALK]) == 1
    assert stored() is None


def test_without_minutes_redis_is_not_even_asked(
    limits: Callable[..., None], use_redis: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    limits(minutes=0)
    with use_redis(f"redis://127.0.0.1:{closed_port()}/0"):
        assert recall(CLIENT, TALK) == []
        remember(CLIENT, TALK, turn())
        drop(CLIENT, TALK, [uuid.uuid4()])
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("MINUTES", "-1"), ("MINUTES", "10081"), ("TURNS", "0"), ("TURNS", "51"), ("MINUTES", "um dia")],
)
def test_limits_that_make_no_sense_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    Environment()
    monkeypatch.setenv(f"RENUM_AGENT_MEMORY_{name}", value)
    with pytest.raises(ValueError, match=f"RENUM_AGENT_MEMORY_{name}"):
        Environment()


# --- how much ---------------------------------------------------------------------------------------------


def test_the_oldest_turns_make_room(limits: Callable[..., None]) -> None:
    for number in range(12):
        remember(CLIENT, TALK, turn(str(number)))
    assert told() == [str(number) for number in range(2, 12)]
    limits(turns=3)
    remember(CLIENT, TALK, turn("mais"))
    assert told() == ["10", "11", "mais"]


def plaintext() -> bytes:
    return memory.keyring().decrypt(stored(), memory._place(CLIENT, TALK))


def test_long_turns_push_out_the_oldest_before_any_is_shortened() -> None:
    turns = [turn(f"{number} " + "á" * 4_000, "b" * 4_000) for number in range(5)]
    for one in turns:
        remember(CLIENT, TALK, one)
    assert recall(CLIENT, TALK) == turns[3:]  # 12 KB each
    assert len(plaintext()) <= memory.MAX_BYTES


def test_a_turn_that_is_too_long_by_itself_keeps_its_beginnings() -> None:
    remember(CLIENT, TALK, turn("antes"))
    remember(CLIENT, TALK, turn("a" * 100_000, "b" * 100_000))
    (only,) = recall(CLIENT, TALK)
    assert memory.MAX_BYTES - 10 <= len(plaintext()) <= memory.MAX_BYTES
    assert (only.said[:3], only.said[-2:], only.answered[-2:]) == ("aaa", "a…", "b…")
    assert abs(len(only.said) - len(only.answered)) <= 1
    remember(CLIENT, TALK, turn("a" * 100_000, "curto", run_id=only.run_id))
    (only,) = recall(CLIENT, TALK)
    assert only.answered == "curto" and len(only.said) > 32_000


@pytest.mark.parametrize("letter", ['"', "\x01", "ã", "🦜", "\\", "\ud83e"])
def test_the_cap_counts_bytes_as_they_are_written(letter: str) -> None:
    remember(CLIENT, TALK, turn(letter * 40_000, letter * 40_000))
    (only,) = recall(CLIENT, TALK)
    assert memory.MAX_BYTES - 30 <= len(plaintext()) <= memory.MAX_BYTES
    assert set(only.said + only.answered) == {letter.encode("utf-8", "replace").decode(), "…"}


@given(
    some.lists(
        some.tuples(some.text(max_size=400), some.integers(1, 300), some.text(max_size=400)), min_size=1
    )
)
def test_whatever_was_said_there_is_room_for_the_latest(said: list[tuple[str, int, str]]) -> None:
    turns = [turn(text * times, answer * times) for text, times, answer in said]
    kept = memory._fit(turns)
    assert len(memory._to_json(kept)) <= memory.MAX_BYTES
    assert kept[-1].run_id == turns[-1].run_id
    assert kept == turns[-len(kept) :] or len(kept) == 1
    assert turns[-1].said.startswith(kept[-1].said.removesuffix("…"))


# --- who can read it --------------------------------------------------------------------------------------


def test_i7_what_redis_holds_is_ciphertext() -> None:
    remember(CLIENT, TALK, turn(SECRET, "Anotei: quartzo-azul"))
    for name in redis_client().scan_iter("renum:memory:*"):
        raw: Any = redis_client().get(name)
        for hidden in (b"quartzo", b"senha", b"Anotei", b"said", CLIENT.bytes, str(CLIENT).encode()):
            assert hidden not in name + raw
    assert told() == [SECRET]


def test_i6_a_value_opens_for_its_own_client_and_conversation_only(caplog: pytest.LogCaptureFixture) -> None:
    other = uuid.uuid4()
    remember(CLIENT, TALK, turn(SECRET))
    redis_client().copy(key_of(TALK), key_of(other))
    assert recall(CLIENT, other) == []
    assert_noted(caplog, "agent_memory_unreadable")
    assert recall(uuid.uuid4(), TALK) == []
    assert_noted(caplog, "agent_memory_unreadable")
    assert list(memory.held_on(uuid.uuid4(), [TALK])) == [(TALK, None)]
    assert told() == [SECRET]


def test_a_retired_key_still_reads_and_the_next_turn_is_under_the_new_one(
    use_keys: Callable[..., Keyring], caplog: pytest.LogCaptureFixture
) -> None:
    use_keys(OLD)
    remember(CLIENT, TALK, turn("um"))
    ring = use_keys(NEW, OLD)
    assert told() == ["um"] and not ring.is_current(stored())
    remember(CLIENT, TALK, turn("dois"))
    assert ring.is_current(stored())
    use_keys(NEW)
    assert told() == ["um", "dois"]
    assert caplog.records == []


def test_with_its_key_gone_a_conversation_begins_anew(
    use_keys: Callable[..., Keyring], caplog: pytest.LogCaptureFixture
) -> None:
    use_keys(OLD)
    lost = turn(SECRET)
    remember(CLIENT, TALK, lost)
    use_keys(NEW)
    assert recall(CLIENT, TALK) == []
    assert_noted(caplog, "agent_memory_unreadable")
    drop(CLIENT, TALK, [lost.run_id])
    assert_noted(caplog, "agent_memory_unreadable")
    remember(CLIENT, TALK, turn("de novo"))
    assert_noted(caplog, "agent_memory_unreadable")
    assert told() == ["de novo"]


def sealed(plain: bytes) -> bytes:
    return memory.keyring().encrypt(plain, memory._place(CLIENT, TALK))


GARBAGE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one byte": lambda: b"\x01",
    "noise": lambda: os.urandom(200),
    "not sealed": lambda: memory._to_json([turn(SECRET)]),
    "cut off": lambda: sealed(memory._to_json([turn(SECRET)]))[:-1],
    "altered": lambda: sealed(memory._to_json([turn(SECRET)]))[:-1] + b"\x00\x00",
    "no json": lambda: sealed(SECRET.encode()),
    "no utf-8": lambda: sealed(b'[{"said": "quartzo \xff"}]'),
    "another shape": lambda: sealed(json.dumps({"said": SECRET}).encode()),
    "another type": lambda: sealed(json.dumps([{"run_id": 7, "said": SECRET, "answered": ""}]).encode()),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_no_memory_and_is_replaced_by_the_next_turn(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    redis_client().set(key_of(TALK), GARBAGE[kind]())
    assert recall(CLIENT, TALK) == []
    assert_noted(caplog, "agent_memory_unreadable")
    remember(CLIENT, TALK, turn("novo"))
    assert_noted(caplog, "agent_memory_unreadable")
    assert told() == ["novo"] and int(redis_client().ttl(key_of(TALK))) > 0  # type: ignore[arg-type]


# --- without Redis ----------------------------------------------------------------------------------------


def assert_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised, nothing is remembered, and each step has its line in the log."""
    assert recall(CLIENT, TALK) == []
    assert_noted(caplog, "agent_memory_unavailable")
    remember(CLIENT, TALK, turn(SECRET))
    assert_noted(caplog, "agent_memory_unavailable")
    drop(CLIENT, TALK, [uuid.uuid4()])
    assert_noted(caplog, "agent_memory_unavailable")
    with pytest.raises(memory.MemoryUnavailable) as refused:
        forget(CLIENT, [TALK])
    assert (refused.value.code, refused.value.retry_after) == ("AGENT_MEMORY_UNAVAILABLE", 5)
    assert_noted(caplog, "agent_memory_not_forgotten")
    with pytest.raises(memory.MemoryUnavailable):
        list(memory.held_on(CLIENT, [TALK]))
    assert_noted(caplog, "agent_memory_not_shown")


def test_a_redis_that_stops_takes_the_memory_along_and_nothing_else(
    tmp_path: Path, use_redis: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with embedded_valkey(tmp_path, durable=False) as url, use_redis(url):
        remember(CLIENT, TALK, turn("antes"))
        assert told() == ["antes"]
    with use_redis(url):
        assert_no_memory(caplog)
    with embedded_valkey(tmp_path, durable=False) as again, use_redis(again) as connected:
        assert recall(CLIENT, TALK) == []
        remember(CLIENT, TALK, turn("depois"))
        assert told() == ["depois"]
        connected.flushall()
        assert recall(CLIENT, TALK) == []
    assert caplog.records == []


def test_a_redis_that_hangs_is_given_up(
    use_redis: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    with listening(hanging) as peer, use_redis(f"redis://127.0.0.1:{peer.port}/0", socket_timeout=0.2):
        assert_no_memory(caplog)
    assert time.monotonic() - started < 4
    assert redis_client().connection_pool.connection_kwargs["socket_timeout"] == 2


def test_a_key_of_another_kind_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    redis_client().rpush(key_of(TALK), "x")
    assert recall(CLIENT, TALK) == []
    remember(CLIENT, TALK, turn(SECRET))
    assert_noted(caplog, "agent_memory_unavailable", times=2)
    assert forget(CLIENT, [TALK]) == 1


# --- several at once --------------------------------------------------------------------------------------


def test_no_turn_is_lost_when_many_are_remembered_and_dropped_at_once(limits: Callable[..., None]) -> None:
    limits(turns=50)
    before = [turn(f"antes {number}") for number in range(8)]
    for one in before:
        remember(CLIENT, TALK, one)

    def work(number: int) -> None:
        for part in range(4):
            remember(CLIENT, TALK, turn(f"{number}.{part}"))
        drop(CLIENT, TALK, [before[number].run_id])

    assert run_together(work, 8) == [None] * 8
    assert sorted(told()) == sorted(f"{number}.{part}" for number in range(8) for part in range(4))
    for number in range(8):  # what one thread did came in its order
        own = [said for said in told() if said.startswith(f"{number}.")]
        assert own == [f"{number}.{part}" for part in range(4)]


def test_who_is_never_quick_enough_gives_up_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fit, tries = memory._fit, []

    def be_overtaken(exchanges: list[Exchange]) -> list[Exchange]:
        if exchanges[-1].said == SECRET:
            tries.append(1)
            remember(CLIENT, TALK, turn(f"outro {len(tries)}"))
        return fit(exchanges)

    monkeypatch.setattr(memory, "ATTEMPTS", 3)
    monkeypatch.setattr(memory, "_fit", be_overtaken)
    remember(CLIENT, TALK, turn(SECRET))
    assert_noted(caplog, "agent_memory_contended")
    assert len(tries) == 3
    assert told() == ["outro 1", "outro 2", "outro 3"]


def test_what_is_forgotten_meanwhile_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(CLIENT, TALK, turn("apagado"))
    fit, forgotten = memory._fit, []

    def forget_first(exchanges: list[Exchange]) -> list[Exchange]:
        if not forgotten:
            forgotten.append(forget(CLIENT, [TALK]))
        return fit(exchanges)

    monkeypatch.setattr(memory, "_fit", forget_first)
    remember(CLIENT, TALK, turn("novo"))
    assert forgotten == [1]
    assert told() == ["novo"]


def test_nothing_is_raised_that_redis_raises_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    remember(CLIENT, TALK, turn("antes"))

    def fail(exchanges: list[Exchange]) -> list[Exchange]:
        raise RedisError("connection to redis://:quartzo@host lost")

    monkeypatch.setattr(memory, "_fit", fail)
    remember(CLIENT, TALK, turn(SECRET))
    assert_noted(caplog, "agent_memory_unavailable")
    assert told() == ["antes"]
