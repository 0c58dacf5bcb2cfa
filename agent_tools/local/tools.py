"""The tools that a model is offered, as far as their schemas and descriptions tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TABLES = "Tabelas permitidas:"
_INTENTS = "Intenções:"
_QUERIES = "Consultas:"
_TABLE = re.compile(r"(?<![^\W\d])([^\W\d]\w{0,62})(?:\(([^()]*)\))?")
_QUERY = re.compile(r"[^\W\d]\w*\(")
_PARAMETER = re.compile(r"[^\W\d]\w*: ")


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as it was bound; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def call(self, needed: Mapping[str, Any], wished: Mapping[str, Any] | None = None) -> Call | None:
        """A call that the schema takes; without what is merely wished, if it must be. None: there is none."""
        wished = {name: value for name, value in (wished or {}).items() if self._takes(name, value)}
        arguments = {**needed, **wished}
        if not all(self._takes(name, value) for name, value in needed.items()):
            return None
        if not set(self.parameters.get("required", ())) <= set(arguments):
            return None
        return Call(self.name, arguments)

    def _takes(self, name: str, value: Any) -> bool:
        schema = self.parameters.get("properties", {}).get(name)
        return schema is not None and ("enum" not in schema or value in schema["enum"])


@dataclass(frozen=True, slots=True)
class Query:
    """A published query; `parameters`: by name what is told of each, its type or choices first."""

    name: str
    parameters: dict[str, str]
    about: str


def tool_of(bound: Mapping[str, Any]) -> Tool:
    """Read a tool in OpenAI's form."""
    function = bound["function"]
    return Tool(function["name"], function.get("description", ""), function.get("parameters") or {})


def intents_of(tool: Tool) -> list[str] | None:
    """The intents that the schema or the description names; None: any."""
    schema = tool.parameters.get("properties", {}).get("intent", {})
    if "enum" in schema:
        return list(schema["enum"])
    _, known, listed = tool.description.partition(_INTENTS)
    return [one.strip() for one in listed.rstrip(" .").split(",")] if known else None


def tables_of(tool: Tool) -> dict[str, list[str]]:
    """The allowed tables with their columns, which may be unknown: then there are none."""
    before, known, listed = tool.description.partition(_TABLES)
    found = _TABLE.findall(listed if known else before)
    return {
        name: [one.strip() for one in columns.split(",") if one.strip()]
        for name, columns in found
        if known or columns
    }


def queries_of(tool: Tool) -> list[Query]:
    """The published queries that the description names."""
    entries: list[str] = []
    for piece in tool.description.partition(_QUERIES)[2].strip().split(" | "):
        if entries and not _QUERY.match(piece):  # one of several choices, or part of a description
            entries[-1] += f" | {piece}"
        elif _QUERY.match(piece):
            entries.append(piece)
    return [_query_of(entry) for entry in entries]


def _query_of(entry: str) -> Query:
    name, _, rest = entry.partition("(")
    told, _, about = rest.partition("):")
    parameters: dict[str, str] = {}
    for piece in told.split(", "):
        if _PARAMETER.match(piece):
            parameter, _, kind = piece.partition(": ")
            parameters[parameter] = kind
        elif parameters:
            parameters[next(reversed(parameters))] += f", {piece}"
    return Query(name, parameters, about.strip())
