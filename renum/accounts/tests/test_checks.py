"""A runtime role that row-level security would not stop is refused."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import connection
from psycopg import conninfo

from renum.accounts.checks import refuse_powerful_role


@pytest.mark.django_db
def test_i6_the_runtime_role_passes_the_check() -> None:
    assert refuse_powerful_role(databases=["default"]) == []


@pytest.fixture
def as_owner(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime's connection logs in as the owner, and does not step down."""
    owner = conninfo.conninfo_to_dict(os.environ["DATABASE_OWNER_URL"])
    options = {
        name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "options"
    }
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "USER", owner["user"])
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", owner.get("password", ""))
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)


@pytest.mark.usefixtures("as_owner")
def test_i6_the_owner_as_the_runtime_role_is_refused() -> None:
    try:
        found = refuse_powerful_role(databases=["default"])
    finally:
        connection.close()
    assert [problem.id for problem in found] == ["renum.E003"]
    assert found[0].is_serious()


@pytest.mark.usefixtures("as_owner")
def test_the_owner_may_migrate(settings: Any) -> None:
    settings.DATABASE_ROLE = "owner"
    assert refuse_powerful_role(databases=["default"]) == []


@pytest.mark.parametrize("databases", [None, [], ["another"]])
def test_the_check_touches_no_database_that_it_was_not_asked_about(databases: Any) -> None:
    assert refuse_powerful_role(databases=databases) == []
