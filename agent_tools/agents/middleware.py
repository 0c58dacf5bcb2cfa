"""What stands around an agent's model: limits, a deadline, retries, and a record of each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ModelResponse,
    ModelRetryMiddleware,
    ToolCallLimitMiddleware,
)
from langchain_core.messages import AIMessage

from agent_tools.errors import AgentTimedOut, ModelUnavailable
from agent_tools.models import Agent, AgentStep
from agent_tools.operations.send_whatsapp import NAME as SEND
from agent_tools.sessions import Session
from renum.errors import DomainError

MESSAGES = 2  # to the contact, of one turn
RETRIES = 2
RETRY_SECONDS = 0.5
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_REFUSING_STATUS = frozenset({400, 401, 403, 404, 422})  # asking again is of no use

MODEL_FAILED = "MODEL_FAILED"


def is_transient(error: Exception) -> bool:
    """Whether a model that failed may work a moment later, as its provider tells it."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)  # a provider's own error for a connection tells it by what caused it
    if any(isinstance(one, TimeoutError | ConnectionError | httpx.TransportError) for one in causes):
        return True
    return getattr(error, "status_code", None) in _TRANSIENT_STATUS


class Deadline(AgentMiddleware):  # type: ignore[misc]  # LangChain is not followed
    """Ends a turn that takes too long; raises `AgentTimedOut` before the model is asked once more."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock, self._ends_at = clock, clock() + seconds

    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        if self._clock() >= self._ends_at:
            raise AgentTimedOut
        return handler(request)


class StepRecorder(AgentMiddleware):  # type: ignore[misc]
    """Records each call of the model: its tokens and its time, nothing of what was said."""

    def __init__(self, session: Session, name: str):
        super().__init__()
        self._session, self._name = session, name
        self.input_tokens = self.output_tokens = 0

    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        started = time.monotonic()
        try:
            response = handler(request)
        except Exception as error:
            code = error.code if isinstance(error, DomainError) else MODEL_FAILED
            self._note(code, started, (0, 0))
            if getattr(error, "status_code", None) in _REFUSING_STATUS:
                raise ModelUnavailable from error
            raise
        tokens = _tokens(response.result)
        self.input_tokens += tokens[0]
        self.output_tokens += tokens[1]
        self._note("ok", started, tokens)
        return response

    def _note(self, outcome: str, started: float, tokens: tuple[int, int]) -> None:
        latency = round((time.monotonic() - started) * 1000)
        self._session.note(AgentStep.Kind.MODEL, self._name, outcome, latency, tokens)


def _tokens(messages: list[Any]) -> tuple[int, int]:
    told = [one.usage_metadata for one in messages if isinstance(one, AIMessage) and one.usage_metadata]
    return sum(one["input_tokens"] for one in told), sum(one["output_tokens"] for one in told)


def middleware_of(agent: Agent, recorder: StepRecorder) -> list[AgentMiddleware]:
    """From the outside in: limits first, and each attempt of a retry on record."""
    return [
        ModelCallLimitMiddleware(run_limit=agent.model_calls, exit_behavior="error"),
        ToolCallLimitMiddleware(run_limit=agent.tool_calls, exit_behavior="continue"),
        ToolCallLimitMiddleware(tool_name=SEND, run_limit=MESSAGES, exit_behavior="continue"),
        ModelRetryMiddleware(
            max_retries=RETRIES, retry_on=is_transient, on_failure="error", initial_delay=RETRY_SECONDS
        ),
        Deadline(agent.timeout_seconds),
        recorder,
    ]
