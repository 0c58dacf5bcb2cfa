"""Triggers by the calendar, around nine o'clock on a Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from renum.accounts.models import Client
from renum.accounts.scope import profile_scope, service_scope
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.models import Trigger
from triggers.services import update_trigger
from triggers.tests.helpers import executions

MONDAY = datetime(2026, 12, 7, 8, 59, 30, tzinfo=UTC) + timedelta(hours=3)  # 8:59 in São Paulo
NINE = MONDAY.replace(minute=0, second=0) + timedelta(hours=1)
TO_STAFF = {"channel": "whatsapp", "message": "Hora do relatório", "to": "+5511988887777"}
WEEKDAYS_AT_NINE = {"crontab": "0 9 * * 1-5"}


def make(client: Client, schedule: dict[str, Any], **parts: Any) -> Trigger:
    parts = {"action_config": TO_STAFF, **parts}
    return factories.make_trigger(client, trigger_config={"schedule": schedule}, **parts)


def task_of(trigger: Trigger) -> PeriodicTask:
    return PeriodicTask.objects.get(name=f"Gatilho {trigger.id}")


def change_of(trigger: Trigger, **changes: Any) -> Trigger:
    """The trigger is edited as the API does it."""
    fields = ["name", "description", "active", "trigger_type", "trigger_config"]
    fields += ["condition_type", "condition_config", "action_type", "action_config"]
    with service_scope(reason="test"):
        stored = Trigger.objects.select_related("client").get(id=trigger.id)
    with profile_scope(stored.client.profile_id):
        return update_trigger(stored, **{**{name: getattr(stored, name) for name in fields}, **changes})


def slots(trigger: Trigger) -> list[tuple[str, str]]:
    """State or reason of each of its slots, as clocks in UTC show them."""
    found = sorted(executions(trigger=trigger), key=lambda one: one.occurrence)
    return [(f"{one.occurrence:%d %H:%M}", one.reason_code or one.state) for one in found]


@pytest.fixture
def acme(cast: Cast, moving_clock: MovableClock) -> Client:
    moving_clock.stop(MONDAY)
    factories.make_integration(cast.acme)
    return cast.acme
