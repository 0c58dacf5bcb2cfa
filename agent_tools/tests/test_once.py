"""What a tool does in Postgres alone is done once for a key, and once by a turn that is begun again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from agent_tools import runs
from agent_tools.models import AgentReceipt
from agent_tools.sessions import Session, session_of
from agent_tools.tests.chat import hear
from agent_tools.using import use_tool
from integrations.api.idempotency import hold_key
from integrations.tests.contracts import accepted, post, refused
from integrations.tests.helpers import in_background
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.conversations.services import change_status, give_attention
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together

Api = Callable[[Profile | None], APIClient]

STATUS, INTENT, HUMAN = "change_status", "detect_intent", "request_human"
# Each tool, what it is asked for, and something else.
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    STATUS: ({"status": "pending"}, {"status": "closed"}),
    INTENT: ({"intent": "compra", "confidence": 0.9}, {"intent": "duvida"}),
    HUMAN: ({"reason": "complaint"}, {"reason": "other"}),
}
each_tool = pytest.mark.parametrize("tool", ASKED)


@pytest.fixture
def acme(committed_cast: Cast) -> Client:
    factories.make_integration(committed_cast.acme)
    factories.make_agent(committed_cast.acme, "tudo", answers_whatsapp=True)
    return committed_cast.acme


@pytest.fixture
def talk(acme: Client) -> Conversation:
    return factories.make_conversation(acme)


@pytest.fixture
def alice(committed_cast: Cast, api: Api) -> APIClient:
    return api(committed_cast.alice)


def use(
    client: APIClient, tool: str, arguments: dict[str, Any], talk: Conversation, key: str = "k-1", **body: Any
) -> Any:
    asked = {"arguments": arguments, "conversation_id": str(talk.id), **body}
    return post(client, f"/api/agent/tools/{tool}", asked, **{"Idempotency-Key": key})


def look_at(talk: Conversation) -> None:
    """Somebody of the client opens the conversation again, and has looked at it."""
    with service_scope(reason="test"):
        held = Conversation.objects.get(id=talk.id)
        change_status(held, Conversation.Status.OPEN, cause=Cause())
        give_attention(held, cause=Cause())
        Conversation.objects.filter(id=talk.id).update(agent_paused_until=None)


def standing(talk: Conversation) -> list[Any]:
    """What the tools may have changed, and the events of it."""
    with service_scope(reason="test"):
        now = Conversation.objects.get(id=talk.id)
        kinds = list(Event.objects.order_by("occurred_at", "id").values_list("kind", flat=True))
    return [now.status, now.attention_reason, now.agent_paused_until, kinds]


# --- By a key ---------------------------------------------------------------------------------------------


@each_tool
def test_i2_a_repeated_request_is_given_the_first_answer_and_nothing_is_done(
    alice: APIClient, talk: Conversation, tool: str
) -> None:
    wanted, _ = ASKED[tool]
    first = accepted(use(alice, tool, wanted, talk))
    look_at(talk)
    before = standing(talk)
    assert accepted(use(alice, tool, wanted, talk)) == first
    assert accepted(use(alice, tool, wanted, talk, run_id=first["run_id"])) == first
    assert standing(talk) == before


@each_tool
def test_i2_a_key_that_comes_again_with_other_content_is_refused(
    acme: Client, alice: APIClient, talk: Conversation, tool: str
) -> None:
    wanted, other = ASKED[tool]
    first = accepted(use(alice, tool, wanted, talk))
    before = standing(talk)
    elsewhere = factories.make_conversation(acme)
    another_tool = STATUS if tool == HUMAN else HUMAN
    for again in (
        use(alice, tool, other, talk),
        use(alice, tool, other, talk, run_id=first["run_id"]),
        use(alice, tool, wanted, elsewhere),
        use(alice, another_tool, ASKED[another_tool][0], talk),
        use(alice, another_tool, ASKED[another_tool][0], talk, run_id=first["run_id"]),
    ):
        refused(again, 422, "IDEMPOTENCY_KEY_REUSED")
    assert standing(talk) == before
    assert accepted(use(alice, tool, wanted, talk)) == first


@each_tool
def test_i2_another_key_is_another_request(alice: APIClient, talk: Conversation, tool: str) -> None:
    wanted, _ = ASKED[tool]
    accepted(use(alice, tool, wanted, talk))
    look_at(talk)
    before = standing(talk)
    accepted(use(alice, tool, wanted, talk, key="k-2"))
    assert standing(talk) != before


@contextmanager
def under_way(client: Client, key: str) -> Iterator[None]:
    """A first request with the key is not over."""
    with transaction.atomic():
        hold_key(client.id, key)
        yield


@each_tool
def test_i2_while_the_first_is_under_way_the_second_is_told_so(
    acme: Client, alice: APIClient, talk: Conversation, tool: str
) -> None:
    before = standing(talk)
    with (
        under_way(acme, "tool:key:k-1"),
        in_background(lambda: use(alice, tool, ASKED[tool][0], talk)) as response,
    ):
        refused(response.result(), 409, "IDEMPOTENCY_KEY_IN_USE")
    assert standing(talk) == before
    accepted(use(alice, tool, ASKED[tool][0], talk))


@each_tool
def test_i2_many_at_once_do_it_once(committed_cast: Cast, api: Api, talk: Conversation, tool: str) -> None:
    clients = [api(committed_cast.alice) for _ in range(8)]
    answers = run_together(lambda number: use(clients[number], tool, ASKED[tool][0], talk), 8)
    done = [one.json() for one in answers if one.status_code == 200]
    assert done and all(one == done[0] for one in done)
    assert {one.status_code for one in answers} <= {200, 409}
    with service_scope(reason="test"):
        assert AgentReceipt.objects.count() == 1
        kinds = list(Event.objects.values_list("kind", flat=True))
    assert len(kinds) == len(set(kinds))


def test_i2_a_refusal_does_not_use_its_key_up(alice: APIClient, talk: Conversation) -> None:
    refused(use(alice, STATUS, {"status": "nada"}, talk), 400, "INVALID_ARGUMENTS")
    accepted(use(alice, STATUS, {"status": "pending"}, talk))


def test_i2_a_key_belongs_to_a_client(
    committed_cast: Cast, api: Api, alice: APIClient, talk: Conversation
) -> None:
    theirs = factories.make_conversation(committed_cast.globex)
    accepted(use(alice, STATUS, {"status": "pending"}, talk))
    result = accepted(use(api(committed_cast.bob), STATUS, {"status": "closed"}, theirs))["result"]
    assert result == {"conversation_id": str(theirs.id), "from": "open", "status": "closed"}


def test_i7_a_receipt_goes_with_the_contact(alice: APIClient, talk: Conversation) -> None:
    accepted(use(alice, STATUS, {"status": "pending"}, talk))
    with service_scope(reason="test"):
        talk.contact.delete()
        assert not AgentReceipt.objects.exists()


# --- By a turn ----------------------------------------------------------------------------------------------


def claim(moving_clock: MovableClock, **passed: float) -> Session:
    """A worker takes the run that is due, after that time; what it has in hand."""
    moving_clock.advance(**passed)
    turn = runs.claim_next()
    assert turn is not None
    return session_of(turn)


@each_tool
def test_i2_a_turn_that_is_begun_again_does_not_undo_what_a_person_did_meanwhile(
    talk: Conversation, moving_clock: MovableClock, tool: str
) -> None:
    factories.make_agent_run(talk)
    wanted, other = ASKED[tool]
    first = use_tool(claim(moving_clock), tool, wanted)
    look_at(talk)
    before = standing(talk)
    again = claim(moving_clock, seconds=121)  # its worker was lost
    assert use_tool(again, tool, wanted) == first
    assert standing(talk) == before
    if tool != INTENT:  # each of which is said once
        third = claim(moving_clock, seconds=121)
        assert use_tool(third, tool, other) == first, "its model chose otherwise: what it did stands"
        assert standing(talk) == before


def test_two_uses_of_one_turn_are_two_changes(talk: Conversation, moving_clock: MovableClock) -> None:
    factories.make_agent_run(talk)
    session = claim(moving_clock)
    changes = [use_tool(session, STATUS, {"status": to}) for to in ("pending", "closed", "pending")]
    assert [(one["from"], one["status"]) for one in changes] == [
        ("open", "pending"),
        ("pending", "closed"),
        ("closed", "pending"),
    ]


def test_what_the_contact_wrote_meanwhile_is_a_new_occasion(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    """A new text opens the conversation; whoever answers it may park it again."""
    hear(talk, "Pode encerrar")
    first = claim(moving_clock, seconds=3)
    assert use_tool(first, STATUS, {"status": "closed"})["from"] == "open"
    hear(talk, "Obrigada")
    assert standing(talk)[0] == "open"
    second = claim(moving_clock, seconds=3)
    assert second.run_id != first.run_id
    assert use_tool(second, STATUS, {"status": "closed"})["from"] == "open"
    assert standing(talk)[0] == "closed"


def test_a_text_that_joins_a_turn_that_failed_is_a_new_occasion(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    def park_and_fail(turn: runs.Turn) -> runs.Ended:
        use_tool(session_of(turn), STATUS, {"status": "closed"})
        raise RuntimeError

    hear(talk, "Pode encerrar")
    moving_clock.advance(seconds=3)
    assert runs.run_pending(park_and_fail) == 1
    hear(talk, "Obrigada")
    second = claim(moving_clock, seconds=10)
    assert second.turn is not None and len(second.turn.texts) == 2
    assert use_tool(second, STATUS, {"status": "closed"})["from"] == "open"


def test_a_turn_that_is_over_is_not_told_what_it_did(talk: Conversation, moving_clock: MovableClock) -> None:
    factories.make_agent_run(talk)
    first = claim(moving_clock)
    assert use_tool(first, STATUS, {"status": "pending"})["ok"]
    claim(moving_clock, seconds=121)
    assert use_tool(first, STATUS, {"status": "pending"})["error_code"] == "SUPERSEDED"
