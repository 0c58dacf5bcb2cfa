"""A stack of a story's own, for modules that begin with nothing connected: import these fixtures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="renum-e2e-") as folder:
        Path(folder).chmod(0o755)
        with running_stack(Path(folder) / "data") as running:
            yield running


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Iterator[httpx.Client]:
    with stack.login("alice@acme.example") as client:
        yield client


@pytest.fixture(scope="module")
def bob(stack: Stack) -> Iterator[httpx.Client]:
    with stack.login("bob@globex.example") as client:
        yield client
