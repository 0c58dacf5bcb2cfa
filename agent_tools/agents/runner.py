"""Carry out a turn of any agent. Imported by workers only: LangChain takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
from langchain_core.messages import AIMessage, BaseMessage

from agent_tools.agents import words
from agent_tools.agents.middleware import StepRecorder, middleware_of
from agent_tools.agents.models import chat_model
from agent_tools.guards.answers import check_words
from agent_tools.model_names import model_name_of
from agent_tools.models import AgentStep
from agent_tools.operations.request_human import hand_over
from agent_tools.operations.send_whatsapp import NAME as SEND
from agent_tools.operations.send_whatsapp import enqueue_answer
from agent_tools.reasons import Attention
from agent_tools.runs import Ended, Turn
from agent_tools.sessions import Session, session_of
from agent_tools.tools import tools_of
from agent_tools.using import refused, use_tool
from integrations.delivery.contents import MAX_TEXT_LENGTH
from renum.errors import DomainError

ATTEMPTS = 2  # at words that may be said
STEPS = 100  # of LangGraph, far above the limits on models and tools
REFUSED = frozenset({"CLAIM_WITHOUT_RECEIPT", "ANSWER_LEAKS"})
MODEL_CALL_LIMIT = "MODEL_CALL_LIMIT"

HANDED_OVER = "Vou pedir que uma pessoa da nossa equipe continue este atendimento com você."
NOT_CONFIRMED = "Não consegui confirmar o que foi pedido; nada além do que está registrado foi feito."


@dataclass(frozen=True, slots=True)
class _Refusal:
    code: str
    next_step: str


def perform(turn: Turn) -> Ended:
    """Have the turn's agent answer; metadata of the turn is returned.

    A model that answers a contact in words, without the tool, has its words sent, so that nobody waits in
    vain. What it may not say is not sent: it is asked once more, and then a person is.
    """
    session = session_of(turn)
    name = model_name_of(turn.agent)
    recorder = StepRecorder(session, name)
    agent = create_agent(
        chat_model(turn.agent),
        tools=tools_of(session),
        system_prompt=words.system_prompt(session),
        middleware=middleware_of(turn.agent, recorder),
    )
    answer, reason_code = _converse(agent, session, words.opening(session, turn))
    return Ended(
        model=name,
        tool_calls=session.uses,
        reason_code=reason_code,
        input_tokens=recorder.input_tokens,
        output_tokens=recorder.output_tokens,
        answer=answer,
    )


def _converse(agent: Any, session: Session, messages: list[BaseMessage]) -> tuple[str, str]:
    """Have it say what it may say; returns what was said, and why that is not its own answer."""
    for _ in range(ATTEMPTS):
        try:
            result = agent.invoke({"messages": messages}, {"recursion_limit": STEPS})
        except ModelCallLimitExceededError:
            return _give_up(session, MODEL_CALL_LIMIT)
        last = result["messages"][-1]
        said = last.text.strip()[:MAX_TEXT_LENGTH] if isinstance(last, AIMessage) else ""
        refusal = _settle(session, said)
        if refusal is None:
            return _outcome(session, said)
        messages = [*result["messages"], words.correction(refusal.code, refusal.next_step)]
    return _give_up(session, session.refusal)


def _outcome(session: Session, said: str) -> tuple[str, str]:
    if session.conversation_id is None:
        return said, ""
    return "\n".join(session.words), "" if session.words else session.refusal


def _settle(session: Session, said: str) -> _Refusal | None:
    """Give the last words to whom they are for; why they may not be said, if so."""
    if session.conversation_id is None:
        return _judge(session, said)
    if session.words:
        return None
    if said:
        answer = use_tool(session, SEND, {"message": said})
        if not answer["ok"] and answer["error_code"] in REFUSED:
            return _Refusal(answer["error_code"], answer["next"])
        return None
    if session.refusal in REFUSED:
        return _Refusal(session.refusal, "")
    return None


def _judge(session: Session, said: str) -> _Refusal | None:
    try:
        check_words(session, said)
    except DomainError as error:
        session.refusal = error.code
        session.note(AgentStep.Kind.GUARD, "answer", error.code, 0)
        return _Refusal(error.code, refused(error)["next"])
    return None


def _give_up(session: Session, reason_code: str) -> tuple[str, str]:
    """A person is to look; the contact is told so, in words of ours."""
    if session.conversation_id is None:
        return NOT_CONFIRMED, reason_code
    if session.words:
        return "\n".join(session.words), ""
    is_refused = session.refusal in REFUSED
    with session.scope():  # both or neither: a pause without a word would be silence
        hand_over(session, Attention.ANSWER_REFUSED if is_refused else Attention.CANNOT_HELP)
        enqueue_answer(session, HANDED_OVER, session.key_for(SEND, session.count_use(SEND)))
    return HANDED_OVER, reason_code
