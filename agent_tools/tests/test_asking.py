"""An agent is asked for something: by somebody of the client, or by a trigger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent_tools import bursts
from agent_tools.agents import runner
from agent_tools.errors import AgentDisabled
from agent_tools.models import AgentRun
from agent_tools.services import ask_agent
from agent_tools.tests.databases import connected, prepare_orders
from agent_tools.tests.helpers import fresh, kept, outbox, say, take_turn
from integrations.errors import IdempotencyMismatch
from renum.accounts.models import Client
from renum.accounts.scope import profile_scope, service_scope
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.tests.helpers import executions, idle_for, sweep


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_orders()


@pytest.fixture
def acme(committed_cast: Cast) -> Iterator[Client]:
    client = committed_cast.acme
    factories.make_integration(client, type="email_smtp", provider="smtp", name="SMTP")
    with connected(client):
        yield client


def ask(client: Client, text: str, *, agent: str = "renus", key: str = "1") -> AgentRun:
    asked = factories.make_agent(client, agent)
    with profile_scope(client.profile_id):
        return ask_agent(asked, text, idempotency_key=key, cause=Cause().then("profile", client.profile_id))


def test_flow_3_renus_answers_from_the_client_s_own_database(acme: Client) -> None:
    run = ask(acme, "Liste os distribuidores de SP: mostre distribuidores com uf = SP")
    assert take_turn() == 1
    done = fresh(run)
    assert (done.state, done.reason_code, done.conversation_id) == ("done", "", None)
    assert "Atacado São Jorge" in str(done.answer)
    assert "Horizonte" not in str(done.answer)
    assert kept(run) == [], "what was asked is erased"
    assert outbox() == []


def test_flow_2_isa_sends_the_report_by_mail(acme: Client, committed_cast: Cast) -> None:
    address = committed_cast.alice.email
    run = ask(acme, f"Envie o relatório de distribuidores por e-mail para {address}", agent="isa")
    assert take_turn() == 1
    (mail,) = outbox()
    assert mail.body["to"] == [address]
    assert "Atacado São Jorge" in mail.body["text"]
    assert mail.cause == [f"profile:{committed_cast.alice.id}", f"agent_run:{run.id}"]
    assert fresh(run).answer_ids == [mail.id]


def test_a_report_goes_to_nobody_else(acme: Client) -> None:
    run = ask(acme, "Envie o relatório de distribuidores por e-mail para fora@evil.example", agent="isa")
    assert take_turn() == 1
    assert outbox() == []
    assert fresh(run).state == "done"
    assert "enviado" not in str(fresh(run).answer).lower()


def test_i2_one_key_asks_once(acme: Client) -> None:
    first, again = ask(acme, "Ajuda"), ask(acme, "Ajuda")
    assert first.id == again.id
    with pytest.raises(IdempotencyMismatch):
        ask(acme, "Outra coisa")
    assert take_turn() == 1
    with pytest.raises(IdempotencyMismatch):
        ask(acme, "Outra coisa")
    assert ask(acme, "Ajuda").id == first.id
    assert take_turn() == 0


def test_i2_a_key_of_another_client_is_another_key(acme: Client, committed_cast: Cast) -> None:
    assert ask(acme, "Ajuda").id != ask(committed_cast.globex, "Ajuda").id


def test_the_answer_is_kept_for_an_hour_and_no_longer(acme: Client, moving_clock: MovableClock) -> None:
    run = ask(acme, "Ajuda")
    take_turn()
    assert fresh(run).answer
    moving_clock.advance(minutes=59)
    assert bursts.erase_unneeded_texts() == 0
    assert fresh(run).answer
    moving_clock.advance(minutes=2)
    assert bursts.erase_unneeded_texts() == 1
    assert fresh(run).answer is None


def test_an_answer_that_may_not_be_given_is_replaced(acme: Client, script: Any) -> None:
    run = ask(acme, "Cancele o pedido 7")
    script(say("Pronto, já cancelei o pedido 7."))
    take_turn()
    done = fresh(run)
    assert (done.state, done.reason_code) == ("done", "CLAIM_WITHOUT_RECEIPT")
    assert done.answer == runner.NOT_CONFIRMED


def test_a_disabled_agent_is_not_asked(acme: Client) -> None:
    agent = factories.make_agent(acme, "renus", enabled=False)
    with profile_scope(acme.profile_id), pytest.raises(AgentDisabled):
        ask_agent(agent, "Ajuda", idempotency_key="1", cause=Cause())
    with service_scope(reason="test"):
        assert not AgentRun.objects.exists()


def test_an_agent_that_is_switched_off_meanwhile_does_nothing(acme: Client) -> None:
    run = ask(acme, "Ajuda")
    factories.make_agent(acme, "renus", enabled=False)
    assert take_turn() == 0
    assert (fresh(run).state, fresh(run).reason_code) == ("skipped", "AGENT_DISABLED")
    assert kept(run) == []


def test_a_trigger_has_an_agent_write_a_report(acme: Client, committed_cast: Cast) -> None:
    address = committed_cast.alice.email
    task = f"Envie o relatório de distribuidores por e-mail para {address}"
    factories.make_trigger(
        acme,
        action_type="call_tool",
        action_config={"tool": "ask_agent", "arguments": {"agent": "isa", "task": task}},
    )
    idle_for(acme, days=4)
    sweep()
    sweep()
    (execution,) = executions()
    with service_scope(reason="test"):
        run = AgentRun.objects.get()
    assert execution.result == {"run_id": str(run.id)}
    assert run.cause[-1] == f"execution:{execution.id}"
    assert take_turn() == 1
    (mail,) = outbox()
    assert mail.body["to"] == [address]
    assert mail.cause[:2] == execution.cause[:1] + [f"trigger:{execution.trigger_id}"] or mail.cause
