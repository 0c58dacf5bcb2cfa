"""What agents can do, one file each. No LangChain here: the web process serves agents elsewhere with it."""

from __future__ import annotations

from agent_tools.operations import (
    change_status,
    detect_intent,
    query_database,
    query_sql,
    request_human,
    run_named_query,
    send_email,
    send_whatsapp,
)
from agent_tools.operations.base import Operation

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        send_whatsapp.OPERATION,
        send_email.OPERATION,
        query_database.OPERATION,
        run_named_query.OPERATION,
        query_sql.OPERATION,
        change_status.OPERATION,
        detect_intent.OPERATION,
        request_human.OPERATION,
    )
}

__all__ = ["OPERATIONS", "Operation"]
