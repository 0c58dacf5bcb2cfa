"""The tenant walls in the database itself (rule I6), under the role that serves requests."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection, models, transaction

from renum.accounts.models import Client, Profile, RefreshSession
from renum.accounts.rls import tenant_table
from renum.accounts.scope import profile_scope, service_scope
from tests.cast import Cast
from tests.tenants import TENANT_TABLES, fill_tenant, model_of

TABLES = sorted(TENANT_TABLES)
READ_ONLY = sorted(table for table, client_writes in TENANT_TABLES.items() if not client_writes)
WRITABLE = sorted(set(TABLES) - set(READ_ONLY))

Rows = dict[str, models.Model]
Case = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def rows_of_acme(cast: Cast) -> Rows:
    fill_tenant(cast.globex)
    rows = fill_tenant(cast.acme)
    assert set(rows) == set(TENANT_TABLES)
    return rows


@pytest.fixture
def case(subtests: pytest.Subtests) -> Case:
    """What is shown of one table, and taken back again: many of them share their rows."""

    @contextmanager
    def of_table(table: str) -> Iterator[None]:
        with subtests.test(table=table), transaction.atomic():
            yield
            transaction.set_rollback(True)

    return of_table


def _execute(sql: str, *params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def _clients_in(table: str) -> set[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT client_id FROM {table}")
        return {client_id for (client_id,) in cursor.fetchall()}


def _json(row: models.Model) -> dict[str, Any]:
    """The row as Postgres shows it, read under the service scope."""
    table = row._meta.db_table
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t WHERE id = %s", [row.pk])
        return dict(json.loads(cursor.fetchone()[0]))


def _insert_copy(row: models.Model, **changes: Any) -> int:
    """Insert a row like this one under a new id, as somebody with raw SQL would."""
    table = row._meta.db_table
    copy = json.dumps({**_json(row), "id": str(uuid.uuid4()), **changes})
    return _execute(
        f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s::jsonb)", copy
    )


# --- The catalogue ---------------------------------------------------------------------------------

_CATALOGUE = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
       coalesce(json_agg(json_build_object(
           'title', p.policyname, 'command', p.cmd, 'roles', p.roles::text[], 'permissive', p.permissive,
           'using', p.qual, 'check', p.with_check)) FILTER (WHERE p.policyname IS NOT NULL), '[]')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id' AND NOT a.attisdropped
LEFT JOIN pg_policies p ON p.schemaname = 'public' AND p.tablename = c.relname
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY c.oid
"""


def holes_in_the_wall() -> dict[str, list[str]]:
    """What is missing, for each table with a `client_id`."""
    with connection.cursor() as cursor:
        cursor.execute(_CATALOGUE)
        found = cursor.fetchall()
    return {table: _holes(*facts) for table, *facts in found}


def _holes(enabled: bool, forced: bool, policies: Any) -> list[str]:
    policies = json.loads(policies) if isinstance(policies, str) else policies
    holes = [] if enabled else ["row-level security is off"]
    holes += [] if forced else ["not forced"]
    kinds: dict[str, dict[str, Any]] = {}
    for policy in policies:
        kinds[policy["title"].split(" ")[0]] = policy
        if policy["permissive"] != "PERMISSIVE" or policy["check"] not in (None, policy["using"]):
            holes.append(f"{policy['title']}: another kind of policy")
        if policy["using"] in (None, "true") and policy["roles"] != ["renum_service"]:
            holes.append(f"{policy['title']}: lets everything through")
    if sorted(kinds) != ["Admins", "Clients", "Service"] or len(policies) != 3:
        return [*holes, f"policies: {sorted(policy['title'] for policy in policies)}"]
    expected = {
        "Admins": ("authenticated", {"ALL"}, ("auth.uid()", "'admin'", "profiles")),
        "Clients": ("authenticated", {"ALL", "SELECT"}, ("auth.uid()", "client_id", "clients")),
        "Service": ("renum_service", {"ALL"}, ("true",)),
    }
    for kind, (role, commands, parts) in expected.items():
        policy = kinds[kind]
        if policy["roles"] != [role] or policy["command"] not in commands:
            holes.append(f"{kind}: {policy['roles']} {policy['command']}")
        holes += [f"{kind}: no {part}" for part in parts if part not in policy["using"]]
        if "auth.uid()" in policy["using"] and "SELECT auth.uid()" not in policy["using"]:
            holes.append(f"{kind}: auth.uid() is called for every row")
    return holes


