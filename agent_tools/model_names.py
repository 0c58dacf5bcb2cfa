"""Which models an agent may be given. No LangChain here: the web process checks names."""

from __future__ import annotations

import re

from django.conf import settings

from agent_tools.models import Agent

LOCAL = "local"
# Hosted ones that take a key. Others would reach addresses of ours, or use the machine's credentials.
PROVIDERS = (
    "anthropic",
    "cohere",
    "deepseek",
    "fireworks",
    "google_genai",
    "groq",
    "mistralai",
    "nvidia",
    "openai",
    "openrouter",
    "perplexity",
    "together",
    "xai",
)
_NAME = re.compile(r"([a-z_]+):[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}")


def is_model_name(name: str) -> bool:
    """Whether a client may give this name: empty, `local`, or `provider:model` of a known provider."""
    match = _NAME.fullmatch(name)
    return name in ("", LOCAL) or bool(match and match[1] in PROVIDERS)


def needs_key(name: str) -> bool:
    """Whether the model is to be paid for by the client, with a key of its own."""
    return name not in ("", LOCAL)


def provider_of(name: str) -> str:
    """Who runs the model of this name."""
    return name.partition(":")[0]


def model_name_of(agent: Agent) -> str:
    """The model that the agent uses."""
    return agent.model or settings.ENVIRONMENT.agent_model or LOCAL
