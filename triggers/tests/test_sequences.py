"""Several actions in order: a receipt each, none carried out twice."""

from __future__ import annotations

import pytest

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.engine.execution import run_matched
from triggers.models import TriggerExecution
from triggers.tests.helpers import change, executions, fresh, idle_for, outbox, set_status, sweep, verdicts
from triggers.tests.thens import CLOSE, MAIL, MAILS, TEXT, then


@pytest.fixture(autouse=True)
def _standing_still(moving_clock: MovableClock) -> None:
    moving_clock.stop()


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.acme, **MAILS)
    return cast.acme


def test_actions_are_carried_out_in_order_and_each_has_a_receipt(acme: Client) -> None:
    factories.make_trigger(acme, **then(TEXT, MAIL, CLOSE))
    conversation = idle_for(acme, days=4)
    sweep()
    (execution,), (text,), (mail,) = executions(), outbox(channel="whatsapp"), outbox(channel="email")
    assert [(step["action_type"], step["done"]) for step in execution.steps] == [
        ("send_message", True),
        ("send_email", True),
        ("change_status", True),
    ]
    assert [step["receipt"].get("message_id") for step in execution.steps[:2]] == [str(text.id), str(mail.id)]
    assert fresh(conversation).status == "closed"


def no_mail(cast: Cast) -> Client:
    """A client that can send no e-mail, so that a step fails."""
    factories.make_integration(cast.acme)
    return cast.acme


@pytest.mark.parametrize(("stops", "status"), [(True, "open"), (False, "closed")])
def test_after_a_failure_the_rest_is_left_unless_it_is_to_go_on(cast: Cast, stops: bool, status: str) -> None:
    acme = no_mail(cast)
    factories.make_trigger(acme, **then(TEXT, MAIL, CLOSE, stop_on_failure=stops))
    conversation = idle_for(acme, days=4)
    sweep()
    (execution,) = executions()
    assert (execution.state, execution.reason_code) == ("failed", "INTEGRATION_NOT_FOUND")
    assert [step["done"] for step in execution.steps] == [True, False] + ([] if stops else [True])
    assert fresh(conversation).status == status
    assert len(outbox()) == 1


@pytest.mark.parametrize("stops", [True, False])
def test_a_retry_carries_on_where_it_failed_and_repeats_nothing(cast: Cast, stops: bool) -> None:
    acme = no_mail(cast)
    factories.make_trigger(acme, **then(CLOSE, MAIL, TEXT, stop_on_failure=stops))
    conversation = idle_for(acme, days=4)
    sweep()
    assert verdicts() == [("failed", "INTEGRATION_NOT_FOUND")]
    sent_at_first = outbox()
    assert len(sent_at_first) == (0 if stops else 1)
    receipts = [step["receipt"] for step in executions()[0].steps]

    factories.make_integration(acme, **MAILS)
    set_status(conversation, "open")  # so that closing it again would be seen
    change(executions()[0], state=TriggerExecution.State.MATCHED, reason_code="")
    run_matched(clock.now())

    assert verdicts() == [("done", "")]
    (execution,) = executions()
    assert [step["done"] for step in execution.steps] == [True, True, True]
    assert execution.steps[0]["receipt"] == receipts[0] == {"from": "open", "to": "closed"}
    assert fresh(conversation).status == "open"
    (text,) = outbox(channel="whatsapp")
    assert len(outbox(channel="email")) == 1
    if not stops:
        assert [text.id] == [message.id for message in sent_at_first]
        assert execution.steps[2]["receipt"] == receipts[2]
    with service_scope(reason="test"):
        assert Message.objects.count() == 1
