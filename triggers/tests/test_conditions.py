"""What SE can ask, what each question means, and where a question that means nothing is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renum.conversations.models import Channel, Conversation
from renum.events.models import Event
from tests import factories
from triggers import schemas
from triggers.conditions.field_equals import ORDER, UNARY
from triggers.conditions.nested import MAX_DEPTH
from triggers.errors import InvalidTriggerConfig
from triggers.facts import Facts, no_facts
from triggers.fields import FIELDS

NOW = datetime(2026, 5, 20, 15, 0, tzinfo=UTC)
TALK = Facts(
    NOW,
    {
        "conversations.status": "open",
        "conversations.attention_reason": "",
        "conversations.last_message_at": NOW - timedelta(hours=2),
        "conversations.last_inbound_at": None,
        "messages.kind": "áudio",
        "messages.length": 24,
    },
    attributes={"cidade": "São Paulo", "pontos": 10, "vip": True, "consulta_em": "2026-05-22"},
    dates={"consulta_em": NOW + timedelta(days=2)},
)
STATUS_OPEN = {"field": "conversations.status", "value": "open"}


def validate(condition_type: str, config: Any, trigger_type: str = "time_based") -> schemas.Parts:
    config_of_when = factories.DELAY if trigger_type == "time_based" else {}
    if trigger_type == "event_based":
        config_of_when = {"event": "message_received"}
    return schemas.validate_parts(
        trigger_type, config_of_when, condition_type, config, "send_message", factories.FOLLOW_UP
    )


def refusal(condition_type: str, config: Any, trigger_type: str = "time_based") -> dict[str, list[str]]:
    with pytest.raises(InvalidTriggerConfig) as refused:
        validate(condition_type, config, trigger_type)
    assert all(problem.strip() for problems in refused.value.details.values() for problem in problems)
    return dict(refused.value.details)


def is_true(condition_type: str, config: Any, facts: Facts = TALK) -> bool:
    return validate(condition_type, config).matches(facts)


def branch(condition_type: str, config: Any) -> dict[str, Any]:
    return {"condition_type": condition_type, "condition_config": config}


def field(name: str, *question: Any) -> dict[str, Any]:
    """`field("cidade", "equals", "Olinda")`; a name without a dot is of an attribute."""
    return {
        "field": name if "." in name else f"contacts.attributes.{name}",
        **dict(zip(("operator", "value"), question, strict=False)),
    }


# --- What they mean ---------------------------------------------------------------------------------------


def test_every_field_lists_all_that_it_can_be() -> None:
    assert set(FIELDS["conversations.status"].values) == set(Conversation.Status.values)
    assert set(FIELDS["conversations.channel"].values) == set(Channel.values)


def test_a_comparison_without_an_operator_is_for_equality() -> None:
    assert is_true("field_equals", STATUS_OPEN)
    assert not is_true("field_equals", {**STATUS_OPEN, "value": "closed"})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (field("conversations.status", "in", ["pending", "open"]), True),
        (field("conversations.status", "not_equals", "open"), False),
        (field("messages.length", "greater_than", 24), False),
        (field("messages.length", "greater_or_equal", 24), True),
        (field("messages.length", "less_than", 24.5), True),
        (field("messages.length", "less_or_equal", 23), False),
        (field("conversations.last_message_at", "less_than", "2026-05-20T12:00:00-03:00"), True),
        (field("conversations.last_message_at", "equals", "2026-05-20T13:00:00Z"), True),
        (field("cidade", "equals", "São Paulo"), True),
        (field("cidade", "equals", "são paulo"), False),
        (field("vip", "equals", True), True),
        (field("vip", "equals", 1), False),
        (field("pontos", "equals", "10"), False),
        (field("pontos", "equals", 10.0), True),
        (field("pontos", "in", ["10", True, 10]), True),
        (field("pontos", "greater_than", 9.5), True),
        (field("cidade", "greater_than", 0), False),
        (field("vip", "greater_than", 0), False),
    ],
)
def test_an_operator_compares_values_of_one_type(question: dict[str, Any], answer: bool) -> None:
    assert is_true("field_equals", question) is answer


@pytest.mark.parametrize("name", ["conversations.last_inbound_at", "bairro", "messages.author"])
def test_what_has_no_value_is_unlike_all_and_neither_more_nor_less(name: str) -> None:
    wanted = {"bairro": 0, "messages.author": "agent"}.get(name, "2026-05-20T13:00:00Z")
    assert is_true("field_equals", field(name, "is_not_set"))
    assert not is_true("field_equals", field(name, "is_set"))
    assert not is_true("field_equals", field(name, "equals", wanted))
    assert not is_true("field_equals", field(name, "in", [wanted]))
    assert is_true("field_equals", field(name, "not_equals", wanted))
    if name != "messages.author":
        assert not any(is_true("field_equals", field(name, operator, wanted)) for operator in ORDER)


def test_an_empty_text_is_not_set() -> None:
    assert is_true("field_equals", field("conversations.attention_reason", "is_not_set"))
    assert is_true("field_equals", field("cidade", "is_set"))
    assert not is_true("field_equals", field("cidade", "is_set"), replace(TALK, attributes={"cidade": ""}))


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("cidade", "SAO", True),
        ("cidade", "são p", True),
        ("cidade", "sa\u0303o", True),
        ("cidade", "Santos", False),
        ("messages.kind", "AUDIO", True),
        ("pontos", "1", False),
        ("bairro", "a", False),
    ],
)
def test_a_text_contains_another_whatever_the_case_and_accents(name: str, value: str, answer: bool) -> None:
    config = {"field": field(name)["field"], "value": value}
    assert is_true("field_contains", config) is answer


@pytest.mark.parametrize(
    ("ago", "more", "less"),
    [
        (timedelta(hours=2, microseconds=1), True, False),
        (timedelta(hours=2), True, False),
        (timedelta(hours=2, microseconds=-1), False, True),
        (timedelta(0), False, True),
        (timedelta(days=-2), False, False),  # it lies ahead
        (None, False, False),
    ],
)
def test_time_has_passed_since_a_moment_that_was(ago: timedelta | None, more: bool, less: bool) -> None:
    facts = replace(TALK, dates={} if ago is None else {"consulta_em": NOW - ago})
    elapsed = {**field("consulta_em"), "delay_hours": 2}
    assert is_true("time_elapsed", elapsed, facts) is more
    assert is_true("time_elapsed", {**elapsed, "operator": "more_than"}, facts) is more
    assert is_true("time_elapsed", {**elapsed, "operator": "less_than"}, facts) is less


def test_trees_join_what_is_in_them() -> None:
    yes, no = branch("always", {}), branch("not", {"condition": branch("always", {})})
    assert not is_true("not", no["condition_config"])
    for inner, every, some in (([yes], 1, 1), ([no], 0, 0), ([yes, no], 0, 1), ([no, no], 0, 0)):
        assert is_true("all", {"conditions": inner}) is bool(every)
        assert is_true("any", {"conditions": inner}) is bool(some)


def test_a_tree_looks_at_all_that_is_in_it_and_has_all_its_clocks() -> None:
    elapsed = branch("time_elapsed", {"field": "conversations.last_message_at", "delay_days": 1})
    recent = branch("time_elapsed", {**field("consulta_em"), "operator": "less_than", "delay_hours": 1})
    status = branch("field_equals", STATUS_OPEN)
    parts = validate("all", {"conditions": [status, branch("not", {"condition": elapsed}), recent]})
    assert parts.fields == {
        "conversations.status",
        "conversations.last_message_at",
        "contacts.attributes.consulta_em",
    }
    assert parts.clocks == {
        ("conversations.last_message_at", 86400),
        ("contacts.attributes.consulta_em", 3600),
        ("contacts.attributes.consulta_em", 0),  # until then it lies ahead
    }


# --- Events -----------------------------------------------------------------------------------------------

OF_EVENT = {"field": "event.intent", "value": "agendar"}


def test_an_event_is_looked_at_by_the_predicate_alone() -> None:
    parts = validate("any", {"conditions": [branch("field_equals", OF_EVENT)]}, "event_based")
    assert parts.matches(no_facts(NOW).with_event(Event(data={"intent": "agendar"})))
    assert not parts.matches(no_facts(NOW))
    with pytest.raises(ValueError, match=r"event\.intent"):
        parts.filter(NOW)


@pytest.mark.parametrize("trigger_type", ["time_based", "condition_based"])
def test_other_triggers_have_no_event_to_look_at(trigger_type: str) -> None:
    tree = {"condition": branch("field_contains", OF_EVENT)}
    assert list(refusal("not", tree, trigger_type)) == ["condition_config"]


# --- What is refused, and where ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition_type", "config", "path"),
    [
        ("field_equals", {**STATUS_OPEN, "field": "conversations.secret"}, "field"),
        ("field_equals", {**STATUS_OPEN, "field": "contacts.phone"}, "field"),
        ("field_equals", {**STATUS_OPEN, "field": "contacts.attributes.Não"}, "field"),
        ("field_equals", {**STATUS_OPEN, "field": "contacts.attributes.a' OR 1=1 --"}, "field"),
        ("field_equals", {**STATUS_OPEN, "field": "event."}, "field"),
        ("field_equals", {**STATUS_OPEN, "field": 1}, "field"),
        ("field_equals", {"value": "open"}, "field"),
        ("field_equals", {**STATUS_OPEN, "more": 1}, "more"),
        ("field_equals", {**STATUS_OPEN, "operator": "resembles"}, "operator"),
        ("field_equals", {**STATUS_OPEN, "operator": "greater_than"}, "operator"),
        ("field_equals", {**STATUS_OPEN, "operator": None}, "operator"),
        ("field_equals", field("messages.kind", "less_or_equal", "text"), "operator"),
        ("field_equals", {"field": "conversations.status"}, "value"),
        ("field_equals", {**STATUS_OPEN, "value": "aberta"}, "value"),
        ("field_equals", {**STATUS_OPEN, "value": "whatsapp"}, "value"),
        ("field_equals", {**STATUS_OPEN, "value": 1}, "value"),
        ("field_equals", {**STATUS_OPEN, "value": ["open"]}, "value"),
        ("field_equals", {**STATUS_OPEN, "value": {"a": 1}}, "value"),
        ("field_equals", {**STATUS_OPEN, "operator": "is_set"}, "value"),
        ("field_equals", field("conversations.status", "in", "open"), "value"),
        ("field_equals", field("conversations.status", "in", []), "value"),
        ("field_equals", field("cidade", "in", ["a"] * 101), "value"),
        ("field_equals", field("conversations.status", "in", ["open", "aberta"]), "value.1"),
        ("field_equals", field("cidade", "in", ["a", None]), "value.1"),
        ("field_equals", field("messages.length", "equals", "24"), "value"),
        ("field_equals", field("messages.length", "equals", True), "value"),
        ("field_equals", field("messages.length", "less_than", float("nan")), "value"),
        ("field_equals", field("messages.length", "less_than", 10**16), "value"),
        ("field_equals", field("pontos", "less_than", "10"), "value"),
        ("field_equals", field("pontos", "equals", [10]), "value"),
        ("field_equals", field("cidade", "equals", "a" * 501), "value"),
        ("field_equals", field("cidade", "equals", "nu\0l"), "value"),
        ("field_equals", field("messages.kind", "equals", "meia \ud83d"), "value"),
        ("field_equals", field("conversations.created_at", "less_than", "2026-05-20"), "value"),
        ("field_equals", field("conversations.created_at", "less_than", "2026-05-20T12:00:00"), "value"),
        (
            "field_equals",
            field("conversations.created_at", "less_than", "0001-01-01T00:00:00+14:00"),
            "value",
        ),
        ("field_equals", field("conversations.created_at", "less_than", 1), "value"),
        ("field_contains", {"field": "conversations.status", "value": "op"}, "field"),
        ("field_contains", {"field": "messages.length", "value": "2"}, "field"),
        ("field_contains", {"field": "clients.name", "value": "2"}, "field"),
        ("field_contains", {"field": "messages.kind", "value": ""}, "value"),
        ("field_contains", {"field": "messages.kind", "value": "\u0301"}, "value"),
        ("field_contains", {"field": "messages.kind", "value": 1}, "value"),
        ("field_contains", {"field": "messages.kind", "value": "a" * 501}, "value"),
        ("field_contains", {"field": "messages.kind", "value": "nu\0l"}, "value"),
        ("field_contains", {"field": "messages.kind", "value": "a", "operator": "matches"}, "operator"),
        ("time_elapsed", {"field": "conversations.status", "delay_days": 1}, "field"),
        ("time_elapsed", {"field": "event.at", "delay_days": 1}, "field"),
        ("time_elapsed", {"delay_days": 1}, "field"),
        ("time_elapsed", {**field("consulta_em"), "delay_days": -1}, "delay_days"),
        ("time_elapsed", {**field("consulta_em"), "delay_hours": 1.5}, "delay_hours"),
        ("time_elapsed", {**field("consulta_em"), "delay_days": 1, "operator": "equals"}, "operator"),
        ("time_elapsed", field("consulta_em"), ""),
        ("time_elapsed", {**field("consulta_em"), "delay_days": 366, "delay_minutes": 1}, ""),
        ("all", {}, "conditions"),
        ("all", {"conditions": []}, "conditions"),
        ("any", {"conditions": {"0": branch("always", {})}}, "conditions"),
        ("any", {"conditions": [branch("always", {})] * 21}, "conditions"),
        ("any", {"conditions": [branch("always", {})], "at_least": 2}, "at_least"),
        ("all", {"conditions": ["always"]}, "conditions.0"),
        ("all", {"conditions": [{"condition_config": {}}]}, "conditions.0.condition_type"),
        ("all", {"conditions": [branch("fate", {})]}, "conditions.0.condition_type"),
        ("all", {"conditions": [branch(["always"], {})]}, "conditions.0.condition_type"),  # type: ignore[arg-type]
        ("all", {"conditions": [{**branch("always", {}), "not": True}]}, "conditions.0.not"),
        ("all", {"conditions": [branch("always", [])]}, "conditions.0.condition_config"),
        ("not", {}, "condition"),
        ("not", {"condition": None}, "condition"),
        ("not", {"condition": branch("all", None)}, "condition.condition_config.conditions"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(condition_type: str, config: Any, path: str) -> None:
    assert list(refusal(condition_type, config)) == [f"condition_config.{path}".removesuffix(".")]
    if condition_type in ("field_equals", "field_contains", "time_elapsed"):
        inner = {"condition": branch(condition_type, config)}
        deep = {"conditions": [branch("always", {}), branch("not", inner)]}
        (found,) = refusal("any", deep)
        where = f"condition_config.conditions.1.condition_config.condition.condition_config.{path}"
        assert found == where.removesuffix(".")


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = [branch("field_equals", {**STATUS_OPEN, "value": "aberta"}), branch("fate", {})]
    assert list(refusal("all", {"conditions": wrong})) == [
        "condition_config.conditions.0.condition_config.value",
        "condition_config.conditions.1.condition_type",
    ]


@pytest.mark.parametrize("kind", ["not", "all", "any"])
def test_trees_grow_five_deep_and_no_deeper(kind: str) -> None:
    def nested(depth: int) -> dict[str, Any]:
        inner = branch("field_equals", STATUS_OPEN) if depth == 1 else branch(kind, nested(depth - 1))
        return {"condition": inner} if kind == "not" else {"conditions": [inner]}

    assert is_true(kind, nested(MAX_DEPTH)) is (kind != "not")
    step = ".condition" if kind == "not" else ".conditions.0"
    for depth in (MAX_DEPTH + 1, 300):
        (path,) = refusal(kind, nested(depth))
        assert path == "condition_config" + f"{step}.condition_config" * MAX_DEPTH


def test_a_tree_has_at_most_a_hundred_conditions() -> None:
    def tree(leaves: int) -> dict[str, Any]:
        inner = branch("all", {"conditions": [branch("always", {})] * leaves})
        return {"conditions": [inner] * 5}

    assert is_true("any", tree(19))
    assert list(refusal("any", tree(20))) == ["condition_config"]


# --- Whatever is written ----------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
leaf_values = st.fixed_dictionaries(
    {"field": st.sampled_from([*FIELDS, "contacts.attributes.vip"]) | json_values, "value": json_values},
    optional={"operator": st.sampled_from(["in", "is_set", *ORDER, *UNARY]), "delay_days": json_values},
)
types = st.sampled_from(
    ["always", "field_equals", "field_contains", "time_elapsed", "all", "any", "not", "x"]
)
branches = st.fixed_dictionaries({"condition_type": types, "condition_config": leaf_values | json_values})
tree_values = st.fixed_dictionaries(
    {}, optional={"conditions": st.lists(branches | json_values, max_size=3), "condition": branches}
)


@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(
    st.sampled_from(["time_based", "event_based", "condition_based", "x"]),
    json_values | st.fixed_dictionaries({"delay_days": json_values, "reference_field": json_values}),
    types,
    json_values | leaf_values | tree_values,
    st.sampled_from(["send_message", "sequence", "x"]),
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
