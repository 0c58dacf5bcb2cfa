"""Read the client's own database: one allowed table, no SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from agent_tools.columns import describe_tables
from agent_tools.models import DataAccess
from agent_tools.operations.base import Arguments, Operation
from agent_tools.sessions import Session
from integrations import providers
from integrations.errors import IntegrationDisabled, QueryRefused
from integrations.models import Integration
from integrations.selectors import get_integration
from integrations.services import read_rows
from renum.errors import DomainError

NAME = "query_database"
MAX_ROWS = 200
MAX_BYTES = 32 * 1024  # of rows: what a model can read at once
NOTHING = "Nada encontrado: a leitura é permitida, e nenhum registro corresponde."

Scalar = str | int | float | bool | None


class FilterArguments(Arguments):
    column: str = Field(description="Coluna.", max_length=63)
    operator: Literal["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is"] = Field(
        default="eq", description="Comparação; in recebe uma lista; is recebe null, true ou false."
    )
    value: Scalar | list[Scalar] = Field(description="Valor, ou lista de valores.")


class OrderArguments(Arguments):
    column: str = Field(description="Coluna.", max_length=63)
    descending: bool = Field(default=False, description="Do maior para o menor.")


class QueryArguments(Arguments):
    table: str = Field(description="Tabela permitida.", max_length=63)
    columns: list[str] = Field(default_factory=list, description="Colunas; vazio: todas.", max_length=100)
    filters: list[FilterArguments] = Field(
        default_factory=list, description="Condições, todas devem valer.", max_length=50
    )
    order: list[OrderArguments] = Field(default_factory=list, description="Ordem.", max_length=10)
    limit: int = Field(default=50, description="Quantos registros, no máximo 200.", ge=1, le=MAX_ROWS)


def _run(session: Session, arguments: QueryArguments, number: int) -> dict[str, Any]:
    return as_receipt(read_rows(database_of(session), as_select(arguments)))


def as_select(arguments: QueryArguments) -> providers.Select:
    """The read that these arguments ask for."""
    return providers.Select(
        table=arguments.table,
        columns=tuple(arguments.columns),
        filters=tuple(providers.Filter(one.column, one.operator, one.value) for one in arguments.filters),
        order=tuple((one.column, one.descending) for one in arguments.order),
        limit=arguments.limit,
    )


def database_of(session: Session) -> Integration:
    """The client's database; raises `IntegrationNotFound` or `IntegrationDisabled`."""
    with session.scope():
        found = get_integration(session.client_id, Integration.Type.DATABASE)
    if not found.enabled:
        raise IntegrationDisabled
    return found


def if_connected(session: Session, read: Callable[[Integration], Any], otherwise: Any) -> Any:
    """What `read` tells of the client's database, or `otherwise` where there is none to be used."""
    try:
        return read(database_of(session))
    except DomainError:
        return otherwise


def as_receipt(found: providers.Rows) -> dict[str, Any]:
    """Rows within what a model can read at once; that there are none is said in words."""
    kept: list[dict[str, Any]] = []
    size = 0
    for row in found.rows[:MAX_ROWS]:
        size += len(json.dumps(row, ensure_ascii=False, default=str).encode())
        if size > MAX_BYTES:
            if not kept:
                raise QueryRefused("O registro é grande demais. Peça menos colunas.", code="RESULT_TOO_LARGE")
            break
        kept.append(row)
    receipt: dict[str, Any] = {
        "rows": kept,
        "row_count": len(kept),
        "truncated": found.truncated or len(kept) < len(found.rows),
    }
    return receipt if kept else receipt | {"note": NOTHING}


def told_tables(session: Session) -> str:
    """The sentence that names what may be read."""
    tables = if_connected(session, describe_tables, "")
    return f"Tabelas permitidas: {tables}." if tables else ""


def is_connected(session: Session) -> bool:
    """Whether there is a database to be used."""
    return bool(if_connected(session, lambda database: True, False))


OPERATION = Operation(
    name=NAME,
    about="Consulta uma tabela do banco de dados da empresa, somente leitura.",
    arguments=QueryArguments,
    run=_run,
    detail=told_tables,
    access=DataAccess.TABLES,
    offered=is_connected,
    door="query",
)
