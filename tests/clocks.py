"""A clock that tests move: what the application calls the present."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest


class MovableClock:
    """Runs like the real one, shifted by what it was advanced, until it is stopped."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._stopped: datetime | None = None

    def now(self) -> datetime:
        return (self._stopped or datetime.now(UTC)) + self._offset

    def stop(self, at: datetime | None = None) -> datetime:
        """Stand still from now on, here or at another instant; returns it."""
        self._stopped, self._offset = at or self.now(), timedelta()
        return self._stopped

    def advance(self, **parts: float) -> datetime:
        """Move on by `timedelta(**parts)`; returns the new present."""
        self._offset += timedelta(**parts)
        return self.now()


@pytest.fixture
def moving_clock(monkeypatch: pytest.MonkeyPatch) -> MovableClock:
    clock = MovableClock()
    monkeypatch.setattr("renum.clock.now", clock.now)
    return clock
