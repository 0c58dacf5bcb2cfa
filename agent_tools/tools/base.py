"""What makes an operation a LangChain tool: bound to a session, compact JSON for an answer."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, ClassVar

from django.db import connection
from langchain_core.tools import BaseTool
from pydantic import PrivateAttr, ValidationError
from pydantic.v1 import ValidationError as ValidationErrorV1

from agent_tools.errors import InvalidArguments
from agent_tools.models import AgentStep
from agent_tools.operations import Operation
from agent_tools.sessions import Session
from agent_tools.using import refused, use_tool
from renum.errors import DomainError
from renum.validation import problems_of


def as_json(answer: dict[str, Any]) -> str:
    """A tool's answer as the model reads it."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=str)


class BoundTool(BaseTool):
    """One of `OPERATIONS` for one session. The model sees the arguments, and nothing of what is bound."""

    operation: ClassVar[Operation]

    _session: Session = PrivateAttr()
    _home: int = PrivateAttr(default_factory=threading.get_ident)

    def __init__(self, session: Session):
        operation = type(self).operation
        super().__init__(
            name=operation.name,
            description=operation.describe(session),
            args_schema=operation.arguments,
            handle_validation_error=self._answer_invalid,
        )
        self._session = session

    def _run(self, **arguments: Any) -> str:
        try:
            return as_json(use_tool(self._session, self.name, _plain(arguments)))
        finally:
            if threading.get_ident() != self._home and not connection.in_atomic_block:
                connection.close()  # that thread's own: nobody else would

    async def arun(self, *args: Any, **options: Any) -> Any:
        """As `run`, the check of the arguments included: all of it is on record, by Django, in a thread."""
        return await asyncio.to_thread(self.run, *args, **options)

    def _answer_invalid(self, error: ValidationError | ValidationErrorV1) -> str:
        assert isinstance(error, ValidationError)
        invalid = InvalidArguments(details=problems_of(error, whole="arguments"))
        try:
            self._session.give_back(self.name, self._session.count_use(self.name))
            self._session.refusal = invalid.code
            self._session.note(AgentStep.Kind.TOOL, self.name, invalid.code, 0)
        except DomainError as gone:  # there is no conversation any more
            return as_json(refused(gone))
        finally:
            if threading.get_ident() != self._home and not connection.in_atomic_block:
                connection.close()
        return as_json(refused(invalid))


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as the model wrote them: LangChain hands nested ones over as objects."""
    return {name: _dumped(value) for name, value in arguments.items()}


def _dumped(value: Any) -> Any:
    if isinstance(value, list):
        return [_dumped(one) for one in value]
    return value.model_dump() if hasattr(value, "model_dump") else value
