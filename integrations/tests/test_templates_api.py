"""`/api/templates`: texts with variables, checked when they are saved."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.models import MessageTemplate
from integrations.templating import MAX_LOOPS, check_template, render_template
from integrations.tests.contracts import INSTANT, accepted, patch, post, refused
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_template

TEMPLATES = "/api/templates"
BODY = {"name": "Lembrete", "channel": "whatsapp", "body": "Olá, {{ nome }}! Até {{ dia | upcase }}."}
MAIL = {"name": "Boas-vindas", "channel": "email", "subject": "Olá, {{ nome }}", "body": "<p>{{ texto }}</p>"}
SHOWN = {"id", "name", "channel", "subject", "body", "variables", "created_at", "updated_at"}


@pytest.fixture
def alice(cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(cast.alice)


def saved(cast: Cast) -> list[MessageTemplate]:
    with service_scope(reason="test"):
        return list(MessageTemplate.objects.filter(client=cast.acme).order_by("name"))


# --- CRUD -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "variables"), [(BODY, ["dia", "nome"]), (MAIL, ["nome", "texto"])], ids=["whatsapp", "email"]
)
def test_creates_and_shows(alice: APIClient, body: dict[str, Any], variables: list[str]) -> None:
    shown = accepted(post(alice, TEMPLATES, body), 201)["template"]
    assert set(shown) == SHOWN
    assert {name: shown[name] for name in body} == body
    assert shown["variables"] == variables
    assert INSTANT.fullmatch(shown["created_at"]) and INSTANT.fullmatch(shown["updated_at"])
    assert accepted(alice.get(f"{TEMPLATES}/{shown['id']}"))["template"] == shown
    assert accepted(alice.get(TEMPLATES)) == {"success": True, "templates": [shown], "total": 1}


def test_lists_by_name(cast: Cast, alice: APIClient) -> None:
    for name in ("c", "a", "b"):
        make_template(cast.acme, name=name)
    make_template(cast.globex, name="d")
    answer = accepted(alice.get(TEMPLATES))
    assert [one["name"] for one in answer["templates"]] == ["a", "b", "c"]
    assert answer["total"] == 3


def test_keeps_a_text_as_it_is(cast: Cast, alice: APIClient) -> None:
    text = "  *Olá*,\n\n{% if nome %}{{ nome }}{% else %}você{% endif %} 👋🏽\n"
    accepted(post(alice, TEMPLATES, {**BODY, "body": text}), 201)
    assert saved(cast)[0].body == text


def test_replaces_and_changes(cast: Cast, alice: APIClient) -> None:
    template = make_template(cast.acme, name="Antes", channel="email", subject="Oi", body="{{ a }}")
    path = f"{TEMPLATES}/{template.id}"
    shown = accepted(patch(alice, path, {"body": "{{ b }}"}))["template"]
    assert (shown["name"], shown["subject"], shown["body"]) == ("Antes", "Oi", "{{ b }}")
    assert shown["variables"] == ["b"]
    replaced = accepted(alice.put(path, BODY, format="json"))["template"]
    assert {name: replaced[name] for name in BODY} == BODY
    assert (replaced["subject"], replaced["id"]) == ("", str(template.id))
    refused(alice.put(path, {"body": "x"}, format="json"), 400, "VALIDATION_ERROR")
    assert saved(cast)[0].name == "Lembrete"


def test_deletes(cast: Cast, alice: APIClient) -> None:
    path = f"{TEMPLATES}/{make_template(cast.acme).id}"
    answer = accepted(alice.delete(path))
    assert answer == {"success": True, "message": "Template deleted successfully"}
    assert saved(cast) == []
    refused(alice.get(path), 404, "TEMPLATE_NOT_FOUND")
    refused(alice.delete(path), 404, "TEMPLATE_NOT_FOUND")


def test_i6_another_client_s_template_is_not_found(cast: Cast, api: Callable[..., APIClient]) -> None:
    template = make_template(cast.acme)
    bob, path = api(cast.bob), f"{TEMPLATES}/{template.id}"
    for answer in (
        bob.get(path),
        patch(bob, path, {"body": "meu"}),
        bob.put(path, BODY, format="json"),
        bob.delete(path),
        bob.get(f"{TEMPLATES}/{uuid.uuid4()}"),
    ):
        refused(answer, 404, "TEMPLATE_NOT_FOUND")
    refused(bob.get(f"{TEMPLATES}?client_id={cast.acme.id}"), 404, "CLIENT_NOT_FOUND")
    assert accepted(bob.get(TEMPLATES))["total"] == 0
    assert saved(cast)[0].body == template.body
    refused(api(None).get(TEMPLATES), 401, "NOT_AUTHENTICATED")
    refused(api(None).post(TEMPLATES, BODY, format="json"), 401, "NOT_AUTHENTICATED")


# --- names ----------------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_409(cast: Cast, alice: APIClient, api: Callable[..., APIClient]) -> None:
    accepted(post(alice, TEMPLATES, BODY), 201)
    refused(post(alice, TEMPLATES, {**MAIL, "name": BODY["name"]}), 409, "TEMPLATE_NAME_TAKEN")
    other = make_template(cast.acme, name="Outro", body="{{ a }}")
    refused(patch(alice, f"{TEMPLATES}/{other.id}", {"name": BODY["name"]}), 409, "TEMPLATE_NAME_TAKEN")
    assert [one.name for one in saved(cast)] == ["Lembrete", "Outro"]
    accepted(patch(alice, f"{TEMPLATES}/{other.id}", {"name": "Outro", "body": "x"}))  # its own
    accepted(post(api(cast.bob), TEMPLATES, BODY), 201)  # another client's names are its own


def test_of_two_who_take_a_name_at_once_one_gets_it(
    committed_cast: Cast, api: Callable[..., APIClient]
) -> None:
    clients = [api(committed_cast.alice) for _ in range(4)]
    answers = run_together(lambda number: post(clients[number], TEMPLATES, BODY), 4)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(saved(committed_cast)) == 1


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"channel": "sms"}, "channel"),
        ({"body": ""}, "body"),
        ({"body": "x" * 65_537}, "body"),
        ({"body": "a\x00b"}, "body"),
        ({"body": None}, "body"),
        ({"surprise": 1}, "surprise"),
        ({"variables": []}, "variables"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refuses_what_is_malformed(cast: Cast, alice: APIClient, change: dict[str, Any], field: str) -> None:
    answer = refused(post(alice, TEMPLATES, {**BODY, **change}), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == [field]
    assert saved(cast) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{{ nome", 1),
        ("um\n{{ nome | upcase", 2),
        ("um\ndois\n{% if %}x{% endif %}", 3),
        ("um\n\n{% endif %}", 3),
        ("um\n{% if nome %}\ndois", 3),
        ("um\n{{ nome | }}\n{{ dia }}", 2),
        ("{% if a %}\n{% assign b = %}{% endif %}", 2),
        ("{{ a }}\n{% for x in %}{% endfor %}", 2),
        ("um\n{% % }", 2),
        ("um\n{% comment %}dois", 2),
        ("um\n{% raw %}dois", 2),
        ("um\n{% desconhecida %}", 2),
        ("um\ndois\n{% include 'outro' %}", 3),
        ("um\n{% render 'outro' %}", 2),
        ("um\n{% increment n %}", 2),
        ("um\n{% decrement n %}", 2),
        ("um\n{% cycle 'a', 'b' %}", 2),
        ("um\n{% tablerow a in b %}{% endtablerow %}", 2),
        ("um\n{{ " + "a" * 1000 + " }}", 2),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_mistake_is_told_by_field_and_line(cast: Cast, alice: APIClient, text: str, line: int) -> None:
    answer = refused(post(alice, TEMPLATES, {**BODY, "body": text}), 400, "INVALID_TEMPLATE")
    assert list(answer["details"]) == ["body"]
    assert f"linha {line})" in answer["details"]["body"][0]
    assert saved(cast) == []


def test_a_mistake_in_the_subject_is_told_as_the_subject_s(cast: Cast, alice: APIClient) -> None:
    answer = refused(post(alice, TEMPLATES, {**MAIL, "subject": "{{ nome"}), 400, "INVALID_TEMPLATE")
    assert list(answer["details"]) == ["subject"]
    assert saved(cast) == []


def test_an_unknown_filter_is_named(cast: Cast, alice: APIClient) -> None:
    answer = refused(
        post(alice, TEMPLATES, {**BODY, "body": "{{ a | shout | upcase | whisper }}"}),
        400,
        "INVALID_TEMPLATE",
    )
    assert answer["details"] == {"body": ["Filtro desconhecido: shout, whisper."]}
    assert saved(cast) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel": "email", "subject": ""}, "subject"),
        ({"channel": "email", "subject": "  "}, "subject"),
        ({"subject": "Oi"}, "subject"),
    ],
    ids=["none", "blank", "whatsapp"],
)
def test_mails_and_only_mails_have_a_subject(
    cast: Cast, alice: APIClient, change: dict[str, Any], field: str
) -> None:
    answer = post(alice, TEMPLATES, {**BODY, **change})
    assert list(refused(answer, 400, answer.json()["error_code"])["details"]) == [field]
    assert saved(cast) == []


def test_a_change_that_is_refused_changes_nothing(cast: Cast, alice: APIClient) -> None:
    template = make_template(cast.acme, name="Antes", body="{{ a }}")
    path = f"{TEMPLATES}/{template.id}"
    refused(patch(alice, path, {"name": "Depois", "body": "{{ a"}), 400, "INVALID_TEMPLATE")
    refused(patch(alice, path, {"name": "Depois", "channel": "email"}), 400, "INVALID_TEMPLATE")
    assert [(one.name, one.channel, one.body) for one in saved(cast)] == [("Antes", "whatsapp", "{{ a }}")]


# --- what it may cost -----------------------------------------------------------------------------

LONG = 65_536
TOILSOME = {
    "openings": "{{" * (LONG // 2),
    "tags": "{%" * (LONG // 2),
    "raw": "{% raw %}" * (LONG // 9),
    "doc": "{% doc %}" * (LONG // 9),
    "blanks": "{{" + " " * (LONG - 4) + "}}",
    "blanks in a tag": "{% if a" + " " * (LONG - 20) + "%}{% endif %}",
    "blanks before raw": "{%" + " " * (LONG - 20) + "raw %}",
    "many blanks": ("{{ a" + " " * 980 + "}}") * 60,
    "hidden openings": ("{% !" + "{{" * 490 + "%}") * 60,
    "brackets": "{% if " + "(" * 400 + "a" + ")" * 400 + " %}{% endif %}",
    "nested": "{% if a %}" * 3000 + "{% endif %}" * 3000,
    "filters": ("{{ a" + " | upcase" * 100 + " }}") * 60,
    "plain": "a\n" * (LONG // 2),
}


@pytest.mark.parametrize("text", TOILSOME.values(), ids=TOILSOME)
def test_no_text_keeps_the_check_busy(text: str) -> None:
    """Without a bound the engine takes a quarter of an hour for the first of these."""
    started = time.process_time()
    try:
        check_template(text)
    except ValueError as error:
        assert "modelo" in str(error)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        f"{{% for n in (1..{MAX_LOOPS + 1}) %}}x{{% endfor %}}",
        "{% for n in (1..100) %}{% for m in (1..100) %}x{% endfor %}{% endfor %}",
        "{% for n in (1..1000000000000) %}x{% endfor %}",
        "{% for n in (1..900) %}" + "x" * 100 + "{% endfor %}",
        "{{ 'a'" + " | replace: 'a', 'aaaaaaaaaa'" * 12 + " | size }}",
        "{% assign t = t | replace: 'x', t %}ok",
        "{% assign t = t | split: '' | join: t %}ok",
        "{% assign t = 'x' %}{% for n in (1..900) %}{% assign t = t | append: t %}{% endfor %}ok",
        "{% assign t = 9 %}{% for n in (1..900) %}{% assign t = t | times: t %}{% endfor %}ok",
        "{{ t }}{{ t }}",
        "{{ desconhecida }}",
        "{{ t.__class__ }}",
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_text_that_grows_beyond_its_bounds_is_not_rendered(text: str) -> None:
    started = time.process_time()
    check_template(text)
    with pytest.raises(ValueError, match="modelo"):
        render_template(text, {"t": "x" * 60_000})
    assert time.process_time() - started < 2


def test_a_text_within_its_bounds_is_rendered() -> None:
    text = "{% for n in (1..1000) %}{{ n | append: ';' | replace: ';', ',' }}{% endfor %}{{ l | join: '-' }}"
    rendered = render_template(text, {"l": ["a", "b"]})
    assert rendered.startswith("1,2,3,") and rendered.endswith("1000,a-b")
