"""Send a mail in plain text, to those whom the agent may write to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agent_tools.errors import RecipientNotAllowed
from agent_tools.guards.answers import check_words
from agent_tools.operations.base import Arguments, Operation
from agent_tools.runs import note_answer
from agent_tools.sessions import Session
from integrations.delivery.contents import MAX_SUBJECT_LENGTH
from integrations.errors import IdempotencyMismatch
from integrations.models import OutboundMessage
from integrations.services import normalize_email, send_mail
from renum.accounts.models import Profile
from renum.security.blind_index import blind_index

NAME = "send_email"
MAX_RECIPIENTS = 10
MAX_BODY = 50_000


def _has_words(text: str) -> str:
    if not text.strip():
        raise ValueError("o texto está vazio")
    return text


Worded = Annotated[str, AfterValidator(_has_words)]


class EmailArguments(Arguments):
    to: list[Annotated[str, AfterValidator(normalize_email)]] = Field(
        description="Endereços de e-mail dos destinatários.", min_length=1, max_length=MAX_RECIPIENTS
    )
    subject: Worded = Field(description="Assunto, em uma linha.", max_length=MAX_SUBJECT_LENGTH)
    body: Worded = Field(description="Texto do e-mail em português, sem HTML.", max_length=MAX_BODY)


def _run(session: Session, arguments: EmailArguments, number: int) -> dict[str, Any]:
    with session.scope():
        allowed = session.agent.recipients or (_own_address(session),)
    if not all(_is_allowed(address, allowed) for address in arguments.to):
        raise RecipientNotAllowed
    subject = " ".join(arguments.subject.split())
    check_words(session, subject, arguments.body)
    # By whom it is for: a turn that is done anew may write to others, or in another order.
    whom = "\x1f".join(sorted({address.lower() for address in arguments.to}))
    key = session.key_for(NAME, blind_index(session.client_id, "mail_recipients", whom)[:16])
    with session.scope():
        session.hold()
        try:
            message = send_mail(
                session.client_id,
                arguments.to,
                subject,
                arguments.body,
                is_html=False,
                automated=True,
                idempotency_key=key,
                cause=session.cause,
            )
        except IdempotencyMismatch:
            if session.turn is None:
                raise
            # As with an answer: what this turn sent them before it was begun again stands.
            message = OutboundMessage.objects.get(client_id=session.client_id, idempotency_key=key)
        if session.turn and session.conversation_id is None:
            note_answer(session.turn, message.id)
    return {"message_id": str(message.id), "state": message.state}


def _own_address(session: Session) -> str:
    return Profile.objects.values_list("email", flat=True).get(id=session.bound.profile_id)


def _is_allowed(address: str, allowed: tuple[str, ...]) -> bool:
    """By the whole address, or by its domain where `@domain` is allowed; not by a part of either."""
    plain = address.lower()
    return any(
        plain.rpartition("@")[2] == one[1:].lower() if one.startswith("@") else plain == one.lower()
        for one in allowed
    )


OPERATION = Operation(
    name=NAME,
    about="Envia um e-mail em texto simples a destinatários permitidos.",
    arguments=EmailArguments,
    run=_run,
    door="send",
)
