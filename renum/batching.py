"""Threads that arrive together do their work as one: the first does it for all, the others wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    __slots__ = ("item", "leads", "result", "woken")

    def __init__(self, item: Item):
        self.item = item
        self.woken = threading.Lock()  # lighter than an Event: taken now, released to wake
        self.woken.acquire()
        self.leads = False
        self.result: list[Result] = []  # empty: left to do by itself


class _Coming(AbstractContextManager[None]):
    """Lighter than a generator, and one for all threads."""

    def __init__(self, batcher: Batcher[Any, Any]):
        self._batcher = batcher

    def __enter__(self) -> None:
        self._batcher.expect(1)

    def __exit__(self, *_: object) -> None:
        self._batcher.expect(-1)


class Batcher(Generic[Item, Result]):
    """Runs `work` on the items of all threads that came while it was busy, up to `limit` of them.

    There is no thread of its own, and who comes alone works at once. A group waits up to `patience` seconds
    for the threads that are `expected`, since a larger group costs hardly more. `work` returns a result an
    item, in order; its first item is that of the thread it runs in. What it raises for several is no
    verdict on each, so then each is tried by itself.
    """

    def __init__(self, work: Callable[[list[Item]], list[Result]], *, limit: int, patience: float = 0.0):
        self._work = work
        self._limit = limit
        self._patience = patience
        self._busy = False
        self._coming = _Coming(self)
        self._expected = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # told only while a leader gathers its group
        self._gathers = False
        self._queue: deque[_Waiting[Item, Result]] = deque()

    def expected(self) -> AbstractContextManager[None]:
        """For a thread that will probably come with an item, from its beginning to its end."""
        return self._coming

    def do(self, item: Item) -> Result:
        """Return the result of `item`; raises what `work` raises for it alone."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._lock:
            mine.leads = not self._busy
            if mine.leads:
                self._busy = True
            else:
                self._queue.append(mine)
                self._tell()
        if not mine.leads:
            mine.woken.acquire()
        if mine.leads:
            self._lead(mine)
        return mine.result[0] if mine.result else self._work([item])[0]

    @property
    def someone_waits(self) -> bool:
        """Whether another group is sure to follow the one that is being worked on now."""
        return bool(self._queue)

    def expect(self, threads: int) -> None:
        """Count so many threads more, or less, as on their way; see `expected`."""
        with self._lock:
            self._expected += threads
            self._tell()

    def _tell(self) -> None:
        if self._gathers and self._is_gathered():
            self._changed.notify()

    def _is_gathered(self) -> bool:
        here = len(self._queue) + 1
        return here >= min(self._expected, self._limit)

    def _lead(self, mine: _Waiting[Item, Result]) -> None:
        """Do the work of a group, and then let the next one lead."""
        with self._lock:
            self._gathers = True
            self._changed.wait_for(self._is_gathered, self._patience)
            self._gathers = False
            followers = [self._queue.popleft() for _ in range(min(self._limit - 1, len(self._queue)))]
        try:
            self._do_all([mine, *followers])
        finally:
            with self._lock:
                following = self._queue.popleft() if self._queue else None
                self._busy = following is not None
            if following:
                following.leads = True
                following.woken.release()
            for follower in followers:
                follower.woken.release()

    def _do_all(self, group: list[_Waiting[Item, Result]]) -> None:
        try:
            results = self._work([waiting.item for waiting in group])
        except Exception:
            if len(group) == 1:
                raise
            return  # each finds out by itself
        for waiting, result in zip(group, results, strict=True):
            waiting.result.append(result)
