"""Threads that do their work together: nobody is forgotten, and a failure is each one's own."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from renum.batching import Batcher
from tests.concurrency import run_together

WAIT = 10


class Work:
    """Doubles numbers; holds its first group back until the others have come."""

    def __init__(self, expected: int = 0, poison: Any = None) -> None:
        self.groups: list[list[int]] = []
        self.poison = poison
        self.release = threading.Event()
        self.batcher: Batcher[int, int] = Batcher(self, limit=8)
        self._expected = expected

    def __call__(self, items: list[int]) -> list[int]:
        self.groups.append(items)
        if len(self.groups) == 1 and self._expected:
            assert self.release.wait(WAIT)
        if self.poison in items:
            raise ValueError(self.poison)
        return [2 * item for item in items]

    def run(self, threads: int) -> list[Any]:
        """`do` 0 … threads - 1 at once, the first group ending only when all others wait."""

        pause = threading.Event()

        def let_go() -> None:
            while len(self.batcher._queue) < threads - 1:
                pause.wait(0.001)
            self.release.set()

        threading.Thread(target=let_go, daemon=True).start()
        return run_together(self.batcher.do, threads)


def test_who_comes_alone_works_at_once() -> None:
    work = Work()
    assert [work.batcher.do(number) for number in range(3)] == [0, 2, 4]
    assert work.groups == [[0], [1], [2]]
    assert not work.batcher.someone_waits


def test_who_comes_while_others_work_is_done_with_the_next_group_of_limited_size() -> None:
    work = Work(expected=1)
    assert work.run(20) == [2 * number for number in range(20)]
    assert [len(group) for group in work.groups] == [1, 8, 8, 3]
    assert sorted(item for group in work.groups for item in group) == list(range(20))


def test_a_group_waits_for_those_who_are_expected_and_for_nobody_else() -> None:
    groups: list[list[int]] = []

    def work(items: list[int]) -> list[int]:
        groups.append(items)
        return items

    batcher: Batcher[int, int] = Batcher(work, limit=8, patience=WAIT)
    everybody = threading.Barrier(5)

    def come(number: int) -> int | None:
        with batcher.expected():
            everybody.wait(WAIT)
            return batcher.do(number) if number else None  # the first leaves without an item

    assert run_together(come, 5) == [None, 1, 2, 3, 4]
    assert [sorted(group) for group in groups] == [[1, 2, 3, 4]]


def test_a_group_that_is_full_waits_for_nobody() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, limit=2, patience=WAIT)
    with batcher.expected(), batcher.expected(), batcher.expected():  # who never come
        assert run_together(batcher.do, 4) == [0, 1, 2, 3]


def test_patience_ends() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, limit=8, patience=0.001)
    with batcher.expected(), batcher.expected():  # who never comes
        assert batcher.do(3) == 3


def test_a_failure_of_many_is_nobodys_until_each_has_tried_alone() -> None:
    for number in range(6):
        work = Work(expected=1, poison=number)
        answers = work.run(6)
        assert [answer for answer in answers if not isinstance(answer, ValueError)] == [
            2 * other for other in range(6) if other != number
        ]
        assert isinstance(answers[number], ValueError)
        assert work.batcher.do(7) == 14  # and it goes on


def test_who_fails_alone_is_told_so_and_the_next_works() -> None:
    work = Work(poison=1)
    with pytest.raises(ValueError, match="1"):
        work.batcher.do(1)
    assert work.batcher.do(2) == 4
    assert work.groups == [[1], [2]]


def test_hundreds_of_threads_get_their_own_result() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: [item + 1 for item in items], limit=16)

    def work(number: int) -> bool:
        return all(batcher.do(1000 * number + step) == 1000 * number + step + 1 for step in range(50))

    assert run_together(work, 60) == [True] * 60
