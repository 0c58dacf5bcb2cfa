"""Run the same work in many threads at once, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

START_SECONDS = 10


def run_together(work: Callable[[int], Any], times: int) -> list[Any]:
    """Call `work(0)` … `work(times - 1)` at the same moment; returns results, or what they raised."""
    start = threading.Barrier(times)

    def one(number: int) -> Any:
        try:
            start.wait(START_SECONDS)
            return work(number)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
