"""Say in Portuguese what pydantic found wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

_SENTENCES = {
    "missing": "campo obrigatório",
    "extra_forbidden": "campo desconhecido",
    "int_type": "deve ser um número inteiro",
    "int_parsing": "deve ser um número inteiro",
    "int_from_float": "deve ser um número inteiro",
    "float_type": "deve ser um número",
    "float_parsing": "deve ser um número",
    "bool_type": "deve ser true ou false",
    "bool_parsing": "deve ser true ou false",
    "string_type": "deve ser um texto",
    "string_too_short": "deve ter ao menos {min_length} caractere(s)",
    "string_too_long": "deve ter no máximo {max_length} caracteres",
    "string_pattern_mismatch": "não tem o formato esperado",
    "list_type": "deve ser uma lista",
    "too_short": "deve ter ao menos {min_length} item(ns)",
    "too_long": "deve ter no máximo {max_length} itens",
    "dict_type": "deve ser um objeto",
    "model_type": "deve ser um objeto",
    "literal_error": "use um de: {expected}",
    "enum": "use um de: {expected}",
    "greater_than": "deve ser maior que {gt}",
    "greater_than_equal": "deve ser no mínimo {ge}",
    "less_than": "deve ser menor que {lt}",
    "less_than_equal": "deve ser no máximo {le}",
    "uuid_type": "deve ser um UUID",
    "uuid_parsing": "deve ser um UUID",
    "url_type": "deve ser um endereço",
    "url_parsing": "deve ser um endereço",
}


def in_portuguese(problem: Mapping[str, Any]) -> str:
    """The sentence for an entry of `ValidationError.errors()`; our own `ValueError`s bring theirs."""
    context = problem.get("ctx") or {}
    if problem["type"] in ("value_error", "assertion_error"):
        return str(context.get("error", "valor inválido"))
    sentence = _SENTENCES.get(problem["type"], "valor inválido")
    expected = str(context.get("expected", "")).replace(" or ", " ou ")
    return sentence.format_map({**context, "expected": expected})


def problems_of(error: ValidationError, *, within: str = "", whole: str = "") -> dict[str, list[str]]:
    """What is wrong, by the dotted path of where; the values are not repeated.

    `within`: what the paths begin with. `whole`: the path of what concerns no part.
    """
    found: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False):
        path = ".".join(map(str, (*filter(None, [within]), *problem["loc"]))) or whole
        found.setdefault(path, []).append(in_portuguese(problem))
    return found
