"""Read the client's own database by a query that staff published."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import Field

from agent_tools.errors import QueryNotFound
from agent_tools.models import NAME as NAME_OF_QUERY
from agent_tools.models import DataAccess, NamedQuery
from agent_tools.named_queries import definition_of, read
from agent_tools.operations.base import Arguments, Operation
from agent_tools.operations.query_database import Scalar, as_receipt, database_of, is_connected
from agent_tools.sessions import Session
from renum.errors import InvalidInput

log = structlog.get_logger(__name__)

NAME = "run_named_query"
MAX_TOLD = 50


class NamedQueryArguments(Arguments):
    query: str = Field(description="Nome da consulta.", max_length=40)
    parameters: dict[str, Scalar] = Field(default_factory=dict, description="Parâmetros, por nome.")


def _run(session: Session, arguments: NamedQueryArguments, number: int) -> dict[str, Any]:
    query = None
    if NAME_OF_QUERY.regex.fullmatch(arguments.query):  # type: ignore[union-attr]  # no NUL reaches Postgres
        with session.scope():
            query = _published(session).filter(name=arguments.query).first()
    if query is None:
        raise QueryNotFound
    return as_receipt(read(session, definition_of(query), arguments.parameters, database_of(session)))


def _published(session: Session) -> Any:
    return NamedQuery.objects.filter(client_id=session.client_id, is_published=True)


def _told(session: Session) -> str:
    with session.scope():
        queries = list(_published(session).order_by("name")[:MAX_TOLD])
    return f"Consultas: {' | '.join(filter(None, map(_line, queries)))}"


def _line(query: NamedQuery) -> str:
    """Empty for one that cannot be run as it is stored."""
    try:
        parameters = definition_of(query).told_parameters()
    except InvalidInput:
        log.error("named_query_unreadable", query_id=str(query.id), client_id=str(query.client_id))
        return ""
    return f"{query.name}({', '.join(parameters)}): {query.description}"


def _is_offered(session: Session) -> bool:
    if not is_connected(session):
        return False
    with session.scope():
        return bool(_published(session).exists())


OPERATION = Operation(
    name=NAME,
    about="Faz uma consulta publicada do banco de dados da empresa.",
    arguments=NamedQueryArguments,
    run=_run,
    detail=_told,
    access=DataAccess.NAMED,
    offered=_is_offered,
    door="query",
)
