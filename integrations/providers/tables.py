"""What the database providers share: which names and values are safe, what a read may bring back, and what
the database's own error codes mean."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, NoReturn, get_args
from uuid import UUID

from pydantic import AfterValidator, Field

from integrations import errors
from integrations.providers.base import Filter, Operator, ProviderSettings, Rows, Select

MAX_ROWS = 200
MAX_BYTES = 256 * 1024
MAX_DECLARED = 200
MAX_LISTED = 500
MAX_CONDITIONS = 50
MAX_VALUES = 200
MAX_TEXT = 2000
MAX_OFFSET = 1_000_000
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_OPERATORS = frozenset(get_args(Operator))


# --- Settings ---------------------------------------------------------------------------------------


def is_plain(name: Any) -> bool:
    """Tell whether a name needs no quoting anywhere: in SQL, in a URL, in a filter."""
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None


def _plain(name: str) -> str:
    if not is_plain(name):
        raise ValueError("use um nome simples: letras sem acento, números e _, no máximo 63")
    return name


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


PlainName = Annotated[str, AfterValidator(_plain)]


class DatabaseSettings(ProviderSettings):
    """`allowed_tables`: what may be read; empty: nothing yet. `read_only` or not, we only ever read."""

    read_only: bool = True
    allowed_tables: Annotated[
        tuple[PlainName, ...], Field(max_length=MAX_DECLARED), AfterValidator(_once)
    ] = ()
    schema_name: PlainName = "public"


# --- Queries ----------------------------------------------------------------------------------------


def check_query(query: Select, allowed_tables: Sequence[str]) -> None:
    """Refuse a read that names a table outside the list, or anything that is not plain; raises `Rejected`."""
    if query.table not in allowed_tables or not is_plain(query.table):
        raise errors.Rejected(
            "Esta tabela não está entre as tabelas permitidas da integração.", code="TABLE_NOT_ALLOWED"
        )
    names = [*query.columns, *(one.column for one in query.filters), *(name for name, _ in query.order)]
    if not all(map(is_plain, names)):
        _refuse("Há um nome de coluna que não é simples.")
    if max(len(query.filters), len(query.order)) > MAX_CONDITIONS or len(query.columns) > MAX_DECLARED:
        _refuse("A consulta tem colunas ou filtros demais.")
    if type(query.limit) is not int or query.limit < 1:
        _refuse("O limite deve ser um número a partir de 1.")
    if type(query.offset) is not int or not 0 <= query.offset <= MAX_OFFSET:
        _refuse("O deslocamento está fora do permitido.")
    for one in query.filters:
        _check_filter(one)


def row_limit(query: Select) -> int:
    return min(query.limit, MAX_ROWS)


def as_text(value: Any) -> str:
    """A scalar as Postgres reads it, for a column of any type; raises `Rejected`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**40:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and len(value) <= MAX_TEXT and "\x00" not in value and _is_utf8(value):
        return value
    _refuse("Há um valor de filtro que não pode ser usado.")


def listed(values: Any) -> list[str]:
    """The different values of an `in`; raises `Rejected`."""
    if not isinstance(values, list | tuple | set | frozenset) or len(values) > MAX_VALUES:
        _refuse(f"O operador in recebe uma lista de até {MAX_VALUES} valores.")
    return list(dict.fromkeys(map(as_text, values)))


