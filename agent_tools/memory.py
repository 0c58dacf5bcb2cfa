"""What agents remember of a conversation: its last turns, encrypted, in Redis alone and for a limited time.

No agent depends on it: where it cannot be had, or does not open, nothing is remembered, and the log says so.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from pydantic import TypeAdapter, ValidationError
from redis.client import Pipeline
from redis.exceptions import RedisError, WatchError

from agent_tools.errors import MemoryUnavailable
from renum.redis_client import redis_client
from renum.security.crypto import DecryptionFailed
from renum.security.keys import keyring

log = structlog.get_logger(__name__)

MAX_BYTES = 32 * 1024  # of a conversation, as JSON
CUT = "…"  # where a text was shortened
# A conversation has one agent at a time; each attempt that fails is somebody else's that succeeded.
ATTEMPTS = 50
RETRY_SECONDS = 5  # when to try an erasure again


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn of an agent: what the contact wrote, and what was answered; "" if nothing was."""

    run_id: UUID
    said: str
    answered: str


_EXCHANGES = TypeAdapter(list[Exchange])


def recall(client_id: UUID, conversation_id: UUID) -> list[Exchange]:
    """What is remembered of the conversation, the oldest first."""
    if not settings.ENVIRONMENT.agent_memory_minutes:
        return []
    try:
        sealed: Any = redis_client().get(_key(conversation_id))
    except RedisError as error:
        _note_unavailable("recall", conversation_id, error)
        return []
    return _open_or_note(client_id, conversation_id, sealed)


def remember(client_id: UUID, conversation_id: UUID, exchange: Exchange) -> None:
    """Add a turn, in the place of what was remembered of the same run; the time limit begins anew.

    The caller holds the lock of the exchange's run: so an erasure, which deletes the run first and what is
    remembered next, waits, and whoever comes after it finds no run and remembers nothing.
    """

    def added(known: list[Exchange]) -> list[Exchange]:
        if any(one.run_id == exchange.run_id for one in known):
            return [exchange if one.run_id == exchange.run_id else one for one in known]
        return [*known, exchange]

    _change("remember", client_id, conversation_id, added, renew=True)


def drop(client_id: UUID, conversation_id: UUID, run_ids: Collection[UUID]) -> None:
    """Forget the turns of these runs, whose answers were taken back. The time limit stays."""
    dropped = set(run_ids)

    def left(known: list[Exchange]) -> list[Exchange]:
        return [one for one in known if one.run_id not in dropped]

    _change("drop", client_id, conversation_id, left, renew=False)


def forget(client_id: UUID, conversation_ids: Collection[UUID]) -> int:
    """Forget these conversations of the client; returns of how many something was held.

    Done at once, not at the commit, and whatever the settings say. Raises `MemoryUnavailable`: whoever
    erases a person is told, and changes nothing. Making it good later would take a row that waits, and
    call somebody erased whose words are still there. If the transaction is rolled back afterwards, the
    agent has lost the thread of a conversation, and nothing else is lost.
    """
    if not conversation_ids:
        return 0
    try:
        count: Any = redis_client().delete(*map(_key, conversation_ids))
    except RedisError as error:
        log.warning("agent_memory_not_forgotten", client_id=str(client_id), reason=type(error).__name__)
        raise MemoryUnavailable(retry_after=RETRY_SECONDS) from error
    return int(count)


def held_on(
    client_id: UUID, conversation_ids: Collection[UUID]
) -> Iterator[tuple[UUID, list[Exchange] | None]]:
    """What is held of each conversation that has something; None if it does not open.

    Whatever the settings say. Raises `MemoryUnavailable`.
    """
    for conversation_id in conversation_ids:
        try:
            sealed: Any = redis_client().get(_key(conversation_id))
        except RedisError as error:
            log.warning("agent_memory_not_shown", client_id=str(client_id), reason=type(error).__name__)
            raise MemoryUnavailable(retry_after=RETRY_SECONDS) from error
        if sealed is not None:
            yield conversation_id, _open(client_id, conversation_id, sealed)


# --- In Redis -----------------------------------------------------------------------------------------


def _key(conversation_id: UUID) -> str:
    return f"renum:memory:{conversation_id}"


