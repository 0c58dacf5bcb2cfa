"""Use one of the agents' tools, with arguments written down beforehand. Later apps register theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from renum.errors import InvalidInput
from renum.validation import problems_of
from triggers.actions.base import ActionType, Occasion
from triggers.errors import ToolNotFound
from triggers.texts import Subject, check_text, fill_in


@dataclass(frozen=True, slots=True)
class Tool:
    """`arguments`: what may be given to it. `run`: as that of an `ActionType`, of such arguments."""

    arguments: type[BaseModel]
    run: Callable[[Any, Occasion], dict[str, Any]]
    needs_conversation: bool
    messages: int


_TOOLS: dict[str, Tool] = {}


def register_tool(
    name: str,
    arguments: type[BaseModel],
    run: Callable[[Any, Occasion], dict[str, Any]],
    *,
    needs_conversation: bool,
    messages: int,
) -> None:
    """Offer a tool to triggers; `messages`: how many a call sends."""
    _TOOLS[name] = Tool(arguments, run, needs_conversation, messages)


class CallToolConfig(BaseModel):
    """Texts in the arguments may name variables."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tool: str = Field(max_length=100)
    arguments: dict[str, Any] = Field(default_factory=dict)


def _check(config: CallToolConfig, _client_id: UUID) -> dict[str, list[str]]:
    if config.tool not in _TOOLS:
        return {"tool": [f"Use um de: {', '.join(sorted(_TOOLS))}."]}
    try:
        _TOOLS[config.tool].arguments.model_validate(config.arguments)
    except ValidationError as error:
        return problems_of(error, within="arguments")
    found = {
        path: check_text(text) if text.strip() else ["O texto está vazio."]
        for path, text in _texts_in(config.arguments, "arguments")
    }
    return {path: problems for path, problems in found.items() if problems}


def _run(config: CallToolConfig, occasion: Occasion) -> dict[str, Any]:
    return _tool(config).run(_filled_in(config, occasion), occasion)


def _texts(config: CallToolConfig, subject: Subject) -> dict[str, str]:
    return dict(_texts_in(_filled_in(config, subject).model_dump(), ""))


def _tool(config: CallToolConfig) -> Tool:
    if config.tool not in _TOOLS:
        raise ToolNotFound
    return _TOOLS[config.tool]


def _filled_in(config: CallToolConfig, subject: Subject) -> BaseModel:
    """The arguments with the values in their texts; they must still be such as the tool takes."""
    try:
        return _tool(config).arguments.model_validate(_fill_in(config.arguments, subject))
    except ValidationError as error:
        raise InvalidInput(details=problems_of(error, within="arguments")) from error


def _fill_in(value: Any, subject: Subject) -> Any:
    if isinstance(value, str):
        return fill_in(value, subject)
    if isinstance(value, list):
        return [_fill_in(one, subject) for one in value]
    if isinstance(value, dict):
        return {name: _fill_in(one, subject) for name, one in value.items()}
    return value


def _texts_in(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _texts_in(one, f"{path}.{name}".removeprefix("."))


def _of_tool(config: CallToolConfig) -> Tool | None:
    return _TOOLS.get(config.tool)


TYPE = ActionType(
    config=CallToolConfig,
    run=_run,
    check=_check,
    texts=_texts,
    needs_conversation=lambda config: bool((tool := _of_tool(config)) and tool.needs_conversation),
    messages=lambda config: tool.messages if (tool := _of_tool(config)) else 0,
)