def _check_filter(one: Filter) -> None:
    if one.operator not in _OPERATORS:
        _refuse("Há um operador desconhecido.")
    if one.operator == "in":
        listed(one.value)
    elif one.operator == "is":
        if one.value is not None and type(one.value) is not bool:
            _refuse("O operador is recebe nulo, verdadeiro ou falso.")
    elif one.operator in ("like", "ilike") and not isinstance(one.value, str):
        _refuse("Os operadores like e ilike recebem um texto.")
    else:
        as_text(one.value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _refuse(sentence: str) -> NoReturn:
    raise errors.Rejected(sentence, code="INVALID_QUERY")


# --- Answers ----------------------------------------------------------------------------------------


def parse_json(text: str | bytes, *, object_of: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse JSON; a decimal that a float cannot hold stays a text. Raises `ProtocolError`.

    `object_of`: makes an object of its pairs, if not as a dict.
    """
    try:
        return json.loads(
            text, parse_float=_exact, parse_constant=_refuse_constant, object_pairs_hook=object_of
        )
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError from error


def as_rows(answer: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; raises `ProtocolError`."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise errors.ProtocolError
    return answer


def capped(rows: Sequence[dict[str, Any]], limit: int, *, more: bool = False) -> Rows:
    """The first rows within the limits on rows and bytes; `more`: there were others that are not here.

    Raises `Rejected` if the first row alone is too large: nothing at all would read as "no such row".
    """
    size = 0
    kept: list[dict[str, Any]] = []
    for row in rows[:limit]:
        size += _size(row)
        if size > MAX_BYTES:
            if not kept:
                raise errors.Rejected(
                    "O registro é grande demais. Peça menos colunas.", code="RESULT_TOO_LARGE"
                )
            return Rows(kept, truncated=True)
        kept.append(row)
    return Rows(kept, truncated=more or len(rows) > limit)


def _size(row: dict[str, Any]) -> int:
    try:
        return len(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()) + 1
    except (ValueError, RecursionError) as error:  # a lone surrogate, nesting
        raise errors.ProtocolError from error


def _exact(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) and Decimal(repr(number)) == Decimal(text) else text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def describe_failures(failures: Mapping[str, str]) -> str:
    """Say in one sentence which declared tables cannot be read, and why; empty without any."""
    if not failures:
        return ""
    shown = [f"{name} ({reason})" for name, reason in list(failures.items())[:10]]
    rest = len(failures) - len(shown)
    return (
        f"Tabelas declaradas que não podem ser lidas: {', '.join(shown)}{f' e mais {rest}' if rest else ''}."
    )


# --- Failures ---------------------------------------------------------------------------------------

Failure = tuple[type[errors.ProviderError], str, str]

_DENIED: Failure = (
    errors.Rejected,
    "PERMISSION_DENIED",
    "O banco de dados não permite esta leitura. Conceda SELECT na tabela a este acesso.",
)
NO_TABLE: Failure = (errors.Rejected, "TABLE_NOT_FOUND", "A tabela não existe no banco de dados.")
NO_COLUMN: Failure = (errors.Rejected, "COLUMN_NOT_FOUND", "Uma das colunas não existe na tabela.")
INVALID: Failure = (
    errors.Rejected,
    "INVALID_QUERY",
    "O banco de dados não aceitou a consulta. Confira colunas, operadores e valores.",
)
AWAY: Failure = (errors.Unavailable, "CONNECTION_FAILED", "O banco de dados está indisponível no momento.")
SLOW: Failure = (errors.TimedOut, "TIMED_OUT", "A consulta demorou demais e foi interrompida.")
_LOCKED: Failure = (errors.Unavailable, "TABLE_LOCKED", "A tabela está bloqueada por outra operação.")
_WRITES: Failure = (errors.Rejected, "READ_ONLY", "A consulta tentou alterar dados. Só leituras são feitas.")
_REFUSED: Failure = (
    errors.AuthFailed,
    "INVALID_CREDENTIALS",
    "O banco de dados recusou o usuário ou a senha.",
)
_STOPPED: Failure = (errors.Rejected, "REJECTED", "O banco de dados recusou a consulta.")

# SQLSTATE, whole or its class; PostgREST passes them on.
SQLSTATES: Mapping[str, Failure] = {
    "08": AWAY,
    "22": INVALID,
    "25": _WRITES,
    "28": _REFUSED,
    "3D": (errors.Misconfigured, "MISCONFIGURED", "O banco de dados informado não existe neste servidor."),
    "3F": (errors.Misconfigured, "MISCONFIGURED", "O esquema informado não existe no banco de dados."),
    "40": AWAY,
    "42": INVALID,
    "42501": _DENIED,
    "42703": NO_COLUMN,
    "42P01": NO_TABLE,
    "53": AWAY,
    "54": INVALID,
    "55P03": _LOCKED,
    "57": AWAY,
    "57014": SLOW,
    "P0": _STOPPED,
    "XX": AWAY,
}


def failure_of(code: str, tables: Iterable[Mapping[str, Failure]] = (SQLSTATES,)) -> Failure | None:
    """What a code means, by the whole of it and then by its class; None if it is unknown."""
    for table in tables:
        for key in (code, code[:2]):
            if key in table:
                return table[key]
    return None


def to_error(failure: Failure, http_status: int | None = None) -> errors.ProviderError:
    cls, code, sentence = failure
    return cls(sentence, code=code, http_status=http_status)
