"""SendGrid: its settings, its connection test, and the mail that it is sent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from integrations import errors, providers
from integrations.providers.sendgrid.client import HOSTS, mail_body
from integrations.providers.sendgrid.config import SendGridSettings
from integrations.sandbox.sendgrid import KEY, READING_KEY
from integrations.tests.helpers import Vendor, http_answer
from integrations.tests.sendgrid_helpers import (
    MAIL,
    changed,
    check,
    emptied_account,
    send,
    sent,
    settings_for,
)
from renum.security.tests.peers import closing, listening


@pytest.fixture
def url(sandbox: Vendor) -> str:
    return emptied_account(sandbox)


# --- settings -------------------------------------------------------------------------------------


def public_key(key: Any) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


P256 = public_key(ec.generate_private_key(ec.SECP256R1()))


def test_the_settings_of_the_contract_are_enough() -> None:
    config = SendGridSettings.model_validate({"api_key": " SG.key ", "from_email": "Contato@Clinica.Example"})
    assert config.api_key.get_secret_value() == "SG.key"
    assert config.from_email == "Contato@clinica.example"
    assert (config.region, config.sandbox_mode, config.api_host) == ("global", False, None)
    assert "SG.key" not in repr(config)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_key", ""),
        ("api_key", "SG.key\r\nX-Evil: 1"),
        ("api_key", "SG.chave-é"),
        ("from_email", "not an address"),
        ("from_email", "a@b.example\r\nBcc: c@d.example"),
        ("from_email", "a@b.example, c@d.example"),
        ("from_name", "Clínica\r\nBcc: c@d.example"),
        ("from_name", "x" * 101),
        ("region", "mars"),
        ("webhook_public_key", "AAAA"),
        ("webhook_public_key", "não"),
        ("webhook_public_key", P256[:-4]),
        ("webhook_public_key", public_key(ec.generate_private_key(ec.SECP384R1()))),
        ("webhook_public_key", public_key(rsa.generate_private_key(65537, 2048))),
        ("api_host", "https://api.sendgrid.com"),
        ("api_host", "https://evil.example"),
        ("api_host", "http://evil.example"),
        ("api_host", "https://127.0.0.1:8010"),
        ("api_host", "http://127.0.0.1.evil.example"),
        ("api_host", "http://127.0.0.1@evil.example"),
        ("api_host", "http://user:pass@127.0.0.1"),
        ("api_host", "http://127.0.0.1/?x=https://evil.example"),
        ("api_host", "http://10.0.0.1"),
        ("api_host", "http://167772161"),
        ("api_host", "http://0xa.1"),
        ("api_host", "file:///etc/passwd"),
        ("api_host", ""),
        ("another", "field"),
    ],
)
def test_refuses_settings_that_cannot_be(field: str, value: str) -> None:
    values = {"api_key": KEY, "from_email": "contato@clinica.example", field: value}
    with pytest.raises(ValidationError):
        SendGridSettings.model_validate(values)


@pytest.mark.parametrize("host", ["http://127.0.0.1:8010/sendgrid/", "http://localhost:1", "http://[::1]:1"])
def test_a_host_of_its_own_is_for_the_stand_in_in_development(
    environment: Callable[..., None], host: str
) -> None:
    assert settings_for(host).api_host == host.rstrip("/")
    environment(allow_loopback=False)
    with pytest.raises(ValidationError):
        settings_for(host)


def test_keeps_the_key_that_signs_events() -> None:
    assert settings_for("http://127.0.0.1:1", webhook_public_key=P256).webhook_public_key == P256


@pytest.mark.parametrize("region", HOSTS)
def test_the_region_decides_the_host_and_the_key_travels_as_bearer(region: str) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, headers={"X-Message-Id": "id-1"})

    async def talk() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            config = settings_for("http://127.0.0.1:1", region=region).model_copy(update={"api_host": None})
            await providers.get("sendgrid").open(config, http).send_mail(MAIL)

    asyncio.run(talk())
    (request,) = seen
    assert str(request.url) == f"{HOSTS[region]}/v3/mail/send"
    assert request.headers["Authorization"] == f"Bearer {KEY}"


# --- the connection test --------------------------------------------------------------------------


def test_checks_that_the_key_may_send(sandbox: Vendor, url: str) -> None:
    assert check(url) == providers.Health(connected=True)
    health = check(url, api_key=READING_KEY)
    assert health.connected is False
    assert health.detail == "A chave não tem permissão para enviar e-mails (mail.send)."
    with pytest.raises(errors.AuthFailed) as raised:
        check(url, api_key="SG.wrong")
    assert raised.value.message == "O SendGrid recusou a chave de API. Confira a chave."


@pytest.mark.parametrize(
    "body",
    ["<html>OK</html>", "", [], "null", {"scopes": "mail.send"}, {"scopes": None}, {}, b"\xff", "[" * 9999],
)
def test_scopes_outside_the_contract_are_a_protocol_error(body: Any) -> None:
    with listening(closing(http_answer(body))) as peer, pytest.raises(errors.ProtocolError):
        check(peer.url(""))


# --- what is sent ---------------------------------------------------------------------------------


def test_sends_a_plain_mail_with_what_it_needs_and_no_more(sandbox: Vendor, url: str) -> None:
    result = send(url)
    assert result.provider_message_id
    assert sent(sandbox) == [
        {
            "from": {"email": "contato@clinica.example"},
            "subject": "Sua consulta",
            "personalizations": [{"to": [{"email": "ana@example.com"}]}],
            "content": [{"type": "text/plain", "value": "Olá, Ana"}],
            "custom_args": {"message_id": MAIL.reference},
        }
    ]


def test_sends_everything_that_a_mail_can_have(sandbox: Vendor, url: str) -> None:
    message = changed(
        to=("ana@example.com", "bia@example.com"),
        cc=("caio@example.com",),
        bcc=("duda@example.com",),
        reply_to="recepcao@clinica.example",
        html="<p>Olá 😀</p>",
        text="Olá 😀",
        automated=True,
        unsubscribe_url="https://renum.example/sair/abc",
    )
    send(url, message, from_name="Clínica São José; & Cia, Ltda")
    (body,) = sent(sandbox)
    assert body["from"] == {"email": "contato@clinica.example", "name": "Clínica São José; & Cia, Ltda"}
    assert body["personalizations"] == [
        {
            "to": [{"email": "ana@example.com"}, {"email": "bia@example.com"}],
            "cc": [{"email": "caio@example.com"}],
            "bcc": [{"email": "duda@example.com"}],
        }
    ]
    assert body["reply_to"] == {"email": "recepcao@clinica.example"}
    assert body["content"] == [
        {"type": "text/plain", "value": "Olá 😀"},
        {"type": "text/html", "value": "<p>Olá 😀</p>"},
    ]
    headers = body["headers"]
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["List-Unsubscribe"] == "<https://renum.example/sair/abc>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "mail_settings" not in body


def test_names_an_address_once_wherever_it_comes_first(sandbox: Vendor, url: str) -> None:
    message = changed(
        to=("ana@example.com", "Ana@example.com"),
        cc=("ANA@example.com", "bia@example.com"),
        bcc=("Bia@example.com", "ana@example.com"),
    )
    send(url, message)
    assert sent(sandbox)[0]["personalizations"] == [
        {"to": [{"email": "ana@example.com"}], "cc": [{"email": "bia@example.com"}]}
    ]


def test_sandbox_mode_is_asked_for_and_answered_without_an_id(sandbox: Vendor, url: str) -> None:
    assert send(url, sandbox_mode=True) == providers.SendResult(None)
    assert sent(sandbox)[0]["mail_settings"] == {"sandbox_mode": {"enable": True}}


@pytest.mark.parametrize("headers", [(), ("X-Message-Id: ",), ("X-Message-Id:   \t",)])
def test_a_mail_may_be_queued_without_an_id(headers: tuple[str, ...]) -> None:
    with listening(closing(http_answer("", "202 Accepted", *headers))) as peer:
        assert send(peer.url("")).provider_message_id is None


def test_the_id_is_cut_to_what_can_be_stored() -> None:
    with listening(closing(http_answer("", "202 Accepted", f"X-Message-Id: {'x' * 500}"))) as peer:
        assert send(peer.url("")).provider_message_id == "x" * 128


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "SG.abcDEF123.xyzUVW789 é a chave"},
        {"html": "SG.abcDEF123.xyzUVW789"},
        {"subject": "Oi\r\nBcc: x@y.example"},
        {"to": ("ana@example.com\r\nBcc: x@y.example",)},
        {"to": ("Ana <ana@example.com>",)},
        {"to": ("ana@example.com, bia@example.com",)},
        {"to": ()},
        {"reply_to": "nobody"},
        {"automated": True, "unsubscribe_url": "https://x.example/\r\nX-Evil: 1"},
    ],
)
def test_what_must_not_leave_is_rejected_and_nothing_is_sent(
    sandbox: Vendor, url: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(errors.Rejected):
        send(url, changed(**fields))
    assert sandbox.journal(provider="sendgrid") == []


def test_half_an_emoji_in_the_text_does_not_keep_the_mail_from_leaving(sandbox: Vendor, url: str) -> None:
    send(url, changed(text="Oi \ud83d!", html="<p>Oi \ud83d!</p>"))
    assert [part["value"] for part in sent(sandbox)[0]["content"]] == ["Oi !", "<p>Oi !</p>"]


@given(st.text(min_size=1), st.text(max_size=50))
def test_whatever_the_text_the_body_is_json_in_the_vendors_order(text: str, html: str) -> None:
    try:
        body = mail_body(settings_for("http://127.0.0.1:1"), changed(text=text, html=html))
    except errors.Rejected:
        return
    json.dumps(body, ensure_ascii=False).encode()
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"][: 1 + bool(html)]
