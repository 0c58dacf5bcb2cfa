"""What people may write as a calendar's schedule."""

from __future__ import annotations

from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from tests import factories
from tests.cast import Cast
from triggers.errors import InvalidTriggerConfig
from triggers.tests.calendars import TO_STAFF, WEEKDAYS_AT_NINE
from triggers.tests.helpers import delay

INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"schedule": {}}, "schedule"),
    "two": ({"schedule": {"crontab": "0 9 * * *", "every": 1, "period": "days"}}, "schedule"),
    "a period alone": ({"schedule": {"period": "days"}}, "schedule"),
    "no interval": ({"schedule": {"every": 0, "period": "minutes"}}, "schedule.every"),
    "seconds": ({"schedule": {"every": 90, "period": "seconds"}}, "schedule.period"),
    "years": ({"schedule": {"every": 367, "period": "days"}}, "schedule"),
    "a crontab of four": ({"schedule": {"crontab": "0 9 * *"}}, "schedule.crontab"),
    "a date": ({"schedule": {"once": "2026-12-24"}}, "schedule.once"),
    "words": ({"schedule": {"once": "amanhã"}}, "schedule.once"),
    "a zone": ({"schedule": {"crontab": "0 9 * * *", "timezone": "Brasília"}}, "schedule.timezone"),
    "a zone of an interval": ({"schedule": {"every": 1, "period": "days", "timezone": "UTC"}}, "schedule"),
    "catch-up": ({"schedule": {"crontab": "0 9 * * *", "catch_up": {"max": 101}}}, "schedule.catch_up.max"),
    "mode": ({"schedule": {"crontab": "0 9 * * *", "catch_up": {"mode": "x"}}}, "schedule.catch_up.mode"),
    "both": ({"schedule": WEEKDAYS_AT_NINE, **delay(delay_days=1)}, "reference_field"),
    "neither": ({}, "reference_field"),
    "a delay": ({"schedule": WEEKDAYS_AT_NINE, "delay_days": 1}, ""),
    "re-entry": ({"schedule": WEEKDAYS_AT_NINE, "reentry": {"times": 1, "days": 1}}, ""),
}


@pytest.mark.parametrize(("config", "path"), INVALID.values(), ids=INVALID)
def test_what_is_not_a_schedule_is_refused_where_it_stands(
    cast: Cast, config: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidTriggerConfig) as raised:
        factories.make_trigger(cast.acme, trigger_config=config, action_config=TO_STAFF)
    assert list(raised.value.details) == [f"trigger_config.{path}".rstrip(".")]
    assert not PeriodicTask.objects.filter(task="triggers.ring").exists()
