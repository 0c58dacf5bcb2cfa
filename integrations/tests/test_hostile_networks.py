"""Networks that lead us elsewhere: redirects, name servers that change their mind, proxies, environments.

Only the address that was judged is dialled, and only once; a message that was not let out to it is a
message that certainly did not leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from rest_framework.test import APIClient

from integrations.models import Integration, OutboundMessage
from integrations.tests.helpers import Clock, attempts_of, dispatch, http_answer, reread
from integrations.tests.hostile import Canary, canary_listening
from integrations.tests.vendors import (
    DATABASES,
    OVER_HTTP,
    SENDERS,
    VENDORS,
    configure_path,
    connect,
    kind_of,
    queue,
    typed,
    url_of,
)
from renum.security.tests.peers import answering, listening
from renum.security.tests.resolver import Dialled, Names
from tests.cast import Cast

QUERY = "/api/integrations/database/query"
NAME = "vendor.example"


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
    return Names(monkeypatch)


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Dialled:
    """libpq dials by itself: what it is told to dial is taken down, and dialled if it is this machine."""
    dialled = Dialled(monkeypatch)
    real = psycopg.AsyncConnection.connect

    async def told(*args: Any, hostaddr: str = "", **named: Any) -> Any:
        dialled.extend(hostaddr.split(","))
        if hostaddr != "127.0.0.1":
            raise psycopg.OperationalError("connection refused")
        return await real(*args, hostaddr=hostaddr, **named)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", told)
    return dialled


def ask(alice: APIClient) -> Any:
    return alice.post(QUERY, {"table": "vendas", "limit": 1}, format="json")


def use(vendor: str, integration: Integration, alice: APIClient) -> OutboundMessage | None:
    """Have us connect to the vendor: with a message that is not sent then, or for a read that fails."""
    if vendor in DATABASES:
        assert ask(alice).status_code == 502
        return None
    message = queue(integration, "Até amanhã.")
    assert dispatch() == 1
    assert reread(message).state != "sent"
    return message


# --- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("vendor", OVER_HTTP)
def test_a_redirect_is_not_followed_while_we_configure(
    vendor: str, status: int, alice: APIClient, canary: Canary
) -> None:
    elsewhere = http_answer("", f"{status} Moved", f"Location: http://127.0.0.1:{canary.port}/")
    with listening(answering(elsewhere)) as peer:
        body = {
            "provider": kind_of(vendor),
            **typed(vendor, url_of(vendor, "127.0.0.1", peer.port), peer.port),
        }
        response = alice.post(configure_path(vendor), body, format="json")
        assert (response.status_code, response.json()["error_code"]) == (502, "CONNECTION_FAILED")
        assert len(peer.heard) >= 1
    assert canary.visitors() == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("vendor", [vendor for vendor in SENDERS if vendor in OVER_HTTP])
def test_i3_a_redirected_message_is_unknown_and_goes_nowhere_else(
    vendor: str,
    status: int,
    committed_cast: Cast,
    clock_stands: Clock,
    canary: Canary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = http_answer("", f"{status} Moved", f"Location: http://127.0.0.1:{canary.port}/")
    with listening(answering(elsewhere)) as peer:
        integration = connect(committed_cast.acme, vendor, monkeypatch, host="127.0.0.1", port=peer.port)
        message = queue(integration, "Até amanhã.")
        assert dispatch() == 1
        assert (reread(message).state, reread(message).reason_code) == ("unknown", "PROTOCOL_ERROR")
        clock_stands.advance(3600)
        assert dispatch() == 0
        assert len(peer.heard) == 1
    assert canary.visitors() == 0


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_name_is_asked_for_once_and_its_second_answer_is_not_dialled(
    vendor: str,
    alice: APIClient,
    committed_cast: Cast,
    clock_stands: Clock,
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With two addresses of this machine, so that whatever dials by itself, as libpq does, is seen too."""
    names.lead(NAME, ("127.0.0.1",), ("127.0.0.2",))
    with canary_listening("127.0.0.1") as judged, canary_listening("127.0.0.2", judged.port) as other:
        integration = connect(committed_cast.acme, vendor, monkeypatch, host=NAME, port=judged.port, tls=True)
        use(vendor, integration, alice)
        assert (judged.visitors(), other.visitors()) == (1, 0)
        assert names.asked == [NAME]
        clock_stands.advance(2)
        if vendor in DATABASES:
            ask(alice)
        else:
            assert dispatch() == 1
        assert (judged.visitors(), other.visitors()) == (0, 1)  # a new connection may believe the new answer


