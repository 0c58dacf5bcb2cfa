"""Liquid templates that clients write: sandboxed, bounded, and strict about what they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, wraps
from typing import Any

from liquid import Environment, StrictDefaultUndefined
from liquid.exceptions import LiquidError, OutputStreamLimitError, UndefinedError

MAX_OUTPUT_CHARACTERS = 64 * 1024
MAX_LOOPS = 1000
MAX_TAG_CHARACTERS = 1000
# Tags that read other templates, or keep state that a reader of the text cannot follow.
_BARRED_TAGS = ("include", "render", "increment", "decrement", "cycle", "tablerow")
_OPENING = re.compile(r"\{\{|\{%-?\s*(?:(?P<verbatim>raw|doc)\s*-?%\}|(?P<name>#|\w))?")
_MISTAKE = "Erro no modelo{place}: confira as chaves e etiquetas."
_NOT_RENDERED = "Falta um valor para o modelo, ou o texto fica longo demais."


class MissingValue(ValueError):
    """A template names a variable that has no value, and no `default`."""


class _BoundedEnvironment(Environment):
    loop_iteration_limit = MAX_LOOPS
    output_stream_limit = MAX_OUTPUT_CHARACTERS
    local_namespace_limit = MAX_OUTPUT_CHARACTERS
    context_depth_limit = 10


@cache
def _environment() -> Environment:
    environment = _BoundedEnvironment(undefined=StrictDefaultUndefined)
    for tag in _BARRED_TAGS:
        environment.tags.pop(tag, None)
    for name, apply in environment.filters.items():
        environment.filters[name] = _bounded(name, apply)
    return environment


def _bounded(name: str, apply: Callable[..., Any]) -> Callable[..., Any]:
    """Stop a filter whose text grows too long: the engine measures only what is put out in the end."""

    @wraps(apply)  # the engine's marks on a filter are attributes
    def bounded(value: Any, *args: Any, **more: Any) -> Any:
        if _growth(name, value, args) > MAX_OUTPUT_CHARACTERS:
            raise OutputStreamLimitError("too long", token=None)
        result = apply(value, *args, **more)
        if isinstance(result, str) and len(result) > MAX_OUTPUT_CHARACTERS:
            raise OutputStreamLimitError("too long", token=None)
        return result

    return bounded


def _growth(name: str, value: Any, args: tuple[Any, ...]) -> int:
    """Characters that a filter adds which puts a text in many places at once."""
    if name == "replace" and len(args) > 1:
        return str(value).count(str(args[0])) * len(str(args[1]))
    if name == "join" and args and isinstance(value, list | tuple):
        return len(value) * len(str(args[0]))
    return 0


def check_template(source: str) -> list[str]:
    """The names of a template's variables, sorted; raises `ValueError` with the line of a mistake."""
    environment = _environment()
    tags = list(_tags(source))
    try:
        template = environment.from_string(source)
    except LiquidError as error:
        start = error.token.start_index if error.token else -1
        place = _place(source, start if start >= 0 else _culprit(source, tags))
        raise ValueError(_MISTAKE.format(place=place)) from error
    unknown = sorted(set(template.filter_names()) - set(environment.filters))
    if unknown:
        raise ValueError(f"Filtro desconhecido: {', '.join(unknown)}.")
    return sorted(template.global_variables())


def variable_paths(source: str) -> list[tuple[object, ...]]:
    """The parts of each variable that a checked template names: `a.b` is `("a", "b")`."""
    return [tuple(path) for path in _environment().from_string(source).global_variable_segments()]


def _tags(source: str) -> Iterator[tuple[int, int]]:
    """Where each tag begins and ends; raises `ValueError` for one without an end, a name, or measure.

    The engine looks for each missing end through all of the text, and for each blank before an end again:
    64 KiB of `{{` would keep it busy for a quarter of an hour.
    """
    at = 0
    while opening := _OPENING.search(source, at):
        start = opening.start()
        if word := opening["verbatim"]:
            closing = re.compile(rf"\{{%-?\s*end{word}\s*-?%\}}").search(source, opening.end())
            at = closing.end() if closing else 0
        else:
            is_output = opening[0] == "{{"
            end = source.find("}}" if is_output else "%}", start + 2, start + MAX_TAG_CHARACTERS)
            at = end + 2 if end > 0 and (is_output or opening["name"]) else 0
        if not at:
            raise ValueError(_MISTAKE.format(place=_place(source, start)))
        yield start, at


def _culprit(source: str, tags: list[tuple[int, int]]) -> int:
    """Where the tag is that the engine did not place: one wrong in itself, else a block without its end."""
    for start, end in tags:
        try:
            _environment().from_string(source[start:end])
        except LiquidError as error:
            if "expected tag" not in str(error) and error.token and error.token.start_index < 0:
                return start
    return len(source)


def _place(source: str, start: int) -> str:
    return f" (linha {source.count(chr(10), 0, start) + 1})"


def render_template(source: str, values: Mapping[str, Any]) -> str:
    """Fill in a template; raises `MissingValue`, or another `ValueError` for a text that grows too long."""
    try:
        return _environment().from_string(source).render(**values)
    except UndefinedError as error:
        raise MissingValue(_NOT_RENDERED) from error
    except LiquidError as error:
        raise ValueError(_NOT_RENDERED) from error