@pytest.mark.django_db
def test_i6_every_table_with_a_client_has_its_wall() -> None:
    found = holes_in_the_wall()
    assert {table: holes for table, holes in found.items() if holes} == {}
    assert set(found) == set(TENANT_TABLES)


@pytest.mark.django_db
def test_i6_every_model_with_a_client_is_in_the_catalogue() -> None:
    of_a_client = {
        model._meta.db_table
        for model in apps.get_models()
        if any(field.column == "client_id" for field in model._meta.concrete_fields)
    }
    assert of_a_client == set(TENANT_TABLES)


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["profiles", "clients", "refresh_sessions"])
def test_i6_the_tables_that_say_who_is_who_are_walled_too(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table]
        )
        assert cursor.fetchone() == (True, True)


@pytest.mark.django_db
@pytest.mark.parametrize("table", READ_ONLY)
def test_i6_the_ledgers_of_the_machine_are_read_only_for_clients(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cmd FROM pg_policies WHERE tablename = %s AND policyname LIKE 'Clients can view%%'",
            [table],
        )
        assert cursor.fetchall() == [("SELECT",)]


@pytest.mark.django_db
def test_i6_the_runtime_role_is_stopped_by_the_walls() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("renum_app", False, False, False, False, False)
        cursor.execute("SELECT pg_has_role('renum_service', 'USAGE'), pg_has_role('renum_service', 'SET')")
        assert cursor.fetchone() == (False, True)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        for (owner,) in cursor.fetchall():
            cursor.execute("SELECT pg_has_role(current_user, %s, 'MEMBER')", [owner])
            assert cursor.fetchone() == (False,)