# What a name or a stored host leads to: the answers, one after the other, and what is dialled at all.
INSIDE: dict[str, tuple[str, tuple[tuple[str, ...], ...], list[str]]] = {
    "moved-inside": (NAME, (("127.0.0.1",),), []),
    "moved-inside-ipv6": (NAME, (("::1",),), []),
    "rebinding": (NAME, (("8.8.8.8",), ("127.0.0.1",)), ["8.8.8.8"]),
    "mixed": (NAME, (("8.8.8.8", "127.0.0.1"),), []),
    "mixed-otherwise": (NAME, (("::1", "2606:4700:4700::1111"),), []),
    "stored-literal": ("127.0.0.1", (), []),
    "stored-old-literal": ("2130706433", (), []),
    "stored-localhost": ("localhost", (), []),
}


@pytest.mark.parametrize("case", INSIDE)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_stored_vendor_that_leads_inside_is_not_used(
    vendor: str,
    case: str,
    alice: APIClient,
    committed_cast: Cast,
    clock_stands: Clock,
    environment: Callable[..., None],
    canary: Canary,
    names: Names,
    dialled: Dialled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, answers, expected = INSIDE[case]
    if answers:
        names.lead(host, *answers)
    integration = connect(committed_cast.acme, vendor, monkeypatch, host=host, port=canary.port, tls=True)
    environment(allow_loopback=False)
    if vendor in DATABASES:
        for _ in range(2):
            response = ask(alice)
            assert (response.status_code, response.json()["error_code"]) == (502, "CONNECTION_FAILED")
    else:
        message = queue(integration, "Até amanhã.")
        for _ in range(4):
            dispatch()
            clock_stands.advance(60)
        row = reread(message)
        assert (row.state, row.body, row.sent_at) == ("failed", None, None)
        # Settings that could not be saved any more are not used at all.
        assert row.reason_code == ("CONNECTION_FAILED" if attempts_of(message) else "MISCONFIGURED")
        assert {one.outcome for one in attempts_of(message)} <= {"retry", "failed"}
    assert dialled == expected
    assert canary.visitors() == 0


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor != "sendgrid"])
def test_a_name_that_rebinds_is_not_configured(
    vendor: str,
    alice: APIClient,
    environment: Callable[..., None],
    canary: Canary,
    names: Names,
    dialled: Dialled,
) -> None:
    environment(allow_loopback=False)
    names.lead(NAME, ("8.8.8.8",), ("127.0.0.1",))
    address = url_of(vendor, NAME, canary.port, tls=True) if vendor in OVER_HTTP else NAME
    body = {"provider": kind_of(vendor), **typed(vendor, address, canary.port, tls=True)}
    for _ in range(2):
        response = alice.post(configure_path(vendor), body, format="json")
        assert (response.status_code, response.json()["error_code"]) == (502, "CONNECTION_FAILED")
    assert (dialled, canary.visitors()) == (["8.8.8.8"], 0)


# --- environments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_of_our_environment_says_whom_to_connect_to(
    vendor: str,
    tls: bool,
    alice: APIClient,
    committed_cast: Cast,
    clock_stands: Clock,
    canary: Canary,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    elsewhere = f"127.0.0.1:{canary.port}"
    service = tmp_path / "services.conf"
    service.write_text(f"[elsewhere]\nhost=127.0.0.1\nhostaddr=127.0.0.1\nport={canary.port}\n")
    with canary_listening("127.0.0.1") as peer, monkeypatch.context() as changed:
        integration = connect(
            committed_cast.acme, vendor, monkeypatch, host="127.0.0.1", port=peer.port, tls=tls
        )
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "SOCKS_PROXY"):
            changed.setenv(name, f"http://{elsewhere}")
            changed.setenv(name.lower(), f"http://{elsewhere}")
        changed.setenv("NO_PROXY", "")
        changed.setenv("no_proxy", "")
        changed.setenv("PGHOST", "127.0.0.1")
        changed.setenv("PGHOSTADDR", "127.0.0.1")
        changed.setenv("PGPORT", str(canary.port))
        changed.setenv("PGSERVICE", "elsewhere")
        changed.setenv("PGSERVICEFILE", str(service))
        use(vendor, integration, alice)
        # aiohttp asks again by itself for what is only read, when the peer hangs up without a word.
        assert peer.visitors() in ((1, 2) if vendor == "supabase" else (1,))
        assert canary.visitors() == 0
