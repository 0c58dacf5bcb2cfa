"""Carry on with an execution that failed."""

from __future__ import annotations

from uuid import UUID

from renum import clock
from renum.accounts.scope import service_scope
from renum.events.services import MATCH_QUEUE, MATCH_TASK
from renum.wakeups import wake_after_commit
from triggers.errors import AutomationsPaused, ExecutionNotFailed, ExecutionNotFound, TriggerInactive
from triggers.models import TriggerExecution
from triggers.policies import policy_of


def retry_execution(client_id: UUID, execution_id: UUID) -> TriggerExecution:
    """Have a failed execution carried out again, but for the steps that have a receipt.

    Raises `ExecutionNotFound`, `ExecutionNotFailed`, and `TriggerInactive` or `AutomationsPaused` where
    nothing would be carried out.
    """
    with service_scope(reason="a client repeats an execution, which only the engine writes"):
        execution = (
            TriggerExecution.objects.select_for_update(of=("self",))
            .select_related("trigger")
            .filter(client_id=client_id, id=execution_id)
            .first()
        )
        if execution is None:
            raise ExecutionNotFound
        if execution.state != TriggerExecution.State.FAILED:
            raise ExecutionNotFailed
        if not execution.trigger.active:
            raise TriggerInactive
        if policy_of(client_id).paused:
            raise AutomationsPaused
        execution.state, execution.reason_code = TriggerExecution.State.MATCHED, ""
        execution.error_message, execution.matched_at = None, clock.now()
        # By its month too, which is the part of the ledger that it lies in.
        TriggerExecution.objects.filter(id=execution.id, created_at=execution.created_at).update(
            state=execution.state,
            reason_code=execution.reason_code,
            error_message=execution.error_message,
            matched_at=execution.matched_at,
        )
        wake_after_commit(MATCH_TASK, MATCH_QUEUE)
    return execution
