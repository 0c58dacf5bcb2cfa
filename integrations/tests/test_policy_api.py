"""`/api/delivery-policy`: when a client's messages may leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.models import DeliveryPolicy
from integrations.tests.contracts import accepted, patch, refused
from integrations.tests.helpers import Clock, Vendor, connect_vendor, dispatch, reread
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_conversation, make_outbound, make_policy

POLICY = "/api/delivery-policy"
DEFAULTS = {
    "paused": False,
    "quiet_start": None,
    "quiet_end": None,
    "quiet_channels": ["whatsapp"],
    "national_holidays": False,
    "holiday_state": "",
    "holidays": [],
    "contact_cap": None,
    "contact_cap_hours": 24,
}


@pytest.fixture
def alice(cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(cast.alice)


def rows(cast: Cast) -> int:
    with service_scope(reason="test"):
        return DeliveryPolicy.objects.filter(client=cast.acme).count()


def rules(answer: Any) -> dict[str, Any]:
    shown: dict[str, Any] = accepted(answer)["policy"]
    shown.pop("updated_at")
    return shown


def test_who_set_nothing_has_the_defaults(cast: Cast, alice: APIClient) -> None:
    assert rules(alice.get(POLICY)) == DEFAULTS
    assert rows(cast) == 0


def test_sets_every_rule_and_keeps_what_is_not_named(cast: Cast, alice: APIClient) -> None:
    everything = {
        "paused": True,
        "quiet_start": "21:30:00",
        "quiet_end": "08:00:00",
        "quiet_channels": ["whatsapp", "email"],
        "national_holidays": True,
        "holiday_state": "SP",
        "holidays": ["2026-12-24", "2026-12-31"],
        "contact_cap": 3,
        "contact_cap_hours": 48,
    }
    assert rules(patch(alice, POLICY, everything)) == everything
    assert rules(patch(alice, POLICY, {"contact_cap": None})) == {**everything, "contact_cap": None}
    assert rules(patch(alice, POLICY, {})) == {**everything, "contact_cap": None}
    assert rules(alice.get(POLICY)) == {**everything, "contact_cap": None}
    assert rows(cast) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quiet_start": "22:00"}, "quiet_end"),
        ({"quiet_end": "08:00"}, "quiet_end"),
        ({"quiet_start": "08:00", "quiet_end": "08:00"}, "quiet_end"),
        ({"quiet_start": "08:00:00", "quiet_end": "08:00:00.000"}, "quiet_end"),
        ({"quiet_start": "25:00", "quiet_end": "08:00"}, "quiet_start"),
        ({"quiet_start": "", "quiet_end": "08:00"}, "quiet_start"),
        ({"quiet_start": 22, "quiet_end": "08:00"}, "quiet_start"),
        ({"holiday_state": "XX"}, "holiday_state"),
        ({"holiday_state": "sp"}, "holiday_state"),
        ({"holiday_state": None}, "holiday_state"),
        ({"quiet_channels": ["sms"]}, "quiet_channels"),
        ({"quiet_channels": "whatsapp"}, "quiet_channels"),
        ({"quiet_channels": ["whatsapp"] * 3}, "quiet_channels"),
        ({"holidays": ["2026-02-30"]}, "holidays"),
        ({"holidays": ["2026-01-01"] * 367}, "holidays"),
        ({"contact_cap": 0}, "contact_cap"),
        ({"contact_cap": 1001}, "contact_cap"),
        ({"contact_cap_hours": 0}, "contact_cap_hours"),
        ({"contact_cap_hours": 721}, "contact_cap_hours"),
        ({"contact_cap_hours": None}, "contact_cap_hours"),
        ({"paused": None}, "paused"),
        ({"paused": "sim!"}, "paused"),
        ({"client": "x"}, "client"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refuses_rules_that_make_no_sense(
    cast: Cast, alice: APIClient, change: dict[str, Any], field: str
) -> None:
    answer = refused(patch(alice, POLICY, {"national_holidays": True, **change}), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == [field]
    assert rules(alice.get(POLICY)) == DEFAULTS
    assert rows(cast) == 0


@pytest.mark.parametrize(
    ("change", "is_taken"),
    [
        ({"quiet_start": None}, False),
        ({"quiet_end": None}, False),
        ({"quiet_end": "22:00"}, False),
        ({"quiet_start": "07:00"}, False),
        ({"quiet_start": "23:00"}, True),
        ({"quiet_start": None, "quiet_end": None}, True),
    ],
    ids=str,
)
def test_half_a_window_is_judged_with_the_half_that_is_there(
    cast: Cast, alice: APIClient, change: dict[str, Any], is_taken: bool
) -> None:
    make_policy(cast.acme, quiet_start="22:00", quiet_end="07:00")
    before = rules(alice.get(POLICY))
    answer = patch(alice, POLICY, change)
    if is_taken:
        accepted(answer)
    else:
        assert list(refused(answer, 400, "VALIDATION_ERROR")["details"]) == ["quiet_end"]
        assert rules(alice.get(POLICY)) == before


def test_i6_a_client_s_rules_are_its_own(cast: Cast, api: Callable[..., APIClient]) -> None:
    make_policy(cast.acme, paused=True)
    bob = api(cast.bob)
    assert rules(bob.get(POLICY)) == DEFAULTS
    refused(patch(bob, f"{POLICY}?client_id={cast.acme.id}", {"paused": False}), 404, "CLIENT_NOT_FOUND")
    accepted(patch(bob, POLICY, {"contact_cap": 1}))
    assert rules(api(cast.alice).get(POLICY)) == {**DEFAULTS, "paused": True}
    refused(api(None).get(POLICY), 401, "NOT_AUTHENTICATED")
    refused(api(None).patch(POLICY, {}, format="json"), 401, "NOT_AUTHENTICATED")
    answer = patch(api(cast.sofia), f"{POLICY}?client_id={cast.acme.id}", {"paused": False})
    assert rules(answer) == DEFAULTS


def test_two_first_changes_at_once_are_both_kept(committed_cast: Cast, api: Callable[..., APIClient]) -> None:
    clients = [api(committed_cast.alice) for _ in range(2)]
    changes: list[dict[str, Any]] = [{"contact_cap": 3}, {"national_holidays": True}]
    answers = run_together(lambda number: patch(clients[number], POLICY, changes[number]), 2)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert rows(committed_cast) == 1
    shown = rules(clients[0].get(POLICY))
    assert (shown["contact_cap"], shown["national_holidays"]) == (3, True)


# --- what waited ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"paused": True}, {"paused": False}, "KILL_SWITCH_CLIENT"),
        (
            {"quiet_start": "11:00", "quiet_end": "14:00"},
            {"quiet_start": None, "quiet_end": None},
            "QUIET_HOURS",
        ),
        (
            {"quiet_start": "11:00", "quiet_end": "14:00"},
            {"quiet_start": "22:00", "quiet_end": "07:00"},
            "QUIET_HOURS",
        ),
        ({"quiet_start": "11:00", "quiet_end": "14:00"}, {"quiet_channels": ["email"]}, "QUIET_HOURS"),
        ({"holidays": ["today"]}, {"holidays": []}, "HOLIDAY"),
    ],
    ids=["pause", "no window", "another window", "another channel", "holiday"],
)
def test_a_change_releases_what_was_held_by_the_rule(
    committed_cast: Cast,
    api: Callable[..., APIClient],
    sandbox: Vendor,
    clock_stands: Clock,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
) -> None:
    alice = api(committed_cast.alice)
    if "holidays" in before:
        before = {"holidays": [clock_stands.at.date().isoformat()]}
    accepted(patch(alice, POLICY, before))
    integration = connect_vendor(committed_cast.acme, sandbox)
    held = make_outbound(make_conversation(committed_cast.acme), integration=integration)
    assert dispatch() == 0
    assert (reread(held).state, reread(held).reason_code) == ("queued", reason)
    assert reread(held).next_attempt_at > clock_stands.at + timedelta(minutes=30)
    assert dispatch() == 0 and sandbox.sends() == []

    accepted(patch(alice, POLICY, after))
    assert dispatch() == 1
    assert reread(held).state == "sent"
    assert len(sandbox.sends()) == 1


def test_a_change_of_one_client_s_releases_nothing_of_another_s(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor, clock_stands: Clock
) -> None:
    make_policy(committed_cast.globex, paused=True)
    theirs = make_outbound(
        make_conversation(committed_cast.globex), integration=connect_vendor(committed_cast.globex, sandbox)
    )
    assert dispatch() == 0
    held_until = reread(theirs).next_attempt_at
    accepted(patch(api(committed_cast.alice), POLICY, {"paused": False}))
    assert reread(theirs).next_attempt_at == held_until
    assert dispatch() == 0 and sandbox.sends() == []
