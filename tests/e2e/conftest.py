from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.console import Console
from tests.e2e.stack import Stack, running_stack


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="renum-e2e-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "data"


@pytest.fixture(scope="session")
def stack(data_dir: Path) -> Iterator[Stack]:
    """The stack, with a provider time-out short enough to wait for."""
    with running_stack(
        data_dir, RENUM_PROVIDER_TIMEOUT_SECONDS="3", RENUM_DELIVERY_LEASE_SECONDS="8"
    ) as running:
        yield running


@pytest.fixture(scope="session")
def alice(stack: Stack) -> Iterator[httpx.Client]:
    with stack.login("alice@acme.example") as client:
        yield client


@pytest.fixture(scope="session")
def bob(stack: Stack) -> Iterator[httpx.Client]:
    with stack.login("bob@globex.example") as client:
        yield client


@pytest.fixture(scope="session")
def console(stack: Stack) -> Iterator[Console]:
    opened = Console(stack.web)
    yield opened
    opened.http.close()
