"""`/api/conversation-policy`: bursts, takeovers, texts of opt-outs, and how long rows are kept."""

from __future__ import annotations

from typing import Any

from renum.accounts.scope import service_scope
from renum.api.tests.envelopes import assert_envelope
from renum.conversations.models import ConversationPolicy
from renum.events.models import Event
from tests import factories
from tests.cast import Cast

POLICY = "/api/conversation-policy"
DEFAULTS = {
    "burst_quiet_seconds": 2.0,
    "burst_max_seconds": 10.0,
    "handover_minutes": 60,
    "opt_out_text": ConversationPolicy.DEFAULT_OPT_OUT_TEXT,
    "opt_in_text": ConversationPolicy.DEFAULT_OPT_IN_TEXT,
    "message_days": 730,
    "event_days": 365,
    "inbox_days": 90,
}


def _changes() -> list[Event]:
    with service_scope(reason="test look"):
        return list(Event.objects.filter(kind=Event.Kind.CONVERSATION_POLICY_CHANGED))


def test_defaults_are_shown_until_something_is_changed(cast: Cast, api: Any) -> None:
    shown = api(cast.alice).get(POLICY).json()
    assert shown == {"success": True, "policy": {**DEFAULTS, "updated_at": None}}
    with service_scope(reason="test look"):
        assert not ConversationPolicy.objects.exists()


def test_what_is_changed_is_kept_with_who_changed_it(cast: Cast, api: Any) -> None:
    changes = {"burst_quiet_seconds": 0, "handover_minutes": 0, "opt_out_text": "", "inbox_days": 7}
    answer = api(cast.alice).patch(POLICY, changes, format="json")
    assert answer.status_code == 200
    again = api(cast.alice).get(POLICY).json()["policy"]
    assert again == answer.json()["policy"]
    assert again | DEFAULTS | changes == again and again["updated_at"] is not None
    (event,) = _changes()
    assert (event.client_id, event.cause) == (cast.acme.id, [f"profile:{cast.alice.id}"])
    assert event.data == {"fields": sorted(changes)}
    assert api(cast.bob).get(POLICY).json()["policy"]["handover_minutes"] == 60


def test_what_makes_no_sense_is_refused_by_name_and_changes_nothing(cast: Cast, api: Any) -> None:
    factories.make_conversation_policy(cast.acme, burst_quiet_seconds=5, burst_max_seconds=20)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"burst_quiet_seconds": 20.5}, "burst_max_seconds"),
        ({"burst_max_seconds": 4.9}, "burst_max_seconds"),
        ({"burst_quiet_seconds": 9, "burst_max_seconds": 8}, "burst_max_seconds"),
        ({"burst_quiet_seconds": -0.1}, "burst_quiet_seconds"),
        ({"burst_quiet_seconds": 60.1, "burst_max_seconds": 300}, "burst_quiet_seconds"),
        ({"burst_quiet_seconds": "nan"}, "burst_quiet_seconds"),
        ({"burst_quiet_seconds": True}, "burst_quiet_seconds"),
        ({"burst_max_seconds": 301}, "burst_max_seconds"),
        ({"handover_minutes": 1441}, "handover_minutes"),
        ({"handover_minutes": -1}, "handover_minutes"),
        ({"handover_minutes": None}, "handover_minutes"),
        ({"opt_out_text": "x" * 501}, "opt_out_text"),
        ({"opt_in_text": 7}, "opt_in_text"),
        ({"opt_in_text": "a\x00b"}, "opt_in_text"),
        ({"message_days": 29}, "message_days"),
        ({"event_days": 29}, "event_days"),
        ({"inbox_days": 6}, "inbox_days"),
        ({"message_days": 3651}, "message_days"),
        ({"updated_at": "2026-01-01T00:00:00Z"}, "updated_at"),
        ({"handover_minutes": 5, "client": str(cast.globex.id)}, "client"),
    ]
    alice, wrong = api(cast.alice), []
    before = alice.get(POLICY).json()
    for changes, field in refused:
        answer = alice.patch(POLICY, changes, format="json")
        body = answer.json()
        if (answer.status_code, body.get("error_code")) != (400, "VALIDATION_ERROR") or field not in body[
            "details"
        ]:
            wrong.append((changes, answer.status_code, body))
    assert wrong == []
    assert_envelope(alice.patch(POLICY, [1], format="json"), 400, "VALIDATION_ERROR")
    assert alice.get(POLICY).json() == before
    assert _changes() == []


def test_bounds_themselves_are_allowed(cast: Cast, api: Any) -> None:
    for changes in (
        {"burst_quiet_seconds": 0, "burst_max_seconds": 0, "message_days": 30, "event_days": 30},
        {"burst_quiet_seconds": 60, "burst_max_seconds": 60, "handover_minutes": 1440},
        {"burst_max_seconds": 300, "opt_in_text": "é" * 500, "message_days": 3650},
    ):
        answer = api(cast.alice).patch(POLICY, changes, format="json")
        assert answer.status_code == 200, (changes, answer.json())
