"""A client that can send, an agent's model that says what a test wrote, the log, and the clock."""

from __future__ import annotations

from typing import Any

import pytest

from agent_tools.agents import runner
from agent_tools.tests.helpers import ScriptedModel
from integrations.tests.conftest import logged
from renum.conversations.models import Conversation
from tests import factories
from tests.cast import Cast
from tests.clocks import moving_clock

__all__ = ["logged", "moving_clock"]


@pytest.fixture
def conversation(committed_cast: Cast) -> Conversation:
    """Of a client that can send. Committed, since LangGraph runs tools in threads of its own."""
    factories.make_integration(committed_cast.acme)
    return factories.make_conversation(committed_cast.acme)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replace every agent's model by a scripted one."""

    def use(*lines: Any) -> ScriptedModel:
        model = ScriptedModel(*lines)
        monkeypatch.setattr(runner, "chat_model", lambda agent: model)
        return model

    return use