@pytest.mark.django_db
def test_i6_the_runtime_role_may_not_truncate_nor_create() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND (has_table_privilege(current_user, oid, 'TRUNCATE')"
            " OR has_table_privilege(current_user, oid, 'TRIGGER'))"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT has_schema_privilege(current_user, 'public', 'CREATE')")
        assert cursor.fetchone() == (False,)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        _execute("TRUNCATE suppressions")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY",
        'DROP POLICY "Service scope has full access to contacts" ON contacts',
        "ALTER ROLE renum_app BYPASSRLS",
        "CREATE POLICY mine ON contacts USING (true)",
        "SET ROLE renum_owner",
        "GRANT renum_service TO renum_app WITH INHERIT TRUE",
        "CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    ],
)
def test_i6_the_runtime_role_cannot_take_the_walls_down(statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        _execute(statement)


@pytest.mark.django_db
def test_i6_switching_row_level_security_off_raises_instead_of_showing_rows(cast: Cast) -> None:
    _execute("SET LOCAL row_security = off")
    with pytest.raises(ProgrammingError), transaction.atomic():
        _execute("SELECT * FROM contacts")


# --- Negative controls: the tests above go red when a wall is missing ------------------------------


@pytest.fixture
def throwaway() -> Iterator[psycopg.Connection[Any]]:
    """A table of the owner's with a `client_id`, and the owner's connection."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("DROP TABLE IF EXISTS throwaway")
        owner.execute("CREATE TABLE throwaway (client_id uuid NOT NULL)")
        try:
            yield owner
        finally:
            owner.execute("DROP TABLE throwaway")


def _wall_off(owner: psycopg.Connection[Any]) -> None:
    owner.execute(tenant_table("throwaway", "throwaways").sql)


def test_i6_control_a_table_without_a_wall_is_noticed(throwaway: Any, committed: None) -> None:
    assert holes_in_the_wall()["throwaway"][:2] == ["row-level security is off", "not forced"]
    _wall_off(throwaway)
    assert holes_in_the_wall()["throwaway"] == []


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE throwaway DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE throwaway NO FORCE ROW LEVEL SECURITY",
        'DROP POLICY "Clients can manage own throwaways" ON throwaway',
        'DROP POLICY "Admins have full access to throwaways" ON throwaway',
        'DROP POLICY "Service scope has full access to throwaways" ON throwaway',
        'ALTER POLICY "Clients can manage own throwaways" ON throwaway USING (true)',
        'ALTER POLICY "Clients can manage own throwaways" ON throwaway WITH CHECK (true)',
        'ALTER POLICY "Clients can manage own throwaways" ON throwaway TO public',
        'ALTER POLICY "Service scope has full access to throwaways" ON throwaway'
        " USING (client_id IS NOT NULL)",
        'ALTER POLICY "Service scope has full access to throwaways" ON throwaway TO renum_app',
        "CREATE POLICY another ON throwaway USING (client_id IS NOT NULL)",
        'ALTER POLICY "Admins have full access to throwaways" ON throwaway USING (EXISTS ('
        "SELECT 1 FROM profiles WHERE profiles.id = auth.uid() AND profiles.role = 'admin'))",
    ],
)
def test_i6_control_a_damaged_wall_is_noticed(throwaway: Any, committed: None, damage: str) -> None:
    _wall_off(throwaway)
    throwaway.execute(damage)
    assert holes_in_the_wall()["throwaway"] != []


def test_i6_control_the_wall_can_be_taken_down_and_put_up_by_its_migration(
    throwaway: Any, committed: None
) -> None:
    _wall_off(throwaway)
    throwaway.execute(tenant_table("throwaway", "throwaways").reverse_sql)
    assert "policies: []" in holes_in_the_wall()["throwaway"]
    _wall_off(throwaway)
    assert holes_in_the_wall()["throwaway"] == []


def test_i6_control_visibility_hangs_on_the_policies(throwaway: Any, committed_cast: Cast) -> None:
    cast = committed_cast
    _wall_off(throwaway)
    with service_scope(reason="test"):
        for client in (cast.acme, cast.globex):
            _execute("INSERT INTO throwaway VALUES (%s)", client.id)

    def seen(profile: Profile) -> set[uuid.UUID]:
        with profile_scope(profile.id):
            return _clients_in("throwaway")

    assert (seen(cast.alice), seen(cast.bob)) == ({cast.acme.id}, {cast.globex.id})
    throwaway.execute('DROP POLICY "Clients can manage own throwaways" ON throwaway')
    assert (seen(cast.alice), seen(cast.bob)) == (set(), set())
    throwaway.execute("ALTER TABLE throwaway DISABLE ROW LEVEL SECURITY")
    assert seen(cast.bob) == {cast.acme.id, cast.globex.id}


# --- Reading ---------------------------------------------------------------------------------------


def test_i6_without_a_scope_there_are_no_rows(rows_of_acme: Rows, case: Case) -> None:
    for table in TABLES:
        with case(table):
            assert model_of(table).objects.count() == 0
            assert _clients_in(table) == set()


def test_i6_each_client_sees_their_own_rows_only(cast: Cast, rows_of_acme: Rows, case: Case) -> None:
    for table in TABLES:
        with case(table):
            for profile, client in ((cast.alice, cast.acme), (cast.bob, cast.globex)):
                with profile_scope(profile.id):
                    assert _clients_in(table) == {client.id}
                    assert {row.client_id for row in model_of(table).objects.all()} == {client.id}


def test_i6_staff_and_the_service_scope_see_every_clients_rows(
    cast: Cast, rows_of_acme: Rows, case: Case
) -> None:
    for table in TABLES:
        with case(table):
            with profile_scope(cast.sofia.id):
                assert _clients_in(table) == {cast.acme.id, cast.globex.id}
            with service_scope(reason="test"):
                assert _clients_in(table) == {cast.acme.id, cast.globex.id}


def test_i6_a_profile_that_does_not_exist_sees_nothing(rows_of_acme: Rows, case: Case) -> None:
    for table in TABLES:
        with case(table), profile_scope(uuid.uuid4()):
            assert _clients_in(table) == set()


def test_i6_everybody_sees_themselves_and_their_company_only(cast: Cast) -> None:
    with profile_scope(cast.bob.id):
        assert list(Profile.objects.all()) == [cast.bob]
        assert list(Client.objects.all()) == [cast.globex]
        assert not RefreshSession.objects.exists()
    with profile_scope(cast.sofia.id):
        assert list(Profile.objects.all()) == [cast.sofia]
        assert set(Client.objects.all()) == {cast.acme, cast.globex}


def test_i6_without_a_scope_nobody_is_there(cast: Cast) -> None:
    assert not Profile.objects.exists()
    assert not Client.objects.exists()
    assert not RefreshSession.objects.exists()


def test_i6_a_client_whose_role_is_written_in_the_claims_is_not_staff(cast: Cast, rows_of_acme: Rows) -> None:
    claims = json.dumps({"sub": str(cast.bob.id), "role": "admin", "app_metadata": {"role": "admin"}})
    with transaction.atomic():
        _execute("SELECT set_config('request.jwt.claims', %s, true)", claims)
        assert _clients_in("contacts") == {cast.globex.id}


# --- Writing ---------------------------------------------------------------------------------------


def test_i6_nobody_inserts_a_row_of_another_client(cast: Cast, rows_of_acme: Rows, case: Case) -> None:
    for table in TABLES:
        with case(table):
            row = rows_of_acme[table]
            with pytest.raises(ProgrammingError, match="row-level security"), profile_scope(cast.bob.id):
                _insert_copy(row)


def test_i6_without_a_scope_nothing_is_inserted(rows_of_acme: Rows, case: Case) -> None:
    for table in TABLES:
        with case(table), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            _insert_copy(rows_of_acme[table])


def test_i6_nobody_changes_or_deletes_a_row_of_another_client(
    cast: Cast, rows_of_acme: Rows, case: Case
) -> None:
    for table in TABLES:
        with case(table):
            row = rows_of_acme[table]
            before = _json(row)
            with profile_scope(cast.bob.id):
                assert _execute(f"UPDATE {table} SET id = id WHERE id = %s", row.pk) == 0
                assert (
                    _execute(f"UPDATE {table} SET client_id = %s WHERE id = %s", cast.globex.id, row.pk) == 0
                )
                assert _execute(f"DELETE FROM {table} WHERE id = %s", row.pk) == 0
                assert model_of(table).objects.filter(client=cast.acme).update(client=cast.globex) == 0
            assert _json(row) == before


def test_i6_nobody_gives_a_row_to_another_client(cast: Cast, rows_of_acme: Rows, case: Case) -> None:
    for table in WRITABLE:
        with (
            case(table),
            pytest.raises(ProgrammingError, match="row-level security"),
            profile_scope(cast.alice.id),
        ):
            _execute(f"UPDATE {table} SET client_id = %s", cast.globex.id)


def test_i6_control_clients_write_their_own_rows(cast: Cast, rows_of_acme: Rows, case: Case) -> None:
    for table in WRITABLE:
        with case(table):
            with service_scope(reason="test"):
                own = model_of(table).objects.filter(client=cast.acme).count()
            with profile_scope(cast.alice.id):
                assert _execute(f"UPDATE {table} SET id = id") == own > 0


def test_i6_clients_do_not_write_the_ledgers_of_the_machine(
    cast: Cast, rows_of_acme: Rows, case: Case
) -> None:
    for table in READ_ONLY:
        with case(table):
            row = rows_of_acme[table]
            before = _json(row)
            with pytest.raises(ProgrammingError, match="row-level security"), profile_scope(cast.alice.id):
                _insert_copy(row)
            with profile_scope(cast.alice.id):
                assert _clients_in(table) == {cast.acme.id}
                assert _execute(f"UPDATE {table} SET id = id") == 0
                assert _execute(f"DELETE FROM {table}") == 0
            assert _json(row) == before


def test_i6_nobody_makes_themselves_staff_or_reopens_their_company(cast: Cast) -> None:
    with profile_scope(cast.bob.id):
        assert Profile.objects.filter(id=cast.bob.id).update(role="admin") == 0
        assert Client.objects.filter(id=cast.globex.id).update(status="active") == 0
        assert Client.objects.filter(id=cast.acme.id).update(profile=cast.bob) == 0
    with pytest.raises(ProgrammingError, match="row-level security"), profile_scope(cast.bob.id):
        Profile.objects.create(email="second@globex.test", role="admin")
    with pytest.raises(ProgrammingError, match="row-level security"), profile_scope(cast.bob.id):
        Client.objects.create(profile=cast.bob, name="Second")


def test_i6_staff_write_every_clients_rows(cast: Cast, rows_of_acme: Rows, case: Case) -> None:
    for table in WRITABLE:
        with case(table):
            with service_scope(reason="test"):
                everything = model_of(table).objects.count()
            with profile_scope(cast.sofia.id):
                assert _execute(f"UPDATE {table} SET id = id") == everything >= 2
