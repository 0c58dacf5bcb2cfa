"""Every client has its agents: those that are made, and those that were there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import conninfo

from agent_tools.defaults import STANDARD
from agent_tools.models import Agent
from agent_tools.services import check_agent
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.stack.demo import create_demo
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, page_url


def agents_of(client: Client) -> dict[str, Agent]:
    with service_scope(reason="test look"):
        return {one.name: one for one in Agent.objects.filter(client=client)}


def test_a_client_that_is_made_in_the_console_has_its_agents(cast: Cast) -> None:
    with service_scope(reason="test rows"):
        dora = Profile.objects.create_user("dora@initech.test", "a-Long-enough-1")
    values = {"name": "Initech", "profile": dora.pk, "timezone": "America/Sao_Paulo", "status": "active"}
    sofia = console_of(cast.sofia)
    assert sofia.post(add_url(Client), values).status_code == 302
    with service_scope(reason="test look"):
        initech = Client.objects.get(name="Initech")
    assert set(agents_of(initech)) == STANDARD
    assert agents_of(cast.acme) == {}
    values |= {"name": "Acme S.A.", "profile": cast.alice.pk}
    assert sofia.post(page_url(cast.acme), values).status_code == 302
    assert agents_of(cast.acme) == {}  # it is not new


@pytest.mark.django_db
def test_the_demo_clients_have_their_agents() -> None:
    assert create_demo()
    with service_scope(reason="test look"):
        clients = list(Client.objects.all())
    assert len(clients) == 2
    assert all(set(agents_of(client)) == STANDARD for client in clients)


@contextmanager
def as_owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The connection logs in as the owner, as migrations do: forced row-level security stops it too."""
    settings = connection.settings_dict
    owner = conninfo.conninfo_to_dict(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"])
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "options"}
    connection.close()
    with monkeypatch.context() as changed:
        changed.setitem(settings, "USER", owner["user"])
        changed.setitem(settings, "PASSWORD", owner.get("password", ""))
        changed.setitem(settings, "OPTIONS", options)
        yield
        connection.close()


def test_the_migration_gives_clients_what_they_lack_and_leaves_what_they_have(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.make_agent(committed_cast.globex, "isa", title="Isa nossa", enabled=False)
    factories.make_agent(committed_cast.globex, "vendas", answers_whatsapp=True)
    name = "0005_agents_of_all_clients"
    migration = import_module(f"agent_tools.migrations.{name}").Migration(name, "agent_tools")
    with as_owner(monkeypatch):
        for _ in range(2):  # what is there is left
            with connection.schema_editor() as editor:
                migration.apply(MigrationLoader(connection).project_state(), editor)
        assert not Agent.objects.exists()
        assert not Client.objects.exists()  # the walls stand again
    acme, globex = agents_of(committed_cast.acme), agents_of(committed_cast.globex)
    assert set(acme) == STANDARD
    assert set(globex) == {*STANDARD, "vendas"}
    for agent in acme.values():
        check_agent(agent)
        assert agent.enabled
    assert [name for name, one in acme.items() if one.answers_whatsapp] == ["discovery"]
    assert [name for name, one in globex.items() if one.answers_whatsapp] == ["vendas"]
    assert (globex["isa"].title, globex["isa"].enabled) == ("Isa nossa", False)
