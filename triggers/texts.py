"""Texts with variables: checked when they are saved, filled in strictly. Nothing here can send.

Liquid, with `contato.nome`, `contato.telefone`, `contato.atributos.<nome>`, `conversa.status`,
`conversa.canal`, `cliente.nome` and `evento.<nome>`; `{{ contato.nome | default: "cliente" }}` does without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.html import escape

from integrations.errors import InvalidTemplate
from integrations.templating import MissingValue, check_template, render_template, variable_paths
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from renum.errors import DomainError
from triggers.errors import NoConversation, TemplateVariableMissing
from triggers.facts import Facts
from triggers.fields import ATTRIBUTES, EVENT, attribute_name, find_field

if TYPE_CHECKING:
    from triggers.schemas import Step

_KNOWN = (
    ("cliente", "nome"),
    ("contato", "nome"),
    ("contato", "telefone"),
    ("conversa", "canal"),
    ("conversa", "status"),
)
_OFFERED = ", ".join([*map(".".join, _KNOWN), "contato.atributos.<nome>", "evento.<nome>"])
_MARKS = ("{{", "{%")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a text is about. `conversation` is None for a slot of the calendar, and for some events."""

    client_id: UUID
    conversation: Conversation | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What a step would say, by part of its message; or why it would not, with a stable code."""

    number: int
    action_type: str
    texts: Mapping[str, str] = field(default_factory=dict)
    reason_code: str = ""
    problem: str = ""


def check_text(source: str) -> list[str]:
    """What is wrong with a text, in Portuguese; nothing if it can be filled in."""
    if not is_storable(source):
        return ["O texto contém caracteres não permitidos."]
    if not _has_variables(source):
        return []
    try:
        check_template(source)
    except ValueError as error:
        return [str(error)]
    unknown = sorted({_written(path) for path in variable_paths(source) if not _is_known(path)})
    return [f"Variável desconhecida: {', '.join(unknown)}. Use {_OFFERED}."] if unknown else []


def is_storable(text: str) -> bool:
    """Whether a database and a provider can take it: no NUL, and no half of a surrogate pair."""
    return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in text)


def fill_in(source: str, subject: Subject, *, is_html: bool = False) -> str:
    """Fill in a text; in HTML, values are escaped.

    Raises `TemplateVariableMissing`, and `InvalidTemplate` for one that grows too long.
    """
    if not _has_variables(source):
        return source
    values = _values(source, subject)
    if is_html:
        values = {root: _escaped(names) for root, names in values.items()}
    try:
        return render_template(source, values)
    except MissingValue as error:
        missing = sorted(_written(path) for path in variable_paths(source) if not _has_value(path, values))
        raise TemplateVariableMissing(
            f"Falta um valor para: {', '.join(missing)}.", details={"variables": missing}
        ) from error
    except ValueError as error:
        raise InvalidTemplate from error


def preview(steps: Iterable[Step], subject: Subject) -> list[StepPreview]:
    """What each step would say to this subject now."""
    return [_preview(number, step, subject) for number, step in enumerate(steps)]


def _preview(number: int, step: Step, subject: Subject) -> StepPreview:
    try:
        if subject.conversation is None and step.type.needs_conversation(step.config):
            raise NoConversation
        return StepPreview(number, step.type_name, step.type.texts(step.config, subject))
    except DomainError as error:
        return StepPreview(number, step.type_name, reason_code=error.code, problem=error.message)


def _has_variables(source: str) -> bool:
    return any(mark in source for mark in _MARKS)


def _written(path: tuple[object, ...]) -> str:
    return ".".join(map(str, path))


def _is_known(path: tuple[object, ...]) -> bool:
    if path in _KNOWN:  # compared, not looked up: `contato[conversa.status]` has a list for a part
        return True
    *parents, name = path
    if parents == ["contato", "atributos"]:
        return attribute_name(f"{ATTRIBUTES}{name}") is not None
    return parents == ["evento"] and find_field(f"{EVENT}{name}") is not None


def _has_value(path: tuple[object, ...], values: Mapping[str, Any]) -> bool:
    found: Any = values
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return False
        found = found[part]
    return True


def _values(source: str, subject: Subject) -> dict[str, dict[str, Any]]:
    facts, conversation = subject.facts, subject.conversation
    contact = conversation.contact if conversation else None
    values = {
        "contato": _present({"nome": contact.name, "telefone": contact.phone}) if contact else {},
        "conversa": _present(
            {"status": facts.read("conversations.status"), "canal": facts.read("conversations.channel")}
        ),
        "cliente": {},
        "evento": _present(facts.event),
    }
    values["contato"]["atributos"] = _present(facts.attributes)
    if "cliente" in source:  # else it is not worth a query
        names = Client.objects.filter(id=subject.client_id).values_list("name", flat=True)
        values["cliente"] = _present({"nome": names.first()})
    return values


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that can stand in a text: what is empty has no value."""
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str | int | float) and str(value).strip()
    }


def _escaped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _escaped(value)
        if isinstance(value, dict)
        else str(escape(value))
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }
