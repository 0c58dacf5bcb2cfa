"""The vendor's stand-in, a clock that can be moved, and the log as production writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from structlog.stdlib import ProcessorFormatter

from integrations.models import Integration, OutboundMessage
from integrations.sandbox.testing import sandbox_in_thread
from integrations.tests.helpers import Clock, Vendor, Written, make_talk
from renum.accounts.scope import service_scope
from tests.factories import make_outbound


@pytest.fixture(scope="session")
def _vendor() -> Iterator[Vendor]:
    with sandbox_in_thread() as addresses, httpx.Client(base_url=addresses.url) as http:
        yield Vendor(http, addresses.url, addresses.smtp_port)


@pytest.fixture
def sandbox(_vendor: Vendor) -> Vendor:
    """An empty journal, no faults, no webhook registered."""
    _vendor.reset()
    return _vendor


@pytest.fixture
def clock_stands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The wall clock stands at noon in São Paulo, later than any row that was made before."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    standing = Clock(tomorrow.replace(hour=15, minute=0, second=0, microsecond=0))
    monkeypatch.setattr("renum.clock.now", standing.now)
    return standing


@pytest.fixture
def environment(settings: Any) -> Callable[..., None]:
    """Change fields of `settings.ENVIRONMENT` for this test."""

    def change(**fields: Any) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=fields)

    return change


@pytest.fixture
def logged() -> Iterator[Written]:
    """What production's log would hold at its usual level, INFO."""
    root = logging.getLogger()
    formatter = next(
        handler.formatter for handler in root.handlers if isinstance(handler.formatter, ProcessorFormatter)
    )
    written = Written()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def make_chat() -> Callable[..., OutboundMessage]:
    """A queued message to somebody who never wrote to us (`new`), or to somebody who did."""

    def make(integration: Integration, *, new: bool) -> OutboundMessage:
        talk = make_talk(integration.client)
        if not new:
            with service_scope(reason="test rows"):
                talk.last_inbound_at = datetime.now(UTC)
                talk.save(update_fields=["last_inbound_at"])
        return make_outbound(talk, integration=integration)

    return make
