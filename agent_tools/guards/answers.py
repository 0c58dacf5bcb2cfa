"""What an agent may not say: what it did not do, and what is nobody's business."""

from __future__ import annotations

from agent_tools.errors import AnswerLeaks, ClaimWithoutReceipt
from agent_tools.guards.claims import Deed, unproven
from agent_tools.guards.leaks import find_leak
from agent_tools.rules import RULES
from agent_tools.sessions import NOTHING_FOUND, Session

_READ = frozenset({Deed.LOOKED_UP, Deed.ROWS_FOUND})
# Of which deeds a tool's receipt tells.
PROVES: dict[str, frozenset[Deed]] = {
    "send_whatsapp_message": frozenset({Deed.MESSAGE_SENT}),
    "send_email": frozenset({Deed.MAIL_SENT}),
    "query_database": _READ,
    "run_named_query": _READ,
    "query_sql": _READ,
    "change_status": frozenset({Deed.STATUS_CHANGED}),
    "request_human": frozenset({Deed.HANDED_OVER}),
}


def check_words(session: Session, *texts: str) -> None:
    """Refuse what an agent is about to say; raises `AnswerLeaks` or `ClaimWithoutReceipt`.

    Receipts of the session's run prove what it claims.
    """
    text = "\n".join(texts)
    if find_leak(text, prompt=f"{session.agent.prompt}\n{RULES}", secrets=session.secrets):
        raise AnswerLeaks
    proven = {deed for tool, outcome in session.receipts() for deed in _proofs(tool, outcome)}
    if claims := unproven(text, proven):
        raise ClaimWithoutReceipt(details={"claims": sorted({claim.deed.value for claim in claims})})


def _proofs(tool: str, outcome: str) -> frozenset[Deed]:
    """Where nothing was found, no row tells anything."""
    proofs = PROVES.get(tool, frozenset())
    return proofs - {Deed.ROWS_FOUND} if outcome == NOTHING_FOUND else proofs
