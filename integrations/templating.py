"""Liquid templates that clients write: sandboxed, bounded, and strict about what they name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from liquid import Environment, StrictUndefined
from liquid.exceptions import LiquidError

MAX_OUTPUT_CHARACTERS = 64 * 1024
MAX_LOOPS = 1000
# Tags that read other templates, or keep state that a reader of the text cannot follow.
_BARRED_TAGS = ("include", "render", "increment", "decrement", "cycle", "tablerow")


class _BoundedEnvironment(Environment):
    loop_iteration_limit = MAX_LOOPS
    output_stream_limit = MAX_OUTPUT_CHARACTERS
    local_namespace_limit = MAX_OUTPUT_CHARACTERS
    context_depth_limit = 10


@cache
def _environment() -> Environment:
    environment = _BoundedEnvironment(undefined=StrictUndefined)
    for tag in _BARRED_TAGS:
        environment.tags.pop(tag, None)
    return environment


def check_template(source: str) -> list[str]:
    """The names of a template's variables, sorted; raises `ValueError` with the line of a mistake."""
    environment = _environment()
    try:
        template = environment.from_string(source)
    except LiquidError as error:
        raise ValueError(f"Erro no modelo{_place(source, error)}: confira as chaves e etiquetas.") from error
    unknown = sorted(set(template.filter_names()) - set(environment.filters))
    if unknown:
        raise ValueError(f"Filtro desconhecido: {', '.join(unknown)}.")
    return sorted(template.global_variables())


def _place(source: str, error: LiquidError) -> str:
    start = error.token.start_index if error.token else -1
    return f" (linha {source.count(chr(10), 0, start) + 1})" if start >= 0 else ""


def render_template(source: str, values: Mapping[str, Any]) -> str:
    """Fill in a template; raises `ValueError` for a variable that has no value, or too long a text."""
    try:
        return _environment().from_string(source).render(**values)
    except LiquidError as error:
        raise ValueError("Falta um valor para o modelo, ou o texto fica longo demais.") from error
