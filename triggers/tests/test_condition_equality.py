"""A condition means the same to Python and to the database, whatever is stored and whatever is asked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Value
from django.db.models.functions import JSONObject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Channel, Contact, Conversation, Message
from tests import factories
from tests.cast import Cast
from triggers.conditions.field_contains import fold, folded
from triggers.conditions.field_equals import ORDER, ORDERED, UNARY
from triggers.facts import Facts, load_facts
from triggers.fields import FIELDS, REFERENCE_FIELDS, Field, find_field
from triggers.schemas import Parts, validate_parts

NOW = datetime(2026, 5, 20, 15, 0, tzinfo=UTC)
ROWS = 30
ATTRIBUTES = ("cidade", "pontos", "vip", "nada")
DATES = ("consulta_em", "nada")
DELAYS = {"delay_minutes": 1}, {"delay_hours": 2}, {"delay_days": 3}, {"delay_days": 1, "delay_minutes": 30}
TICK = timedelta(microseconds=1)
MOMENTS = [NOW, NOW + TICK, NOW + timedelta(days=2)] + [
    NOW - timedelta(**{name.removeprefix("delay_"): count for name, count in delay.items()}) + shift
    for delay in DELAYS
    for shift in (-TICK, timedelta(0), TICK)
]
TEXTS = [
    "",
    "São Paulo",
    "SAO PAULO",
    "sa\u0303o",
    "1",
    "true",
    "null",
    "É",
    "e",
    "Σίσυφος",
    "straße",
    "İ",
    "%",
    "_",
]
NUMBERS = [0, 1, 1.0, -1, 0.1, 2.5, 10**14, 1e-9, 24, 3]
SCALARS = [*TEXTS, *NUMBERS, True, False]
# What no condition can name may be stored all the same.
STORED = [*SCALARS, None, [], ["São Paulo"], {"vip": True}, 1e23, 10**23]


# --- What is stored ------------------------------------------------------------------------------------


def _store(client: Client, chance: random.Random) -> UUID:
    maybe = [*MOMENTS, None, None, None]
    conversation = factories.make_conversation(
        client,
        status=chance.choice(Conversation.Status.values),
        channel=chance.choice(Channel.values),
        attention_reason=chance.choice(["", "", "ASKED_FOR_PERSON", "Não soube"]),
        last_message_at=chance.choice(MOMENTS),
        quiet_since=chance.choice(MOMENTS),
        last_inbound_at=chance.choice(maybe),
        last_outbound_at=chance.choice(maybe),
        unanswered_since=chance.choice(maybe),
        agent_paused_until=chance.choice(maybe),
    )
    named = {name: chance.choice(STORED) for name in ATTRIBUTES[:3] if chance.random() < 0.8}
    with service_scope(reason="test rows"):
        Contact.objects.filter(id=conversation.contact_id).update(
            attributes=named, created_at=chance.choice(MOMENTS)
        )
        Conversation.objects.filter(id=conversation.id).update(created_at=chance.choice(MOMENTS))
    if chance.random() < 0.6:
        factories.make_contact_date(conversation.contact, "consulta_em", chance.choice(MOMENTS))
    for _ in range(chance.choice([0, 0, 1, 3])):
        factories.make_message(
            conversation,
            direction=chance.choice(Message.Direction.values),
            author=chance.choice(Message.Author.values),
            kind=chance.choice(["text", "áudio", "image"]),
            length=chance.choice([0, 1, 3, 24]),
            occurred_at=chance.choice(MOMENTS[:5]),  # some at the same instant
        )
    return conversation.id


@pytest.fixture(params=[1, 2, 3])
def stored(request: pytest.FixtureRequest, cast: Cast) -> Iterator[dict[UUID, Facts]]:
    chance = random.Random(request.param)
    ids = [_store(cast.acme, chance) for _ in range(ROWS)]
    factories.make_conversation(cast.globex)
    with service_scope(reason="test"):
        yield load_facts(ids, NOW)


# --- What is asked ---------------------------------------------------------------------------------------

words = st.sampled_from(TEXTS) | st.text(
    st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"), max_size=3
)
numbers = st.sampled_from(NUMBERS) | st.integers(-3, 30) | st.floats(-30, 30)
instants = st.builds(
    lambda at, hours: at.astimezone(timezone(timedelta(hours=hours))).isoformat(),
    st.sampled_from(MOMENTS),
    st.sampled_from([-3, 0, 5.5]),
)
fields = st.sampled_from([*FIELDS, *(f"contacts.attributes.{name}" for name in ATTRIBUTES)])


def values_of(field: Field) -> st.SearchStrategy[Any]:
    if field.values:
        return st.sampled_from(field.values)
    return {
        "text": words | st.sampled_from(["ASKED_FOR_PERSON", "text", "áudio"]),
        "number": numbers,
        "instant": instants,
        "any": st.sampled_from(SCALARS) | words | numbers,
    }[field.type]


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(fields)
    field = find_field(name)
    assert field is not None
    order = ORDER if field.type in ORDERED else ()
    operator = draw(st.sampled_from(["equals", "not_equals", "in", *UNARY, *order]))
    config: dict[str, Any] = {"field": name, "operator": operator}
    if operator == "in":
        config["value"] = draw(st.lists(values_of(field), min_size=1, max_size=4))
    elif operator in order and field.type == "any":
        config["value"] = draw(numbers)
    elif operator not in UNARY:
        config["value"] = draw(values_of(field))
    return "field_equals", config


free_texts = [name for name in FIELDS if FIELDS[name].type == "text" and not FIELDS[name].values]
contents = st.builds(
    lambda field, value: ("field_contains", {"field": field, "value": value}),
    st.sampled_from([*free_texts, *(f"contacts.attributes.{name}" for name in ATTRIBUTES)]),
    words.filter(fold) | st.sampled_from(["sao", "ÁU", "ão", "r", "1"]),
)
elapsed = st.builds(
    lambda field, operator, delay: ("time_elapsed", {"field": field, **operator, **delay}),
    st.sampled_from([*REFERENCE_FIELDS, *(f"contacts.attributes.{name}" for name in DATES)]),
    st.sampled_from([{}, {"operator": "more_than"}, {"operator": "less_than"}]),
    st.sampled_from(DELAYS),
)
leaves: st.SearchStrategy[tuple[str, dict[str, Any]]] = (
    comparisons() | contents | elapsed | st.just(("always", {}))
)


@st.composite
def conditions(draw: st.DrawFn, depth: int = 4) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(["leaf", "all", "any", "not"])) if depth else "leaf"
    if kind == "leaf":
        return draw(leaves)
    inner = conditions(depth - 1).map(lambda one: {"condition_type": one[0], "condition_config": one[1]})
    if kind == "not":
        return kind, {"condition": draw(inner)}
    return kind, {"conditions": draw(st.lists(inner, min_size=1, max_size=3))}


# --- They agree --------------------------------------------------------------------------------------------


def parts_of(condition: tuple[str, dict[str, Any]]) -> Parts:
    return validate_parts("time_based", factories.DELAY, *condition, "send_message", factories.FOLLOW_UP)


quietly = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def found_by(parts: Parts, cast: Cast) -> set[UUID]:
    rows = Conversation.objects.filter(parts.filter(NOW), client_id=cast.acme.id)
    return set(rows.values_list("id", flat=True))


def true_of(parts: Parts, stored: dict[UUID, Facts]) -> set[UUID]:
    return {one for one, facts in stored.items() if parts.matches(facts)}


@quietly
@given(conditions())
def test_the_predicate_and_the_filter_find_the_same_rows(
    stored: dict[UUID, Facts], cast: Cast, condition: tuple[str, dict[str, Any]]
) -> None:
    parts = parts_of(condition)
    assert found_by(parts, cast) == true_of(parts, stored)


@quietly
@given(conditions())
def test_a_filter_may_stand_inside_another_query_and_be_negated(
    stored: dict[UUID, Facts], cast: Cast, condition: tuple[str, dict[str, Any]]
) -> None:
    parts = parts_of(condition)
    inner = Conversation.objects.filter(parts.filter(NOW), client_id=cast.acme.id)
    others = Conversation.objects.filter(client_id=cast.acme.id).exclude(id__in=inner)
    assert set(others.values_list("id", flat=True)) == set(stored) - true_of(parts, stored)


def some_values(field: Field) -> list[Any]:
    if field.values:
        return list(field.values[:2])
    some: dict[str, list[Any]] = {
        "text": ["", "Não soube", "text"],
        "number": [0, 2.5, 3],
        "instant": [at.isoformat() for at in MOMENTS[:4]],
        "any": SCALARS,
    }
    return some[field.type]


@pytest.mark.parametrize("name", [*FIELDS, "contacts.attributes.cidade", "contacts.attributes.nada"])
def test_every_operator_of_every_field_agrees(name: str, stored: dict[UUID, Facts], cast: Cast) -> None:
    field = find_field(name)
    assert field is not None
    values = some_values(field)
    in_order = [value for value in values if type(value) in (int, float) or field.type == "instant"]
    asked: list[dict[str, Any]] = [{"operator": operator} for operator in UNARY]
    asked += [{"operator": operator, "value": one} for operator in ("equals", "not_equals") for one in values]
    asked += [{"operator": "in", "value": values}, {"operator": "in", "value": values[:1]}]
    if field.type in ORDERED:
        asked += [{"operator": operator, "value": one} for operator in ORDER for one in in_order]
    for question in asked:
        parts = parts_of(("field_equals", {"field": name, **question}))
        assert found_by(parts, cast) == true_of(parts, stored), question


texts = st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"), max_size=20)


@quietly
@given(st.lists(texts, min_size=1, max_size=20))
def test_texts_are_folded_alike(cast: Cast, written: list[str]) -> None:
    with service_scope(reason="test"):
        row = (
            Client.objects.filter(id=cast.acme.id)
            .annotate(folded=JSONObject(**{str(n): folded(Value(text)) for n, text in enumerate(written)}))
            .values_list("folded", flat=True)
            .get()
        )
    assert [row[str(n)] for n in range(len(written))] == [fold(text) for text in written]
