"""A month of 200 schedules with three beats, workers that are killed and a Valkey that comes and goes."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from redis import Redis

from integrations.models import OutboundMessage
from renum import clock, wakeups
from renum.accounts.scope import service_scope
from renum.stack.servers import embedded_valkey
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.bells import slots_of
from triggers.engine.execution import run_matched
from triggers.models import Trigger, TriggerExecution, TriggerSchedule
from triggers.schedules import record_due_slots
from triggers.slots import slots_between

SCHEDULES, DAYS, BEATS = 200, 31, 3
# A month in which clocks change in New York, Lisbon and on Lord Howe.
BEGINNING = datetime(2026, 10, 15, tzinfo=UTC)
ZONES = (
    "America/Sao_Paulo",
    "America/New_York",
    "Europe/Lisbon",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "Pacific/Apia",
)
CATCH_UP = {"mode": "all", "max": 100, "max_lateness_minutes": 3 * 24 * 60}


class Killed(BaseException):
    """The worker is gone, with its transaction."""


def schedule(chance: random.Random) -> dict[str, Any]:
    zone = {"timezone": chance.choice(ZONES)}
    match chance.randrange(8):
        case 0:
            return {"every": chance.randint(5, 40), "period": "hours"}
        case 1:
            moment = BEGINNING + timedelta(hours=chance.randint(1, DAYS * 24 - 2))
            return {"once": moment.replace(tzinfo=None).isoformat(), **zone}
        case 2:
            return {"crontab": f"{chance.randrange(60)} {chance.randrange(24)} * * 1-5", **zone}
        case 3:
            return {"crontab": f"30 {chance.choice([1, 2, 3])} * * *", **zone}  # when clocks change
        case _:
            return {"crontab": f"{chance.randrange(60)} {chance.randrange(24)} * * *", **zone}


def ticks(chance: random.Random) -> Iterator[timedelta]:
    """A sweep every half an hour or so; now and then nobody is there for hours."""
    passed = timedelta()
    while passed < timedelta(days=DAYS):
        step = timedelta(minutes=chance.choice([20, 30, 40]))
        if chance.random() < 0.02:
            step = timedelta(hours=chance.randint(2, 9))
        passed += step
        yield step


def die() -> Any:
    """The next one who records slots, or carries out, is killed before it commits."""
    return patch.object(TriggerSchedule.objects, "bulk_update", side_effect=Killed)


@pytest.mark.parametrize("seed", [1])
def test_i2_every_slot_of_a_month_is_carried_out_once(
    committed_cast: Cast, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    moving_clock.stop(BEGINNING)
    factories.make_integration(committed_cast.acme)
    triggers = [
        factories.make_trigger(
            committed_cast.acme,
            trigger_config={"schedule": {**schedule(chance), "catch_up": CATCH_UP}},
            action_config={"channel": "whatsapp", "message": "Bom dia!", "to": "+5511987654321"},
        )
        for _ in range(SCHEDULES)
    ]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="renum-month-") as folder:
        valkey = _Valkey(Path(folder), monkeypatch)
        for step in ticks(chance):
            if chance.random() < 0.01:
                valkey.toggle()
                counts["valkey toggled"] += 1
            _live(moving_clock.advance(seconds=step.total_seconds()), chance, counts)
        valkey.stop()
    moving_clock.advance(hours=1)
    record_due_slots(clock.now())
    run_matched(clock.now())
    _check(triggers, clock.now(), counts)


class _Valkey:
    """What wake-ups go through: there, or not."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self._folder = folder
        self._running: Any = None
        self.toggle()
        url = self._url
        monkeypatch.setattr(wakeups, "_redis", lambda: Redis.from_url(url, socket_connect_timeout=0.2))
        monkeypatch.setattr(wakeups, "PAUSE_SECONDS", 0)

    def toggle(self) -> None:
        if self._running is not None:
            self.stop()
            return
        self._running = embedded_valkey(self._folder)
        self._url = self._running.__enter__()

    def stop(self) -> None:
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None


def _live(now: datetime, chance: random.Random, counts: Counter[str]) -> None:
    """Three beats ring, the sweep comes; some of them are killed before they commit, or after."""
    with service_scope(reason="test"):
        due = list(TriggerSchedule.objects.filter(next_slot_at__lte=now).values_list("trigger_id", flat=True))
    bells: list[UUID | None] = [one for one in due for _ in range(BEATS) if chance.random() < 0.7]
    chance.shuffle(bells)
    for bell in [*bells, None]:
        if chance.random() < 0.1:
            counts["killed while recording"] += 1
            with die(), pytest.raises(Killed):
                record_due_slots(now, bell)
                raise Killed  # there was nothing to record
            continue
        record_due_slots(now, bell)
        if chance.random() < 0.05:
            counts["killed while carrying out"] += 1
            with patch("triggers.engine.execution._count", side_effect=Killed), pytest.raises(Killed):
                run_matched(now)
                raise Killed
    if chance.random() < 0.5:
        run_matched(now)


def _check(triggers: list[Trigger], end: datetime, counts: Counter[str]) -> None:
    with service_scope(reason="test"):
        expected = {
            (row.trigger_id, slot)
            for row in TriggerSchedule.objects.select_related("trigger", "periodic_task")
            for slot in slots_between(*slots_of(row.trigger, row.periodic_task), BEGINNING, end)
        }
        rows = list(TriggerExecution.objects.values_list("trigger_id", "occurrence", "state"))
        sent = OutboundMessage.objects.count()
    print(f"{len(triggers)} schedules, {len(expected):,} slots, {dict(counts)}")
    assert len(expected) > 5_000
    assert Counter((trigger_id, slot) for trigger_id, slot, _ in rows) == Counter(expected)
    assert {state for *_, state in rows} == {"done"}
    assert sent == len(expected)
