"""The tenant scope lives in its transaction: it nests, it is restored, and it leaks nowhere (rule I6)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from renum.accounts.models import Client
from renum.accounts.scope import bind_profile, profile_scope, service_scope
from renum.conversations.models import Suppression
from tests.cast import Cast
from tests.concurrency import run_together


def seen() -> set[str]:
    """The names of the companies that the current scope shows."""
    return set(Client.objects.values_list("name", flat=True))


def settings_of_the_connection() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('request.jwt.claims', true), ''), current_setting('role')"
        )
        found = cursor.fetchone()
    return found[0], found[1]


NOTHING = ("", "renum_app")


def test_i6_no_scope_sees_nothing(cast: Cast) -> None:
    assert seen() == set()


def test_i6_a_profiles_scope_sees_its_own(cast: Cast) -> None:
    with profile_scope(cast.alice.id):
        assert seen() == {"Acme"}
    with profile_scope(cast.bob.id):
        assert seen() == {"Globex"}


def test_i6_the_service_scope_sees_all(cast: Cast) -> None:
    with service_scope(reason="test"):
        assert seen() == {"Acme", "Globex"}


def test_i6_staff_see_all(cast: Cast) -> None:
    with profile_scope(cast.sofia.id):
        assert seen() == {"Acme", "Globex"}


def test_i6_an_inner_scope_that_succeeds_restores_the_outer_one(cast: Cast) -> None:
    with profile_scope(cast.alice.id):
        with service_scope(reason="test"):
            assert seen() == {"Acme", "Globex"}
            with profile_scope(cast.bob.id):
                assert seen() == {"Globex"}
            assert seen() == {"Acme", "Globex"}
        assert seen() == {"Acme"}
    assert seen() == set()


def test_i6_an_inner_profile_narrows_the_service_scope_and_does_not_add_to_it(cast: Cast) -> None:
    with service_scope(reason="test"), profile_scope(cast.bob.id):
        assert seen() == {"Globex"}


@pytest.mark.parametrize(
    "fails", [lambda: 1 / 0, lambda: _break_the_statement()], ids=["in Python", "in SQL"]
)
def test_i6_an_inner_scope_that_fails_restores_the_outer_one(cast: Cast, fails: Callable[[], Any]) -> None:
    with profile_scope(cast.alice.id):
        with pytest.raises((ZeroDivisionError, IntegrityError)), service_scope(reason="test"):
            fails()
        assert seen() == {"Acme"}
        with pytest.raises((ZeroDivisionError, IntegrityError)), profile_scope(cast.bob.id):
            fails()
        assert seen() == {"Acme"}
    assert seen() == set()


def _break_the_statement() -> None:
    client = Client.objects.first()
    for _ in range(2):
        Suppression.objects.create(client=client, channel="whatsapp", address_index="x", reason="x")


def test_i6_an_inner_scope_that_was_rolled_back_restores_the_outer_one(cast: Cast) -> None:
    with profile_scope(cast.alice.id):
        with service_scope(reason="test"):
            transaction.set_rollback(True)
        assert seen() == {"Acme"}


def test_i6_a_savepoint_inside_a_scope_keeps_it(cast: Cast) -> None:
    with profile_scope(cast.alice.id):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            _ = 1 / 0
        with transaction.atomic():
            assert seen() == {"Acme"}
        assert seen() == {"Acme"}


def test_i6_the_service_scope_wants_a_reason() -> None:
    with pytest.raises(AssertionError), service_scope(reason=""):
        pass


@pytest.mark.parametrize("profile_id", ["'; SELECT 1; --", '","sub":"x', "\x00"])
def test_i6_what_is_no_profile_id_opens_nothing(cast: Cast, profile_id: Any) -> None:
    from django.db import DatabaseError

    with pytest.raises((DatabaseError, ValueError)), profile_scope(profile_id):
        seen()


# --- With real commits -----------------------------------------------------------------------------


def test_i6_binding_outside_a_transaction_raises(committed: None) -> None:
    assert not connection.in_atomic_block
    with pytest.raises(transaction.TransactionManagementError):
        bind_profile(uuid.uuid4())


def test_i6_a_bound_profile_lasts_to_the_end_of_its_transaction(committed_cast: Cast) -> None:
    with transaction.atomic():
        bind_profile(committed_cast.alice.id)
        assert seen() == {"Acme"}
        bind_profile(committed_cast.bob.id)
        assert seen() == {"Globex"}
    assert settings_of_the_connection() == NOTHING
    assert seen() == set()


@pytest.mark.parametrize("scope", ["profile", "service"])
def test_i6_nothing_leaks_on_the_connection_after_a_commit(committed_cast: Cast, scope: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        before = cursor.fetchone()
    with _open(scope, committed_cast):
        assert seen()
    assert settings_of_the_connection() == NOTHING
    assert seen() == set()
    with transaction.atomic():
        assert seen() == set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == before


@pytest.mark.parametrize("scope", ["profile", "service"])
def test_i6_nothing_leaks_on_the_connection_after_a_rollback(committed_cast: Cast, scope: str) -> None:
    with pytest.raises(ZeroDivisionError), _open(scope, committed_cast):
        _ = 1 / 0
    assert settings_of_the_connection() == NOTHING
    assert seen() == set()


def _open(scope: str, cast: Cast) -> AbstractContextManager[None]:
    return service_scope(reason="test") if scope == "service" else profile_scope(cast.alice.id)


def test_i6_a_scope_inside_a_plain_transaction_leaves_nothing_to_it(committed_cast: Cast) -> None:
    with transaction.atomic():
        with service_scope(reason="test"):
            assert seen() == {"Acme", "Globex"}
        assert seen() == set()
    assert seen() == set()


def test_i6_a_request_leaves_nothing_on_the_connection(committed_cast: Cast, api: Any) -> None:
    for profile, expected in ((committed_cast.alice, 200), (committed_cast.sofia, 400)):
        assert api(profile).get("/api/conversations").status_code == expected
        assert settings_of_the_connection() == NOTHING
        assert seen() == set()


def test_i6_threads_at_once_see_their_own_scope_each(committed_cast: Cast) -> None:
    cast = committed_cast

    def look(number: int) -> list[set[str]]:
        profile = cast.alice if number % 2 else cast.bob
        found = []
        for _ in range(10):
            with profile_scope(profile.id):
                found.append(seen())
            found.append(seen())
        return found

    for number, found in enumerate(run_together(look, 8)):
        assert found == [{"Acme"} if number % 2 else {"Globex"}, set()] * 10
