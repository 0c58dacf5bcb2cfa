"""The unsubscribe link of automated mails: it asks people, obeys mail programs, and names nobody."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.test import Client as Browser
from rest_framework.test import APIClient

from integrations.delivery.unsubscribe import unsubscribe_url
from integrations.models import OutboundMessage
from integrations.services import send_mail
from integrations.tests.contracts import accepted, events, make_connection, post
from integrations.tests.helpers import Vendor, all_outbound, dispatch, reread
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.emails import email_index
from renum.conversations.models import Suppression
from renum.events.cause import Cause
from tests.cast import Cast
from tests.concurrency import run_together

ANA = "ana@cliente.example"
ONE_CLICK = "List-Unsubscribe=One-Click"


def connect_mail(client: Client, sandbox: Vendor) -> None:
    make_connection(
        client,
        "smtp",
        {
            "host": "localhost",
            "port": sandbox.smtp_port,
            "security": "plain",
            "from_email": "contato@acme.example",
        },
    )


def queue_mail(client: Client, *to: str, automated: bool = True) -> OutboundMessage:
    with service_scope(reason="test rows"):
        return send_mail(
            client.id,
            to,
            "Novidades",
            "Olá",
            idempotency_key=f"test:{uuid.uuid4()}",
            cause=Cause(),
            automated=automated,
        )


def path_for(client: Client, address: str = ANA) -> str:
    return urlsplit(unsubscribe_url(client.id, email_index(client.id, address))).path


def barred(client: Client) -> list[tuple[str, str, str]]:
    with service_scope(reason="test"):
        rows = Suppression.objects.filter(client=client)
        return [(row.channel, row.address_index, row.reason) for row in rows]


def one_click(path: str, browser: Browser | None = None) -> Any:
    """The POST of a mail program (RFC 8058): no cookie, no referrer, no login."""
    browser = browser or Browser(enforce_csrf_checks=True)
    return browser.post(path, ONE_CLICK, content_type="application/x-www-form-urlencoded")


def test_looking_at_the_page_asks_and_changes_nothing(committed_cast: Cast) -> None:
    path = path_for(committed_cast.acme)
    for response in (Browser().get(path), Browser().head(path), Browser().get(path)):
        assert response.status_code == 200
    page = Browser().get(path).content.decode()
    assert "Acme" in page and '<form method="post">' in page
    assert ANA not in page and email_index(committed_cast.acme.id, ANA) not in page
    assert barred(committed_cast.acme) == []
    assert events(committed_cast.acme, "contact_suppressed") == []


def test_one_click_bars_the_address_for_that_client_and_no_other(committed_cast: Cast) -> None:
    response = one_click(path_for(committed_cast.acme))
    assert response.status_code == 200
    assert "não receberá mais" in response.content.decode()
    index = email_index(committed_cast.acme.id, ANA)
    assert barred(committed_cast.acme) == [("email", index, "unsubscribe")]
    assert barred(committed_cast.globex) == []
    (event,) = events(committed_cast.acme, "contact_suppressed")
    assert event.data == {"channel": "email", "reason": "unsubscribe"}
    assert event.cause and event.cause[0].startswith("unsubscribe:")
    assert ANA not in str(event.cause) and index not in str(event.cause)


def test_the_page_s_own_button_does_the_same(committed_cast: Cast) -> None:
    response = Browser(enforce_csrf_checks=True).post(path_for(committed_cast.acme))
    assert response.status_code == 200
    assert len(barred(committed_cast.acme)) == 1


def test_a_second_click_is_answered_alike_and_changes_nothing(committed_cast: Cast) -> None:
    path = path_for(committed_cast.acme)
    assert [one_click(path).status_code for _ in range(3)] == [200, 200, 200]
    assert len(barred(committed_cast.acme)) == len(events(committed_cast.acme, "contact_suppressed")) == 1


def test_many_clicks_at_once_are_one(committed_cast: Cast) -> None:
    path = path_for(committed_cast.acme)
    answers = run_together(lambda _: one_click(path), 12)
    assert {answer.status_code for answer in answers} == {200}
    assert len(barred(committed_cast.acme)) == len(events(committed_cast.acme, "contact_suppressed")) == 1


def altered(token: str) -> list[str]:
    payload, stamp, signature = token.split(":")
    swapped = signature[:-1] + ("A" if signature[-1] != "A" else "B")
    return [
        f"{payload}:{stamp}:{swapped}",
        f"{payload[:-1]}:{stamp}:{signature}",
        f"{payload}x:{stamp}:{signature}",
        f"{payload}:{stamp}x:{signature}",
        f"{payload}:{signature}",
        payload,
        token[::-1],
        f"{token}:{token}",
        token.upper(),
        "x",
        ":::",
        "é",
        "%00",
        "a" * 5000,
    ]


def test_a_link_that_we_did_not_make_is_404_and_bars_nobody(committed_cast: Cast) -> None:
    client = committed_cast.acme
    token = path_for(client).rpartition("/")[2]
    index = email_index(client.id, ANA)
    forged = [
        *altered(token),
        signing.dumps([client.id.hex, index], compress=True),  # of another purpose
        signing.dumps([client.id.hex, index], salt="renum.unsubscribe", key="guessed", compress=True),
    ]
    for one in forged:
        for response in (Browser().get(f"/unsubscribe/{one}"), one_click(f"/unsubscribe/{one}")):
            assert response.status_code == 404, one
            assert "Acme" not in response.content.decode()
    assert barred(client) == barred(committed_cast.globex) == []
    assert one_click(f"/unsubscribe/{token}").status_code == 200  # the true one


def test_the_link_of_a_client_that_is_gone_is_404(committed_cast: Cast) -> None:
    index = email_index(committed_cast.acme.id, ANA)
    path = urlsplit(unsubscribe_url(uuid.uuid4(), index)).path
    assert Browser().get(path).status_code == one_click(path).status_code == 404


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_else_can_be_done_there(committed_cast: Cast, method: str) -> None:
    assert getattr(Browser(), method)(path_for(committed_cast.acme)).status_code == 405
    assert barred(committed_cast.acme) == []


# --- from a real mail -----------------------------------------------------------------------------


def test_an_automated_mail_carries_a_link_that_works_and_the_next_one_is_refused(
    committed_cast: Cast, sandbox: Vendor, api: Callable[..., APIClient]
) -> None:
    client = committed_cast.acme
    connect_mail(client, sandbox)
    connect_mail(committed_cast.globex, sandbox)
    queue_mail(client, ANA)
    assert dispatch() == 1
    (entry,) = sandbox.journal(provider="smtp")
    mail = entry["body"]
    assert mail["list_unsubscribe_post"] == ONE_CLICK
    assert mail["auto_submitted"] == "auto-generated"
    link = mail["list_unsubscribe"].strip()
    assert (link[0], link[-1]) == ("<", ">")
    path = urlsplit(link.strip("<>")).path
    assert path.startswith("/unsubscribe/")
    assert one_click(path).status_code == 200

    # Whoever asks for it, and however the address is spelled.
    refused_ones = [queue_mail(client, ANA), queue_mail(client, "Ana@Cliente.Example", automated=False)]
    asked = post(
        api(committed_cast.alice),
        "/api/integrations/email/send",
        {"to": [ANA], "subject": "Oi", "body": "Olá"},
    )
    refused_ones.append(
        next(row for row in all_outbound(client) if str(row.id) == accepted(asked, 202)["message_id"])
    )
    assert dispatch() == 0
    for message in refused_ones:
        after = reread(message)
        assert (after.state, after.reason_code) == ("failed", "OPTED_OUT")
    assert len(sandbox.journal(provider="smtp")) == 1

    queue_mail(committed_cast.globex, ANA)
    queue_mail(client, "bia@cliente.example")
    assert dispatch() == 2
    assert {tuple(one["body"]["to"]) for one in sandbox.journal(provider="smtp")[1:]} == {
        (ANA,),
        ("bia@cliente.example",),
    }


def test_a_mail_to_others_too_leaves_out_who_wants_no_more(committed_cast: Cast, sandbox: Vendor) -> None:
    client = committed_cast.acme
    connect_mail(client, sandbox)
    one_click(path_for(client))
    message = queue_mail(client, ANA, "bia@cliente.example")
    assert dispatch() == 1
    (entry,) = sandbox.journal(provider="smtp")
    assert entry["body"]["to"] == ["bia@cliente.example"]
    assert entry["body"]["list_unsubscribe"] == ""  # one click stands for one person
    assert reread(message).state == "sent"


def test_a_mail_that_somebody_asked_for_has_no_such_link(committed_cast: Cast, sandbox: Vendor) -> None:
    connect_mail(committed_cast.acme, sandbox)
    queue_mail(committed_cast.acme, ANA, automated=False)
    assert dispatch() == 1
    (entry,) = sandbox.journal(provider="smtp")
    assert entry["body"]["list_unsubscribe"] == entry["body"]["list_unsubscribe_post"] == ""