def _change(
    doing: str,
    client_id: UUID,
    conversation_id: UUID,
    change: Callable[[list[Exchange]], list[Exchange]],
    *,
    renew: bool,
) -> None:
    """Replace what is remembered by what `change` makes of it; anew if others have changed it meanwhile."""
    if not settings.ENVIRONMENT.agent_memory_minutes:
        return
    try:
        for _ in range(ATTEMPTS):
            with redis_client().pipeline() as pipe:
                if _try_to_change(pipe, client_id, conversation_id, change, renew=renew):
                    return
    except RedisError as error:
        _note_unavailable(doing, conversation_id, error)
        return
    log.warning("agent_memory_contended", doing=doing, conversation_id=str(conversation_id))


def _try_to_change(
    pipe: Pipeline,
    client_id: UUID,
    conversation_id: UUID,
    change: Callable[[list[Exchange]], list[Exchange]],
    *,
    renew: bool,
) -> bool:
    """False if somebody else was quicker."""
    key = _key(conversation_id)
    pipe.watch(key)  # type: ignore[no-untyped-call]
    sealed: Any = pipe.get(key)
    left_ms: Any = pipe.pttl(key)
    known = _open_or_note(client_id, conversation_id, sealed)
    changed = change(known)
    if changed == known and not renew:
        return True
    whole_ms = 60_000 * settings.ENVIRONMENT.agent_memory_minutes
    pipe.multi()
    if changed:
        value = keyring().encrypt(_to_json(_fit(changed)), _place(client_id, conversation_id))
        # Never without an end, even if it ran out, or lost it, between the two questions.
        pipe.set(key, value, px=whole_ms if renew or left_ms <= 0 else left_ms)
    else:
        pipe.delete(key)
    try:
        pipe.execute()
    except WatchError:
        return False
    return True


def _note_unavailable(doing: str, conversation_id: UUID, error: RedisError) -> None:
    log.warning(
        "agent_memory_unavailable",
        doing=doing,
        conversation_id=str(conversation_id),
        reason=type(error).__name__,
    )


# --- Sealed -------------------------------------------------------------------------------------------


def _place(client_id: UUID, conversation_id: UUID) -> bytes:
    """Name the one place where a value may stand, as the columns of tables do."""
    return "\x1f".join((str(client_id), "agent_memory", "exchanges", str(conversation_id))).encode()


def _open_or_note(client_id: UUID, conversation_id: UUID, sealed: bytes | None) -> list[Exchange]:
    if sealed is None:
        return []
    found = _open(client_id, conversation_id, sealed)
    if found is None:
        log.warning("agent_memory_unreadable", conversation_id=str(conversation_id))
        return []
    return found


def _open(client_id: UUID, conversation_id: UUID, sealed: bytes) -> list[Exchange] | None:
    """None for what is garbage, stood elsewhere, or was sealed with a key that is gone."""
    try:
        return _EXCHANGES.validate_json(keyring().decrypt(sealed, _place(client_id, conversation_id)))
    except (DecryptionFailed, ValidationError):  # neither is logged: the latter quotes what it was given
        return None


def _to_json(exchanges: list[Exchange]) -> bytes:
    return _encoded([asdict(one) for one in exchanges])


def _encoded(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace")  # half a surrogate pair, which others' JSON may hold, has no UTF-8


# --- The caps -----------------------------------------------------------------------------------------


def _fit(exchanges: list[Exchange]) -> list[Exchange]:
    """The latest exchanges, as many as are allowed and have room; of one that has none, the beginnings."""
    kept = exchanges[-settings.ENVIRONMENT.agent_memory_turns :]
    while len(kept) > 1 and len(_to_json(kept)) > MAX_BYTES:
        kept = kept[1:]
    return kept if len(_to_json(kept)) <= MAX_BYTES else [_shorten(kept[0])]


def _shorten(exchange: Exchange) -> Exchange:
    """Each text has half of the room, and what the other leaves of its half."""
    room = MAX_BYTES - len(_to_json([Exchange(exchange.run_id, "", "")]))
    said = _cut(exchange.said, max(room // 2, room - _size(exchange.answered)))
    return Exchange(exchange.run_id, said, _cut(exchange.answered, room - _size(said)))


def _cut(text: str, room: int) -> str:
    """The beginning of the text that takes up to `room` bytes as JSON."""
    if _size(text) <= room:
        return text
    ends = range(1, min(len(text), room) + 1)
    return text[: bisect_right(ends, room - _size(CUT), key=lambda end: _size(text[:end]))] + CUT


def _size(text: str) -> int:
    return len(_encoded(text)) - 2  # without its quotes
