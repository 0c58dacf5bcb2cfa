"""An agent that is asked is renamed, deleted or changed before it comes to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError
from rest_framework.test import APIClient

from agent_tools.models import Agent, AgentRun
from agent_tools.services import ask_agent, change_agent, remove_agent
from agent_tools.tests.helpers import fresh, kept, take_turn
from integrations.tests.contracts import accepted
from renum.accounts.models import Client, Profile
from renum.accounts.scope import profile_scope, service_scope
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast

Api = Callable[[Profile | None], APIClient]


@pytest.fixture
def acme(committed_cast: Cast) -> Client:
    return committed_cast.acme


@pytest.fixture
def sales(acme: Client) -> Agent:
    return factories.make_agent(acme, "vendas")


def ask(client: Client, agent: Agent) -> AgentRun:
    with profile_scope(client.profile_id):
        return ask_agent(agent, "Ajuda", idempotency_key="1", cause=Cause())


def rename(client: Client, agent: Agent, name: str) -> None:
    with profile_scope(client.profile_id):
        change_agent(agent, {"name": name}, cause=Cause())


def test_an_agent_that_is_renamed_does_what_it_was_asked(acme: Client, sales: Agent) -> None:
    run = ask(acme, sales)
    rename(acme, sales, "comercial")
    assert ask(acme, sales).id == run.id, "the same key asks for the same"
    assert take_turn() == 1
    done = fresh(run)
    assert (done.state, done.reason_code, done.agent) == ("done", "", "comercial")
    assert done.answer


def test_what_it_was_asked_goes_to_nobody_who_took_its_name(acme: Client, sales: Agent) -> None:
    run = ask(acme, sales)
    rename(acme, sales, "comercial")
    factories.make_agent(acme, "vendas", enabled=False)
    assert take_turn() == 1
    assert fresh(run).agent == "comercial"


def test_who_asked_an_agent_that_is_deleted_is_told_so(
    committed_cast: Cast, api: Api, acme: Client, sales: Agent
) -> None:
    run = ask(acme, sales)
    with profile_scope(acme.profile_id):
        remove_agent(Agent.objects.get(id=sales.id), cause=Cause())
    factories.make_agent(acme, "vendas")  # another one of that name
    assert take_turn() == 0
    shown = accepted(api(committed_cast.alice).get(f"/api/agents/runs/{run.id}"))["run"]
    assert (shown["state"], shown["reason_code"]) == ("skipped", "AGENT_DELETED")
    assert "excluído" in shown["answer"]
    assert kept(run) == []


def test_what_was_asked_before_ids_were_kept_goes_by_the_name(acme: Client, sales: Agent) -> None:
    run = ask(acme, sales)
    with service_scope(reason="test"):
        AgentRun.objects.filter(id=run.id).update(asked_id=None)
    assert take_turn() == 1
    assert fresh(run).state == "done"


# --- What is no name ------------------------------------------------------------------------------------


def test_only_a_name_that_is_taken_is_said_to_be_taken(cast: Cast) -> None:
    agent = factories.make_agent(cast.acme, "vendas")
    with pytest.raises(IntegrityError), profile_scope(cast.acme.profile_id):
        change_agent(agent, {"enabled": None}, cause=Cause())
