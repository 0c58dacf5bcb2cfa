"""The ready examples are triggers that can be posted as they are, and do what they say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from renum import clock
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.conversations.identity import Person
from renum.conversations.models import Message
from renum.conversations.services import open_conversation
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast
from triggers.models import Trigger
from triggers.recipes import recipes_for
from triggers.tests.helpers import idle_for, outbox, sweep, write
from triggers.tests.test_events import happen, react
from triggers.tests.thens import MAILS

Api = Callable[[Profile | None], APIClient]
KEYS = ["inactivity_follow_up", "cancellation_notice", "appointment_reminder", "welcome"]


@pytest.fixture
def alice(cast: Cast, api: Api) -> APIClient:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.acme, **MAILS)
    return api(cast.alice)


def recipe(client: APIClient, key: str) -> dict[str, Any]:
    (found,) = [one for one in client.get("/api/triggers/recipes").json()["recipes"] if one["key"] == key]
    return dict(found["trigger"])


def use(client: APIClient, key: str) -> None:
    assert client.post("/api/triggers", recipe(client, key), format="json").status_code == 201


def test_lists_whole_bodies(cast: Cast, api: Api) -> None:
    body = api(cast.alice).get("/api/triggers/recipes").json()
    assert [one["key"] for one in body["recipes"]] == KEYS
    assert body == {"success": True, "recipes": recipes_for("alice@acme.test")}


@pytest.mark.parametrize("key", KEYS)
def test_each_can_be_saved_and_simulated_as_it_is(alice: APIClient, key: str) -> None:
    body = recipe(alice, key)
    created = alice.post("/api/triggers", body, format="json")
    assert created.status_code == 201, created.json()
    assert alice.post("/api/triggers/simulate", body, format="json").status_code == 200
    shown = alice.get(f"/api/triggers/{created.json()['trigger']['id']}").json()["trigger"]
    assert {name: shown[name] for name in body} == body


def test_staff_are_shown_the_client_s_address(cast: Cast, api: Api) -> None:
    answer = api(cast.sofia).get("/api/triggers/recipes", {"client_id": str(cast.acme.id)}).json()
    assert answer["recipes"][1]["trigger"]["action_config"]["to"] == ["alice@acme.test"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Marina", "Olá, Marina! Ainda posso ajudar em algo?"),
        (None, "Olá, tudo bem! Ainda posso ajudar em algo?"),
    ],
)
def test_follows_up_with_a_name_or_without(cast: Cast, alice: APIClient, name: str | None, text: str) -> None:
    use(alice, "inactivity_follow_up")
    factories.make_conversation(cast.acme, name=name, last_message_at=clock.now() - timedelta(days=4))
    idle_for(cast.acme, days=2)
    sweep()
    assert [message.body for message in outbox()] == [{"text": text}]


def test_tells_the_client_s_people_of_a_cancellation(cast: Cast, alice: APIClient) -> None:
    use(alice, "cancellation_notice")
    talk = factories.make_conversation(cast.acme, name="Marina")
    happen(cast.acme, conversation=talk, intent="cancelamento")
    happen(cast.acme, conversation=talk, intent="agendamento")
    react()
    (mail,) = outbox()
    assert (mail.channel, mail.recipient) == ("email", "alice@acme.test")
    assert "Marina" in str(mail.body)


def test_reminds_a_day_before(cast: Cast, alice: APIClient) -> None:
    use(alice, "appointment_reminder")
    for hours in (-2, 23.5, 30):
        talk = factories.make_conversation(cast.acme)
        factories.make_contact_date(talk.contact, at=clock.now() + timedelta(hours=hours))
    sweep()
    assert outbox() == []  # these were due before it was switched on
    with service_scope(reason="test"):
        Trigger.objects.update(active_since=clock.now() - timedelta(days=1), rematch=True)
    sweep()
    assert len(outbox()) == 1


def test_welcomes_who_writes_and_not_whom_we_write_to(cast: Cast, alice: APIClient) -> None:
    use(alice, "welcome")
    with service_scope(reason="test"):
        for phone in ("+5511987650001", "+5511987650002"):
            talk = open_conversation(cast.acme.id, Person(phone=phone), cause=Cause(), at=clock.now())
    write(talk, Message.Author.CONTACT)
    react()
    (message,) = outbox()
    assert message.conversation_id == talk.id
