"""A condition means the same to the database and to Python."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Channel, Conversation
from tests import factories
from tests.cast import Cast
from triggers import conditions, schemas
from triggers.errors import InvalidTriggerConfig
from triggers.fields import FIELDS
from triggers.models import Trigger
from triggers.tests.helpers import quiet_since

parts = {
    "trigger_type": "time_based",
    "trigger_config": factories.DELAY,
    "action_type": "send_message",
    "action_config": factories.FOLLOW_UP,
}


@st.composite
def valid_conditions(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    if draw(st.booleans()):
        field = draw(st.sampled_from(sorted(FIELDS)))
        config = {"field": field, "value": draw(st.sampled_from(FIELDS[field].values))}
        if draw(st.booleans()):
            config["operator"] = "equals"
        return "field_equals", config
    return "always", {}


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    valid_conditions(),
    st.lists(
        st.tuples(st.sampled_from(Conversation.Status.values), st.sampled_from(Channel.values)),
        min_size=1,
        max_size=5,
    ),
)
def test_the_database_and_python_agree(
    conversations: list[Conversation], condition: tuple[str, dict[str, Any]], rows: list[tuple[str, str]]
) -> None:
    type_, config = condition
    chosen = conversations[: len(rows)]
    with service_scope(reason="test"):
        for conversation, (status, channel) in zip(chosen, rows, strict=True):
            conversation.status, conversation.channel = status, channel
            conversation.save(update_fields=["status", "channel"])
        Trigger.objects.update(condition_type=type_, condition_config=config)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT c.id, {conditions.sql()} FROM triggers t, conversations c WHERE c.id = ANY(%s)",
                [[conversation.id for conversation in chosen]],
            )
            by_database = dict(cursor.fetchall())
        checked = schemas.validate_parts(**parts, condition_type=type_, condition_config=config)
        condition_type = conditions.REGISTRY[type_]
        by_python = {
            loaded.id: condition_type.matches(checked.condition, loaded)
            for loaded in Conversation.objects.filter(id__in=by_database)
        }
    assert by_database == by_python


@pytest.fixture
def conversations(cast: Cast) -> list[Conversation]:
    factories.make_trigger(cast.acme)
    at = clock.now() - timedelta(days=4)
    return [quiet_since(cast.acme, at) for _ in range(5)]


def test_every_field_lists_all_that_it_can_be() -> None:
    assert set(FIELDS["conversations.status"].values) == set(Conversation.Status.values)
    assert set(FIELDS["conversations.channel"].values) == set(Channel.values)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(
    st.sampled_from(["time_based", "event_based", "x"]),
    json_values | st.fixed_dictionaries({"delay_days": json_values, "reference_field": json_values}),
    st.sampled_from(["always", "field_equals", "x"]),
    json_values | st.fixed_dictionaries({"field": json_values, "value": json_values}),
    st.sampled_from(["send_message", "x"]),
    json_values | st.fixed_dictionaries({"channel": st.just("whatsapp"), "message": json_values}),
)
def test_validation_answers_yes_or_says_where(
    trigger_type: str, when: Any, condition_type: str, condition: Any, action_type: str, action: Any
) -> None:
    try:
        schemas.validate_parts(trigger_type, when, condition_type, condition, action_type, action)
    except InvalidTriggerConfig as error:
        assert error.details
        assert all(name.split(".")[0].endswith(("_type", "_config")) for name in error.details)
