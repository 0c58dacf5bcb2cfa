"""The ledger by the API: read by pages, and carried on with where it failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together
from triggers.engine.execution import run_matched
from triggers.models import Trigger, TriggerExecution
from triggers.tests.helpers import change, executions, fresh, idle_for, outbox, sweep
from triggers.tests.thens import CLOSE, MAIL, MAILS, TEXT, then

Api = Callable[[Profile | None], APIClient]
State = TriggerExecution.State


@pytest.fixture
def trigger(cast: Cast) -> Trigger:
    return factories.make_trigger(cast.acme)


@pytest.fixture
def talk(cast: Cast) -> Conversation:
    return factories.make_conversation(cast.acme)


def listed(client: APIClient, trigger: Trigger, **query: Any) -> dict[str, Any]:
    response = client.get(f"/api/triggers/{trigger.id}/executions", query)
    assert response.status_code == 200, response.json()
    return dict(response.json())


def retry(client: APIClient, execution_id: UUID) -> Any:
    return client.post(f"/api/executions/{execution_id}/retry")


# --- Read ---------------------------------------------------------------------------------------------


def test_shows_one_execution_with_all_that_is_known(
    cast: Cast, api: Api, trigger: Trigger, talk: Conversation
) -> None:
    event_id, message_id = uuid4(), uuid4()
    execution = factories.make_execution(
        trigger,
        talk,
        event_id=event_id,
        state=State.FAILED,
        reason_code="TEMPLATE_VARIABLE_MISSING",
        error_message="Falta um valor para: contato.nome.",
        result={"message_id": str(message_id)},
        steps=[{"number": 0, "action_type": "send_message", "done": False}],
        values_seen={"contacts.attributes.plano": "o•••"},
        execution_time_ms=12,
        cause=[f"event:{event_id}"],
    )
    client = api(cast.alice)

    response = client.get(f"/api/executions/{execution.id}")

    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "execution": {
            "id": str(execution.id),
            "trigger_id": str(trigger.id),
            "conversation_id": str(talk.id),
            "event_id": str(event_id),
            "occurrence": clock.iso(execution.occurrence),
            "state": "failed",
            "reason_code": "TEMPLATE_VARIABLE_MISSING",
            "reason": "Falta um valor para uma variável do texto.",
            "condition_met": True,
            "action_executed": True,
            "result": {"message_id": str(message_id)},
            "steps": [{"number": 0, "action_type": "send_message", "done": False}],
            "values_seen": {"contacts.attributes.plano": "o•••"},
            "error_message": "Falta um valor para: contato.nome.",
            "execution_time_ms": 12,
            "cause": [f"event:{event_id}"],
            "executed_at": clock.iso(execution.executed_at),
            "created_at": clock.iso(execution.created_at),
        },
    }
    assert listed(client, trigger)["executions"] == [response.json()["execution"]]


def test_a_slot_of_the_calendar_is_of_no_conversation(
    cast: Cast, api: Api, trigger: Trigger, talk: Conversation
) -> None:
    execution = factories.make_execution(trigger, talk, subject=trigger.id)
    change(execution, conversation=None)
    shown = api(cast.alice).get(f"/api/executions/{execution.id}").json()["execution"]
    assert (shown["conversation_id"], shown["event_id"], shown["reason"]) == (None, None, "")


def test_pages_from_the_latest_to_the_earliest(
    cast: Cast, api: Api, trigger: Trigger, talk: Conversation
) -> None:
    at = clock.now()
    made = [
        factories.make_execution(trigger, talk, executed_at=at - timedelta(minutes=number // 2)).id
        for number in range(7)
    ]
    other = factories.make_trigger(cast.acme)
    factories.make_execution(other, talk)
    client = api(cast.alice)
    seen: list[str] = []
    page = listed(client, trigger, limit=3)
    while True:
        seen += [one["id"] for one in page["executions"]]
        if page["next_cursor"] is None:
            break
        page = listed(client, trigger, limit=3, cursor=page["next_cursor"])
    assert len(seen) == 7
    assert set(seen) == {str(one) for one in made}
    assert set(seen[:2]) == {str(one) for one in made[:2]}
    assert seen[6] == str(made[6])


def test_filters_by_state_and_time(cast: Cast, api: Api, trigger: Trigger, talk: Conversation) -> None:
    at = clock.now().replace(microsecond=0)
    for number, state in enumerate((State.DONE, State.FAILED, State.SKIPPED, State.DONE)):
        factories.make_execution(trigger, talk, state=state, executed_at=at - timedelta(hours=number))
    client = api(cast.alice)

    def states(**query: Any) -> list[str]:
        return [one["state"] for one in listed(client, trigger, **query)["executions"]]

    assert states() == ["done", "failed", "skipped", "done"]
    assert states(state="done") == ["done", "done"]
    assert states(state="matched") == []
    assert states(since=clock.iso(at - timedelta(hours=1))) == ["done", "failed"]
    assert states(until=clock.iso(at - timedelta(hours=1))) == ["skipped", "done"]
    assert states(since=clock.iso(at - timedelta(hours=2)), until=clock.iso(at)) == ["failed", "skipped"]


@pytest.mark.parametrize(
    "query", [{"state": "running"}, {"since": "ontem"}, {"until": "7"}, {"cursor": "x"}, {"state": ""}]
)
def test_refuses_a_filter_that_it_would_have_to_guess(
    cast: Cast, api: Api, trigger: Trigger, query: dict[str, str]
) -> None:
    response = api(cast.alice).get(f"/api/triggers/{trigger.id}/executions", query)
    assert (response.status_code, list(response.json()["details"])) == (400, list(query))


def test_a_page_costs_the_same_with_many_executions(
    cast: Cast, api: Api, trigger: Trigger, talk: Conversation
) -> None:
    client = api(cast.alice)
    listed(client, trigger)
    costs = set()
    for count in (1, 30):
        for _ in range(count):
            factories.make_execution(trigger, talk)
        with CaptureQueriesContext(connection) as queries:
            listed(client, trigger)
        costs.add(len(queries))
    assert len(costs) == 1


def test_i6_another_client_s_executions_are_not_there(cast: Cast, api: Api) -> None:
    theirs = factories.make_trigger(cast.globex)
    execution = factories.make_execution(
        theirs, factories.make_conversation(cast.globex), state=State.FAILED, reason_code="X"
    )
    client = api(cast.alice)
    ledger = client.get(f"/api/triggers/{theirs.id}/executions")
    assert (ledger.status_code, ledger.json()["error_code"]) == (404, "TRIGGER_NOT_FOUND")
    for response in (
        client.get(f"/api/executions/{execution.id}"),
        retry(client, execution.id),
        client.get(f"/api/executions/{uuid4()}"),
        retry(client, uuid4()),
    ):
        assert (response.status_code, response.json()["error_code"]) == (404, "EXECUTION_NOT_FOUND")
    assert fresh(execution).state == State.FAILED


# --- Retry --------------------------------------------------------------------------------------------


def failed(client: Client, *actions: Any) -> TriggerExecution:
    """One whose mail failed, because the client has nothing to send mails with."""
    factories.make_integration(client)
    factories.make_trigger(client, **then(*actions))
    idle_for(client, days=4)
    sweep()
    (execution,) = executions()
    assert (execution.state, execution.reason_code) == ("failed", "INTEGRATION_NOT_FOUND")
    return execution


def test_carries_on_with_the_actions_that_have_no_receipt(cast: Cast, api: Api) -> None:
    execution = failed(cast.acme, TEXT, MAIL, CLOSE)
    (text,) = outbox()
    factories.make_integration(cast.acme, **MAILS)

    response = retry(api(cast.alice), execution.id)

    assert response.status_code == 202
    assert response.json() == {"success": True, "execution": {"id": str(execution.id), "state": "matched"}}
    run_matched(clock.now())
    again = fresh(execution)
    assert (again.state, again.reason_code, again.error_message) == ("done", "", None)
    assert [step["done"] for step in again.steps] == [True, True, True]
    assert len(outbox()) == 2
    assert outbox()[0].id == text.id
    assert again.conversation_id is not None
    with service_scope(reason="test"):
        assert Conversation.objects.get(id=again.conversation_id).status == "closed"


def test_wakes_a_worker_once_it_is_committed(
    cast: Cast, api: Api, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    execution = failed(cast.acme, MAIL)
    woken: list[tuple[str, str]] = []
    monkeypatch.setattr("renum.wakeups._wake", lambda task, queue, kwargs: woken.append((task, queue)))
    with django_capture_on_commit_callbacks(execute=True):
        assert retry(api(cast.alice), execution.id).status_code == 202
        assert woken == []
    assert woken == [("triggers.match_events", "normal")]


@pytest.mark.parametrize("state", ["matched", "done", "skipped"])
def test_only_what_failed_is_retried(
    cast: Cast, api: Api, trigger: Trigger, talk: Conversation, state: str
) -> None:
    execution = factories.make_execution(trigger, talk, state=state)
    response = retry(api(cast.alice), execution.id)
    assert (response.status_code, response.json()["error_code"]) == (409, "EXECUTION_NOT_FAILED")
    assert fresh(execution).state == state


def test_what_would_not_be_carried_out_is_not_retried(
    cast: Cast, api: Api, trigger: Trigger, talk: Conversation
) -> None:
    execution = factories.make_execution(trigger, talk, state=State.FAILED)
    client = api(cast.alice)
    change(trigger, active=False)
    response = retry(client, execution.id)
    assert (response.status_code, response.json()["error_code"]) == (409, "TRIGGER_INACTIVE")
    change(trigger, active=True)
    factories.make_automation_policy(cast.acme, paused=True)
    response = retry(client, execution.id)
    assert (response.status_code, response.json()["error_code"]) == (409, "AUTOMATIONS_PAUSED")
    assert fresh(execution).state == State.FAILED


def test_i2_of_several_who_retry_at_once_one_does(committed_cast: Cast, api: Api) -> None:
    execution = failed(committed_cast.acme, MAIL)
    factories.make_integration(committed_cast.acme, **MAILS)
    answers = run_together(lambda _: retry(api(committed_cast.alice), execution.id).status_code, 4)
    assert sorted(answers) == [202, 409, 409, 409]
    run_matched(clock.now())
    assert len(outbox()) == 1
