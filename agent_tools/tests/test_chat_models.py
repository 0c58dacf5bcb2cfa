"""Which model an agent speaks through: its own, the installation's, or the local one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import settings
from langchain_core.messages import HumanMessage

from agent_tools import runs
from agent_tools.agents import runner
from agent_tools.agents.models import chat_model
from agent_tools.errors import ModelUnavailable
from agent_tools.local_model import LocalChatModel
from agent_tools.model_names import is_model_name, needs_key
from agent_tools.models import Agent
from agent_tools.tests.helpers import fresh, texts
from tests import factories
from tests.cast import Cast

KEY = "sk-do-cliente-0000000000000000"


class _Hosted(BaseHTTPRequestHandler):
    """Answers as OpenAI's API of chat completions does."""

    asked: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((str(self.headers["Authorization"]), body))
        message = {"role": "assistant", "content": "Olá! Em que posso ajudar?"}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 21, "completion_tokens": 7, "total_tokens": 28},
        }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing to a test's output."""


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """A stand-in for a hosted model; yields what it was asked, with which key."""
    asked: list[tuple[str, dict[str, Any]]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (_Hosted,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_without_a_name_the_local_model_answers() -> None:
    assert isinstance(chat_model(Agent()), LocalChatModel)
    assert isinstance(chat_model(Agent(model="local")), LocalChatModel)


def test_the_installation_s_model_serves_agents_without_one(
    monkeypatch: pytest.MonkeyPatch, hosted: list[tuple[str, dict[str, Any]]]
) -> None:
    monkeypatch.setattr(settings.ENVIRONMENT, "agent_model", "openai:gpt-teste")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-da-instalacao")
    answer = chat_model(Agent()).invoke([HumanMessage("Oi")])
    assert answer.text == "Olá! Em que posso ajudar?"
    ((key, body),) = hosted
    assert (key, body["model"]) == ("Bearer sk-da-instalacao", "gpt-teste")


@pytest.mark.parametrize("name", ["nenhum:modelo", "semprovedor", "openai", "mistralai:x"])
def test_a_model_that_cannot_be_had_is_said_so(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelUnavailable):
        chat_model(Agent(model=name, model_key="x"))


def test_an_agent_with_a_model_of_its_own_uses_its_own_key(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch, hosted: list[tuple[str, dict[str, Any]]]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-da-instalacao")
    factories.make_integration(committed_cast.acme)
    factories.make_agent(committed_cast.acme, model="openai:gpt-teste", model_key=KEY)
    run = factories.make_agent_run(factories.make_conversation(committed_cast.acme), text="Oi")
    assert runs.run_pending(runner.perform) == 1
    assert texts() == ["Olá! Em que posso ajudar?"]
    done = fresh(run)
    assert (done.state, done.model) == ("done", "openai:gpt-teste")
    assert (done.input_tokens, done.output_tokens) == (21, 7)
    ((key, body),) = hosted
    assert key == f"Bearer {KEY}"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "user"]


def test_a_run_whose_model_cannot_be_had_fails_with_the_reason(committed_cast: Cast) -> None:
    factories.make_integration(committed_cast.acme)
    factories.make_agent(committed_cast.acme, model="mistralai:x", model_key=KEY)
    run = factories.make_agent_run(factories.make_conversation(committed_cast.acme))
    runs.run_pending(runner.perform)
    assert (fresh(run).state, fresh(run).reason_code) == ("failed", "MODEL_UNAVAILABLE")
    assert texts() == []


@pytest.mark.parametrize("name", ["", "local", "openai:gpt-5", "anthropic:some-model", "openrouter:a/b"])
def test_names_that_a_client_may_give(name: str) -> None:
    assert is_model_name(name)


@pytest.mark.parametrize(
    "name",
    ["ollama:llama", "bedrock:x", "openai", "openai:", "openai:../x", "http://x", "openai:a b", "LOCAL"],
)
def test_names_that_reach_elsewhere_or_are_none(name: str) -> None:
    assert not is_model_name(name)


def test_only_hosted_models_need_a_key() -> None:
    assert [needs_key(name) for name in ("", "local", "openai:gpt-5")] == [False, False, True]
