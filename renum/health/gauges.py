"""What each app tells operators in figures: apps fill the registry, `/metrics` reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from renum import clock

Values = dict[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure, or one for each tuple of label values. Labels take values of enums only, and are nobody's."""

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: Sequence[str] = ()


Source = Callable[[], Iterable[Gauge]]
SOURCES: dict[str, Source] = {}


def register_gauges(name: str, source: Source) -> None:
    """Add what an app has to tell. `source` runs in the service scope, and reads no ledger through."""
    SOURCES[name] = source


def fetch(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement; in it, `%(hour)s` is the instant an hour ago."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"hour": hours_ago(1), **parameters})
        return list(cursor.fetchall())


def hours_ago(hours: float) -> datetime:
    return clock.now() - timedelta(hours=hours)


def single(value: float) -> Values:
    """The value of a gauge without labels."""
    return {(): value}


def with_zeros(keys: Iterable[Any], found: Mapping[tuple[str, ...], float]) -> Values:
    """`found`, with 0 for every other key, a label or a tuple: an absent series raises no alert."""
    known = (key if isinstance(key, tuple) else (str(key),) for key in keys)
    return {**dict.fromkeys(known, 0.0), **found}


def age_seconds(since: datetime | None) -> float:
    """How long ago an instant was; 0 for none, and for one to come."""
    return max(0.0, (clock.now() - since).total_seconds()) if since else 0.0
