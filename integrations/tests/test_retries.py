from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.delivery.retries import next_attempt

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


def wait(attempts: int, *, retry_after: float | None = None, seed: int = 0) -> float:
    at = next_attempt(attempts, NOW, retry_after=retry_after, rng=random.Random(seed))
    assert at is not None
    return (at - NOW).total_seconds()


@given(st.sampled_from([(1, 1.0), (2, 5.0), (3, 25.0)]), st.integers(0, 10_000))
def test_i3_waits_1_5_and_25_seconds_give_or_take_a_fifth(step: tuple[int, float], seed: int) -> None:
    attempts, seconds = step
    assert 0.8 * seconds <= wait(attempts, seed=seed) <= 1.2 * seconds


def test_waits_are_jittered() -> None:
    assert len({wait(2, seed=seed) for seed in range(50)}) > 40


def test_jitters_without_being_given_a_source_of_chance() -> None:
    waits = {next_attempt(3, NOW) for _ in range(20)}
    assert len(waits) > 10


@pytest.mark.parametrize("attempts", [4, 5, 100])
def test_i3_gives_up_after_the_third_retry(attempts: int) -> None:
    assert next_attempt(attempts, NOW) is None
    assert next_attempt(attempts, NOW, retry_after=60) is None


def test_obeys_a_provider_that_names_a_longer_wait() -> None:
    assert wait(1, retry_after=40) == 40


def test_does_not_hurry_for_a_provider_that_names_a_shorter_wait() -> None:
    assert wait(3, retry_after=1) >= 20


@pytest.mark.parametrize("retry_after", [3600, 3601, 86_400, 1e300, float("inf")])
def test_waits_no_longer_than_an_hour(retry_after: float) -> None:
    assert timedelta(seconds=wait(1, retry_after=retry_after)) == timedelta(hours=1)


@pytest.mark.parametrize("retry_after", [0, 0.0, -5, None])
def test_a_provider_that_names_no_real_wait_changes_nothing(retry_after: float | None) -> None:
    assert 0.8 <= wait(1, retry_after=retry_after) <= 1.2
