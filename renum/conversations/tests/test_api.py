"""`/api/conversations`: lists by cursor, messages without their words, and the status."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from renum.accounts.scope import service_scope
from renum.api.tests.envelopes import INSTANT, assert_envelope
from renum.conversations.models import Contact, Conversation, Message
from renum.events.models import Event
from renum.security.blind_index import blind_index
from tests import factories
from tests.cast import Cast

LIST = "/api/conversations"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _pages(client: APIClient, path: str, key: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor = None
    while True:
        response = client.get(path, {**query, **({"cursor": cursor} if cursor else {})})
        assert response.status_code == 200, response.json()
        body = response.json()
        assert set(body) == {"success", key, "next_cursor"}
        assert body["success"] is True
        yield body[key]
        cursor = body["next_cursor"]
        if cursor is None:
            return


@pytest.fixture
def many(cast: Cast) -> list[uuid.UUID]:
    """120 conversations, the latest first; each third instant is shared by three."""
    with service_scope(reason="test"):
        contacts = Contact.objects.bulk_create(
            [
                Contact(
                    client=cast.acme,
                    phone=f"+55119{number:08d}",
                    phone_index=blind_index(cast.acme.id, "phone", str(number)),
                )
                for number in range(120)
            ]
        )
        made = Conversation.objects.bulk_create(
            [
                Conversation(
                    client=cast.acme,
                    contact=contact,
                    status="closed" if number % 4 == 0 else "open",
                    last_message_at=NOON + timedelta(microseconds=number // 3),
                )
                for number, contact in enumerate(contacts)
            ]
        )
    factories.make_conversation(cast.globex)
    return [one.id for one in sorted(made, key=lambda one: (one.last_message_at, one.id), reverse=True)]


# --- List ------------------------------------------------------------------------------------------


def test_an_empty_list_is_a_list(cast: Cast, api: Any) -> None:
    assert api(cast.alice).get(LIST).json() == {"success": True, "conversations": [], "next_cursor": None}


def test_a_conversation_is_listed_with_its_contact(cast: Cast, api: Any) -> None:
    conversation = factories.make_conversation(cast.acme, phone="+5511987654321", name="Márcia 🦜")
    (listed,) = api(cast.alice).get(LIST).json()["conversations"]
    assert listed["id"] == str(conversation.id)
    assert listed["contact"] == {
        "id": str(conversation.contact_id),
        "phone": "+5511987654321",
        "name": "Márcia 🦜",
    }
    assert (listed["channel"], listed["status"]) == ("whatsapp", "open")
    assert INSTANT.fullmatch(listed["last_message_at"])
    assert listed["last_inbound_at"] is None


@pytest.mark.parametrize("limit", [1, 7, 50, 119, 120, 200])
def test_pages_by_cursor_give_every_conversation_once_in_order(
    cast: Cast, api: Any, many: list[uuid.UUID], limit: int
) -> None:
    pages = list(_pages(api(cast.alice), LIST, "conversations", limit=limit))
    assert [uuid.UUID(one["id"]) for page in pages for one in page] == many
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_a_page_has_fifty_unless_asked_and_at_most_two_hundred(
    cast: Cast, api: Any, many: list[uuid.UUID]
) -> None:
    client = api(cast.alice)
    assert len(client.get(LIST).json()["conversations"]) == 50
    assert len(client.get(LIST, {"limit": 100_000}).json()["conversations"]) == 120


def test_a_cursor_stays_right_when_conversations_move_meanwhile(
    cast: Cast, api: Any, many: list[uuid.UUID]
) -> None:
    pages = _pages(api(cast.alice), LIST, "conversations", limit=30)
    seen = [one["id"] for one in next(pages)]
    with service_scope(reason="test"):
        Conversation.objects.filter(id=many[100]).update(last_message_at=NOON + timedelta(days=1))
    factories.make_conversation(cast.acme, last_message_at=NOON + timedelta(days=2))
    seen += [one["id"] for page in pages for one in page]
    assert [uuid.UUID(one) for one in seen] == [one for one in many if one != many[100]]


def test_i10_a_page_costs_the_same_however_long_it_is(
    cast: Cast, api: Any, many: list[uuid.UUID], django_assert_max_num_queries: Any
) -> None:
    client = api(cast.alice)
    for limit in (1, 120):
        with django_assert_max_num_queries(14):  # the log-in's and the scopes' included
            assert client.get(LIST, {"limit": limit}).status_code == 200


@pytest.mark.parametrize(("status", "expected"), [("open", 90), ("closed", 30), ("pending", 0)])
def test_a_list_is_filtered_by_status(
    cast: Cast, api: Any, many: list[uuid.UUID], status: str, expected: int
) -> None:
    pages = list(_pages(api(cast.alice), LIST, "conversations", status=status, limit=40))
    found = [one for page in pages for one in page]
    assert len(found) == expected
    assert {one["status"] for one in found} <= {status}


@pytest.mark.parametrize("status", ["OPEN", "x", "open,closed", " open", "null", "0"])
def test_a_status_that_there_is_not_is_refused(cast: Cast, api: Any, status: str) -> None:
    response = api(cast.alice).get(LIST, {"status": status})
    assert "status" in assert_envelope(response, 400, "VALIDATION_ERROR")["details"]


def _cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "é",
        "A" * 5_000,
        _cursor("p=yesterday"),
        _cursor("p=2026-13-45"),
        _cursor("p='; SELECT 1 --"),
        _cursor("p=\x00"),
        _cursor("o=-1"),
        _cursor("o=x"),
        _cursor("o=99999999999999999999"),
        _cursor("r=1&p=9999999999999"),
    ],
)
def test_a_cursor_that_was_not_ours_is_the_callers_mistake(
    cast: Cast, api: Any, many: list[uuid.UUID], cursor: str
) -> None:
    client = api(cast.alice)
    client.raise_request_exception = False
    response = client.get(LIST, {"cursor": cursor})
    assert response.status_code in (200, 400, 404), response.json()
    if response.status_code != 200:
        assert_envelope(response, response.status_code)


def test_i6_a_cursor_of_another_client_shows_only_own_rows(
    cast: Cast, api: Any, many: list[uuid.UUID]
) -> None:
    cursor = api(cast.alice).get(LIST, {"limit": 10}).json()["next_cursor"]
    for one in api(cast.bob).get(LIST, {"cursor": cursor}).json()["conversations"]:
        assert uuid.UUID(one["id"]) not in many


# --- Messages --------------------------------------------------------------------------------------


def test_messages_are_listed_without_their_words_the_latest_first(cast: Cast, api: Any) -> None:
    conversation = factories.make_conversation(cast.acme)
    with service_scope(reason="test"):
        Message.objects.bulk_create(
            [
                Message(
                    client=cast.acme,
                    conversation=conversation,
                    direction="inbound",
                    author="contact",
                    state="received",
                    length=number,
                    cause=["inbound:x"],
                    occurred_at=NOON + timedelta(seconds=number // 2),
                )
                for number in range(120)
            ]
        )
    factories.make_message(factories.make_conversation(cast.acme))
    path = f"{LIST}/{conversation.id}/messages"
    found = [one for page in _pages(api(cast.alice), path, "messages", limit=50) for one in page]
    assert sorted(one["length"] for one in found) == list(range(120))
    instants = [one["occurred_at"] for one in found]
    assert instants == sorted(instants, reverse=True)
    assert set(found[0]) == {
        "id",
        "direction",
        "author",
        "kind",
        "state",
        "length",
        "occurred_at",
        "cause",
    }


@pytest.mark.parametrize("path", [f"{LIST}/{uuid.UUID(int=5)}", f"{LIST}/{uuid.UUID(int=5)}/messages"])
def test_a_conversation_that_there_is_not_is_not_found(cast: Cast, api: Any, path: str) -> None:
    client = api(cast.alice)
    response = client.get(path) if path.endswith("messages") else client.patch(path, {"status": "open"})
    assert response.status_code in (404, 415)
    if not path.endswith("messages"):
        response = client.patch(path, {"status": "open"}, format="json")
    assert_envelope(response, 404, "CONVERSATION_NOT_FOUND")


# --- Status ----------------------------------------------------------------------------------------


def _patch(client: APIClient, conversation: Conversation, body: Any) -> Any:
    return client.patch(f"{LIST}/{conversation.id}", body, format="json")


@pytest.mark.parametrize("status", ["closed", "pending"])
def test_the_status_is_changed_and_the_change_recorded(cast: Cast, api: Any, status: str) -> None:
    conversation = factories.make_conversation(cast.acme)
    response = _patch(api(cast.alice), conversation, {"status": status})
    assert response.status_code == 200
    body = response.json()
    assert body["success"] is True
    assert (body["conversation"]["id"], body["conversation"]["status"]) == (str(conversation.id), status)
    with service_scope(reason="test"):
        assert Conversation.objects.get().status == status
        event = Event.objects.get(kind=Event.Kind.STATUS_CHANGED)
    assert event.data == {"from": "open", "to": status}
    assert event.cause == [f"profile:{cast.alice.id}"]
    assert (event.client_id, event.conversation_id) == (cast.acme.id, conversation.id)


def test_setting_the_status_that_it_has_records_nothing(cast: Cast, api: Any) -> None:
    conversation = factories.make_conversation(cast.acme)
    assert _patch(api(cast.alice), conversation, {"status": "open"}).status_code == 200
    with service_scope(reason="test"):
        assert not Event.objects.filter(kind=Event.Kind.STATUS_CHANGED).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "OPEN"}, "status"),
        ({"status": "deleted"}, "status"),
        ({"status": None}, "status"),
        ({"status": 1}, "status"),
        ({"status": ["open"]}, "status"),
        ({"status": {"open": 1}}, "status"),
        ({"status": ""}, "status"),
        ({"status": "closed", "client_id": "x"}, "client_id"),
        ({"status": "closed", "last_message_at": "2020-01-01T00:00:00Z"}, "last_message_at"),
        ([], "non_field_errors"),
    ],
)
def test_a_change_that_is_not_as_described_changes_nothing(
    committed_cast: Cast, api: Any, body: Any, field: str
) -> None:
    conversation = factories.make_conversation(committed_cast.acme)
    response = _patch(api(committed_cast.alice), conversation, body)
    assert field in assert_envelope(response, 400, "VALIDATION_ERROR")["details"]
    with service_scope(reason="test"):
        assert Conversation.objects.get().status == "open"
        assert not Event.objects.filter(kind=Event.Kind.STATUS_CHANGED).exists()


def test_i6_bob_neither_sees_nor_changes_a_conversation_of_alice(committed_cast: Cast, api: Any) -> None:
    conversation = factories.make_conversation(committed_cast.acme)
    factories.make_message(conversation)
    bob = api(committed_cast.bob)
    assert bob.get(LIST).json()["conversations"] == []
    assert_envelope(bob.get(f"{LIST}/{conversation.id}/messages"), 404, "CONVERSATION_NOT_FOUND")
    assert_envelope(_patch(bob, conversation, {"status": "closed"}), 404, "CONVERSATION_NOT_FOUND")
    with service_scope(reason="test"):
        assert Conversation.objects.get().status == "open"
        assert not Event.objects.filter(kind=Event.Kind.STATUS_CHANGED).exists()
