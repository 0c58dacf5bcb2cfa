"""Read the client's own database by one SELECT, where the client turned that on."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from agent_tools.models import DataAccess
from agent_tools.named_queries import MAX_SQL
from agent_tools.operations.base import Arguments, Operation
from agent_tools.operations.query_database import as_receipt, database_of, if_connected, told_tables
from agent_tools.sessions import Session
from integrations import services

NAME = "query_sql"


class SqlArguments(Arguments):
    sql: str = Field(
        description="Um único SELECT do PostgreSQL sobre as tabelas permitidas.",
        min_length=1,
        max_length=MAX_SQL,
    )


def _run(session: Session, arguments: SqlArguments, number: int) -> dict[str, Any]:
    return as_receipt(services.read_sql(database_of(session), arguments.sql))


def _is_offered(session: Session) -> bool:
    return bool(if_connected(session, services.has_sql_mode, False))


OPERATION = Operation(
    name=NAME,
    about="Consulta o banco de dados da empresa por SQL, somente leitura.",
    arguments=SqlArguments,
    run=_run,
    detail=told_tables,
    access=DataAccess.SQL,
    offered=_is_offered,
    door="query",
)
