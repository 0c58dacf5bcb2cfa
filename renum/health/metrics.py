"""The answer of `/metrics`: read when it is asked for, from Postgres and Redis, and kept for some seconds.

Each source has a transaction of its own, whose statements have a time limit: one that fails is left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import structlog
from django.db import Error, connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from renum.accounts.scope import service_scope
from renum.celery import QUEUES
from renum.health import checks
from renum.health.gauges import SOURCES, Gauge, Source, Values
from renum.redis_client import broker_client

KEPT_SECONDS = 10
STATEMENT_TIMEOUT = "1s"

log = structlog.get_logger(__name__)


class _Answer:
    """The last text, of this process. While one thread makes it anew, others take what there is."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._text = b""
        self._stale_at = 0.0

    def text(self) -> bytes:
        if time.monotonic() >= self._stale_at and self._making.acquire(blocking=not self._text):
            try:
                if time.monotonic() >= self._stale_at:
                    self._text = generate_latest(_registry)
                    self._stale_at = time.monotonic() + KEPT_SECONDS
            finally:
                self._making.release()
        return self._text

    def forget(self) -> None:
        self._text, self._stale_at = b"", 0.0


class _OnScrape(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in _gauges():
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.values.items():
                family.add_metric(labels, value)
            yield family


_registry = CollectorRegistry(auto_describe=False)
_registry.register(_OnScrape())
_answer = _Answer()


def exposition() -> bytes:
    """All figures in Prometheus' text format, up to 10 s old."""
    return _answer.text()


def forget() -> None:
    """Read everything anew next time, as tests need it."""
    _answer.forget()


def _gauges() -> Iterator[Gauge]:
    database, served = checks.database_up(), checks.served_queues()
    up: Values = {
        ("postgres",): database,
        ("redis",): served is not None,
        ("celery",): served is not None and all(served.values()),
    }
    yield Gauge("renum_up", "Whether the service works: 1, or 0.", up, ["service"])
    if served is not None:
        found: Values = {(queue,): is_served for queue, is_served in served.items()}
        yield Gauge(
            "renum_celery_queue_served", "Whether a worker took a task of late: 1, or 0.", found, ["queue"]
        )
    yield from _queue_lengths()
    if database:
        yield from _told_by_apps()


def _queue_lengths() -> Iterator[Gauge]:
    """Tasks that wait in Redis; another broker has figures of its own."""
    broker = broker_client()
    if broker is None:
        return
    try:
        with broker.pipeline(transaction=False) as pipeline:
            for queue in QUEUES:
                pipeline.llen(queue)
            lengths = pipeline.execute()
    except RedisError as error:
        log.error("metrics_broker_down", reason=type(error).__name__)
        return
    found: Values = {(queue,): length for queue, length in zip(QUEUES, lengths, strict=True)}
    yield Gauge("renum_celery_queue_length", "Tasks that wait for a worker.", found, ["queue"])


def _told_by_apps() -> Iterator[Gauge]:
    found: Values = {}
    for name, source in SOURCES.items():
        try:
            yield from _read(source)
            found[(name,)] = 1.0
        except Error as error:
            log.error("metrics_source_failed", source=name, reason=type(error).__name__)
            found[(name,)] = 0.0
    yield Gauge(
        "renum_metrics_source_up", "Whether the app's figures could be read: 1, or 0.", found, ["source"]
    )


def _read(source: Source) -> list[Gauge]:
    with service_scope(reason="figures for operators"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT])
        return list(source())
