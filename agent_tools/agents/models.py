"""The chat model of an agent: any that LangChain knows by name, or the local one."""

from __future__ import annotations

from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel

from agent_tools.errors import ModelUnavailable
from agent_tools.local_model import LocalChatModel
from agent_tools.model_names import LOCAL, model_name_of
from agent_tools.models import Agent


def chat_model(agent: Agent) -> BaseChatModel:
    """The agent's own model with its own key, else the installation's, else the local one.

    Raises `ModelUnavailable` for a name that LangChain does not know, a package that is not installed, or
    a key that is missing.
    """
    name = model_name_of(agent)
    if name == LOCAL:
        return LocalChatModel()
    options: dict[str, Any] = {"timeout": float(agent.timeout_seconds), "max_retries": 0}
    if agent.model:
        options["api_key"] = str(agent.model_key or "")
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except (ImportError, ValueError, TypeError) as error:  # what LangChain raises for these three
        raise ModelUnavailable from error
    return model
