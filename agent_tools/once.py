"""What tools do in Postgres alone is done once for a key: the deed and its receipt are committed together."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from agent_tools.models import AgentReceipt, AgentRun
from agent_tools.sessions import Session
from integrations.api.idempotency import hold_key
from integrations.errors import IdempotencyMismatch
from renum.accounts.scope import service_scope
from renum.conversations.errors import ConversationNotFound
from renum.security.blind_index import blind_index

Receipt = dict[str, Any]


def once(
    session: Session, name: str, arguments: BaseModel, number: int, act: Callable[[], Receipt]
) -> Receipt:
    """What `act` answers, or what it answered when the tool was used so before.

    The caller is in the client's scope, and holds the turn. Raises `IdempotencyMismatch` for a key that asked
    for something else, and `IdempotencyInProgress`.
    """
    key = session.repeat_key(name, number)
    if key is None:
        return act()
    if session.turn is None:  # the other uses of a turn's key wait for its run
        hold_key(session.client_id, key)
    essence = _essence(session, name, arguments)
    known = AgentReceipt.objects.filter(client_id=session.client_id, key=key).first()
    if known is None:
        receipt = act()
        _keep(session, key, essence, receipt)
        return receipt
    # As with an answer: what a turn did before it was begun again stands.
    if known.essence != essence and session.turn is None:
        raise IdempotencyMismatch
    return dict(known.receipt)


def _essence(session: Session, name: str, arguments: BaseModel) -> str:
    asked = [name, session.agent.name, str(session.conversation_id), arguments.model_dump(mode="json")]
    return blind_index(session.client_id, "agent_tool", json.dumps(asked, sort_keys=True))


def _keep(session: Session, key: str, essence: str, receipt: Receipt) -> None:
    with service_scope(reason="keep a tool's receipt"):  # clients do not write them
        rows = AgentRun.objects.select_for_update(no_key=True).filter(client_id=session.client_id)
        if not rows.filter(id=session.run_id).exists():  # erased meanwhile
            raise ConversationNotFound
        AgentReceipt.objects.create(
            client_id=session.client_id, run_id=session.run_id, key=key, essence=essence, receipt=receipt
        )
