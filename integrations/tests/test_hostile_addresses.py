"""Every door where somebody types an address, against every way to write one that leads inside.

A canary listens on all of this machine's addresses, at the port that the spellings name, and must hear
nobody: not a byte, not even a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from integrations import providers
from integrations.tests.hostile import HOSTS, NAMES, NO_HOSTS, SPELLED_NAMES, URLS, Canary, canary_listening
from integrations.tests.vendors import OVER_HTTP, address_field, configure_path, kind_of, typed, url_of
from renum.accounts.scope import service_scope
from renum.security.tests.resolver import Names
from tests.cast import Cast
from tests.factories import make_integration

URL_DOORS = ("uazapi-go", "evolution", "sendgrid", "supabase")
HOST_DOORS = ("smtp", "postgres")
DOORS = (*URL_DOORS, *HOST_DOORS, "media")
SEND = "/api/integrations/whatsapp/send"
ENVELOPE = {"success", "error", "error_code", "details", "timestamp"}
CASES = [
    *((door, family) for door in DOORS for family in HOSTS),
    *((door, "names") for door in (*URL_DOORS, *HOST_DOORS)),
    *((door, "urls") for door in (*URL_DOORS, "media")),
    *((door, "no-hosts") for door in HOST_DOORS),
]


@pytest.fixture(scope="module")
def _canary() -> Iterator[Canary]:
    with canary_listening() as canary:
        yield canary


@pytest.fixture
def canary(_canary: Canary) -> Canary:
    _canary.visitors()
    return _canary


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names(monkeypatch)
    for name, addresses in NAMES.items():
        names.lead(name, addresses)
    return names


def spellings(door: str, family: str, port: int) -> list[str]:
    """What to type at this door."""
    if family == "urls":
        return [url.replace("{port}", str(port)) for url in URLS]
    hosts = {**HOSTS, "names": SPELLED_NAMES, "no-hosts": NO_HOSTS}[family]
    if door in HOST_DOORS:
        return hosts
    return [f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}" for host in hosts]


def knock(alice: APIClient, door: str, text: str, port: int) -> Any:
    if door == "media":
        body: dict[str, Any] = {"phone": "+5511987654321", "media": {"media_type": "image", "url": text}}
        return alice.post(SEND, body, format="json", headers={"Idempotency-Key": "hostile"})
    body = {"provider": kind_of(door), **typed(door, text, port, tls=True)}
    return alice.post(configure_path(door), body, format="json")


def field_of(door: str) -> str:
    return "media" if door == "media" else address_field(door)


def stored() -> list[Any]:
    """Everything that a refused address must leave as it is, as the database has it."""
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT row_to_json(i)::text FROM integrations i"
            " UNION ALL SELECT row_to_json(m)::text FROM outbound_messages m"
        )
        return sorted(cursor.fetchall())


@pytest.mark.parametrize(("door", "family"), CASES, ids=[f"{door}-{family}" for door, family in CASES])
def test_an_address_that_leads_inside_is_refused_and_not_connected_to(
    door: str,
    family: str,
    alice: APIClient,
    committed_cast: Cast,
    environment: Callable[..., None],
    canary: Canary,
    names: Names,
) -> None:
    environment(allow_loopback=False)
    kind = "uazapi" if door == "media" else kind_of(door)
    make_integration(committed_cast.acme, type=providers.get(kind).integration_type, provider=kind)
    before = stored()
    wrong: dict[str, Any] = {}
    for text in spellings(door, family, canary.port):
        response = knock(alice, door, text, canary.port)
        body = response.json()
        answer = (response.status_code, body.get("error_code"))
        visitors = canary.visitors()
        if family == "names":
            as_expected = answer in [(502, "CONNECTION_FAILED"), (400, "VALIDATION_ERROR")]
        else:  # what can be told from the text is told before anything is tried
            as_expected = answer == (400, "VALIDATION_ERROR") and field_of(door) in body["details"]
        if not as_expected or set(body) != ENVELOPE or visitors:
            wrong[text] = (*answer, f"{visitors} connections")
    assert wrong == {}
    assert stored() == before


# --- the canary can hear --------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("door", [*URL_DOORS, *HOST_DOORS])
def test_with_loopback_allowed_the_canary_hears_of_it(
    door: str, host: str, alice: APIClient, canary: Canary
) -> None:
    text = url_of(door, host, canary.port) if door in OVER_HTTP else host
    response = knock(alice, door, text, canary.port)
    assert (response.status_code, response.json()["error_code"]) == (502, "CONNECTION_FAILED")
    assert canary.visitors() >= 1


@pytest.mark.parametrize("host", ["inside.example", "inside-as-ipv6.example", "inside-mapped.example"])
@pytest.mark.parametrize("door", ["uazapi-go", "evolution", "supabase", *HOST_DOORS])
def test_with_loopback_allowed_the_canary_hears_of_names_too(
    door: str, host: str, alice: APIClient, canary: Canary, names: Names
) -> None:
    text = f"https://{host}:{canary.port}" if door in OVER_HTTP else host
    assert knock(alice, door, text, canary.port).status_code == 502
    assert canary.visitors() >= 1


def test_a_file_at_an_address_of_the_internet_is_accepted_and_not_fetched(
    alice: APIClient, committed_cast: Cast, environment: Callable[..., None], canary: Canary, names: Names
) -> None:
    """Another person's network is where the provider fetches it from; ours must not be asked, nor ask."""
    environment(allow_loopback=False)
    make_integration(committed_cast.acme)
    response = knock(alice, "media", f"https://inside.example:{canary.port}/boleto.pdf?id=7", 0)
    assert response.status_code == 202, response.json()
    assert (canary.visitors(), names.asked) == (0, [])
