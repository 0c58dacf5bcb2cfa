"""Mail servers that are old, odd or hostile, and accounts that must not be used."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiosmtplib import SMTPResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from integrations import errors
from integrations.providers.base import SendResult
from integrations.providers.smtp import client
from integrations.providers.smtp.config import SmtpSettings
from integrations.providers.smtp.replies import error_of
from integrations.tests.mailing import (
    ANA,
    DRIP,
    HANG,
    MAIL,
    SENDER,
    account,
    bodies,
    check,
    send,
    speaking,
    using,
    verbs,
    with_login,
)
from renum.security.tests.peers import Peer, listening

# --- the dialogue ---------------------------------------------------------------------------------


def test_says_no_more_than_it_must_and_says_good_bye() -> None:
    with listening(speaking()) as peer:
        assert send(with_login(peer.port)) == SendResult("<7f3c-01@acme.example>")
    assert verbs(peer) == ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    (body,) = bodies(peer)
    size = len(body) - len(b".\r\n")
    assert f"MAIL FROM:<{SENDER}> SIZE={size}".encode() in peer.heard
    assert f"RCPT TO:<{ANA}>".encode() in peer.heard
    assert b"EHLO acme.example" in peer.heard  # not this machine's name


@pytest.mark.parametrize("offer", [b"AUTH LOGIN", b"AUTH=LOGIN", b"AUTH LOGIN XOAUTH2 NTLM"])
def test_logs_in_the_way_the_server_offers(offer: bytes) -> None:
    script = {"EHLO": b"250-x\r\n250 " + offer + b"\r\n", "AUTH": b"334 UGFzc3dvcmQ6\r\n"}
    with listening(speaking(**script, **{"ZGVTBY1WYXNZD29YZA==": b"235 OK\r\n"})) as peer:
        assert check(with_login(peer.port)).connected
    assert peer.heard[1:3] == [b"AUTH LOGIN ZGVtbw==", b"ZGVtby1wYXNzd29yZA=="]


@pytest.mark.parametrize("offer", [b"", b"-AUTH XOAUTH2\r\n250 8BITMIME"])
def test_a_server_without_a_password_login_is_a_wrong_setting(offer: bytes) -> None:
    with (
        listening(speaking(EHLO=b"250" + (offer or b" x") + b"\r\n")) as peer,
        pytest.raises(errors.Misconfigured, match="login"),
    ):
        send(with_login(peer.port))
    assert verbs(peer) == ["EHLO"]


def test_a_refused_password_is_tried_once_only() -> None:
    """Each failure counts towards a lock-out of the account."""
    script = {"EHLO": b"250-x\r\n250 AUTH CRAM-MD5 PLAIN LOGIN\r\n", "AUTH": b"535 5.7.8 no\r\n"}
    with listening(speaking(**script)) as peer, pytest.raises(errors.AuthFailed):
        send(with_login(peer.port))
    assert verbs(peer) == ["EHLO", "AUTH"]
    assert peer.heard[1].startswith(b"AUTH PLAIN ")


@pytest.mark.parametrize(
    ("ehlo", "starttls", "expected"),
    [
        (b"250-x\r\n250 AUTH PLAIN\r\n", b"", errors.Misconfigured),  # struck out by somebody in between
        (b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", b"454 4.7.0 not now\r\n", errors.Unavailable),
        (b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", b"502 no\r\n", errors.Unavailable),
        (b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", b"220 go\r\nplain words\r\n", errors.Unavailable),
        (b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", b"250 yes\r\n", errors.Unavailable),
    ],
    ids=["stripped", "later", "refused", "not-tls", "wrong-code"],
)
def test_without_starttls_no_password_and_no_mail_leave(
    environment: Callable[..., None], ehlo: bytes, starttls: bytes, expected: type[errors.ProviderError]
) -> None:
    environment(provider_timeout_seconds=10)
    with listening(speaking(EHLO=ehlo, STARTTLS=starttls)) as peer, pytest.raises(expected) as raised:
        send(with_login(peer.port, security="starttls"))
    assert not raised.value.uncertain
    assert [line for line in verbs(peer) if line in ("AUTH", "MAIL", "RCPT", "DATA")] == []


# --- one connection for many mails ----------------------------------------------------------------


async def two_mails(provider: Any) -> None:
    await provider.send_mail(MAIL)
    await provider.send_mail(replace(MAIL, reference="7f3c-02"))


def test_the_next_mail_of_a_batch_starts_with_a_reset() -> None:
    with listening(speaking()) as peer:
        using(account(peer.port), two_mails)
    assert verbs(peer) == ["EHLO", "MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    "script",
    [{"after_mail": b""}, {"RSET": b"421 4.4.2 idle\r\n"}, {"RSET": b"500 what\r\n"}, {"RSET": b"?\r\n"}],
    ids=["closed", "421", "500", "garbage"],
)
def test_a_connection_that_went_stale_is_opened_anew_and_nothing_is_sent_twice(
    script: dict[str, Any],
) -> None:
    with listening(speaking(**script)) as peer:
        using(account(peer.port), two_mails)
    assert verbs(peer).count("EHLO") == 2
    assert [body.count(b"7f3c-01") for body in bodies(peer)] == [1, 0]
    assert [body.count(b"7f3c-02") for body in bodies(peer)] == [0, 1]


def test_closing_does_not_wait_for_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "QUIT_SECONDS", 0.2)
    started = time.monotonic()
    with listening(speaking(QUIT=HANG)) as peer:
        assert send(account(peer.port)).provider_message_id
        assert time.monotonic() - started < 5
    assert verbs(peer)[-1] == "QUIT"


# --- replies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("550 5.1.1 unknown", "A caixa postal do destinatário não existe."),
        ("550 no", "O servidor de e-mail recusou o endereço ou a mensagem."),
        ("550 5.2.2 over quota", "A caixa postal do destinatário está cheia."),
        ("552 5.3.4 big", "A mensagem é grande demais para o servidor de e-mail."),
        ("535 5.7.8 x", "O servidor de e-mail recusou o usuário ou a senha."),
        ("534 5.7.9 x", "O servidor de e-mail exige uma senha de aplicativo ou acesso pelo site."),
        ("550 4.7.1 a status of another class", "O servidor de e-mail recusou o endereço ou a mensagem."),
    ],
)
def test_explains_in_portuguese_what_happened(text: str, sentence: str) -> None:
    assert error_of(SMTPResponse(int(text[:3]), text[4:])).message == sentence


@given(st.integers(-1, 999), st.text(max_size=40) | st.from_regex(r"\A[245]\.[0-9]{1,3}\.[0-9]{1,3} .*"))
def test_every_reply_has_a_class_and_the_code_decides_what_can_be_tried_again(code: int, text: str) -> None:
    error = error_of(SMTPResponse(code, text))
    assert error.retryable is (400 <= code < 500)
    assert isinstance(error, errors.ProtocolError) is (not 400 <= code < 600)


# --- servers outside the protocol -----------------------------------------------------------------

GARBAGE = {
    "text": b"hello there\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "binary": b"\x00\xff\xfe\x80\r\n",
    "empty-line": b"\r\n",
    "odd-code": b"999 what\r\n",
    "negative": b"-12 what\r\n",
    "long-line": b"2" * 100_000 + b"\r\n",
    "endless": b"250-more\r\n" * 20_000,
    "no-line-end": b"x" * 1_000_000,
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("stage", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
def test_garbage_before_the_mail_sends_nothing(
    environment: Callable[..., None], stage: str, name: str
) -> None:
    environment(provider_timeout_seconds=10)
    with listening(speaking(**{stage: GARBAGE[name]})) as peer, pytest.raises(errors.Unavailable) as raised:
        send(with_login(peer.port))
    assert raised.value.message == "O servidor respondeu algo que não é SMTP."
    assert bodies(peer) == []


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_after_the_mail_is_uncertain(environment: Callable[..., None], name: str) -> None:
    environment(provider_timeout_seconds=10)
    with listening(speaking(body=GARBAGE[name])) as peer, pytest.raises(errors.ProtocolError) as raised:
        send(account(peer.port))
    assert raised.value.uncertain and not raised.value.retryable
    assert len(bodies(peer)) == 1


@pytest.mark.parametrize(
    ("stage", "expected"),
    [("greeting", errors.Unavailable), ("MAIL", errors.Unavailable), ("body", errors.TimedOut)],
)
def test_a_server_that_drips_is_given_up_after_the_time_out(
    environment: Callable[..., None], stage: str, expected: type[errors.ProviderError]
) -> None:
    environment(provider_timeout_seconds=0.5)
    with listening(speaking(**{stage: DRIP})) as peer:
        started = time.monotonic()
        with pytest.raises(expected):
            send(account(peer.port))
        assert time.monotonic() - started < 5


def test_no_more_is_read_than_a_reply_may_have(environment: Callable[..., None]) -> None:
    """The address is the client's own, and the worker's memory everybody's."""
    environment(provider_timeout_seconds=10)
    poured = 0

    def pour(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        nonlocal poured
        while poured < 256 * 1024 * 1024 and not over.is_set():
            connection.sendall(b"220-" + b"x" * 65_530 + b"\r\n")
            poured += 65_536

    with listening(pour) as peer, pytest.raises(errors.Unavailable):
        send(account(peer.port))
    assert poured < 32 * 1024 * 1024


# --- what no server ever hears --------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Oi\r\nBcc: espia@evil.example"},
        {"subject": "Oi\nX: y"},
        {"subject": "Oi\u2028X: y"},
        {"subject": "Oi\x00"},
        {"to": (f"{ANA}\r\nRCPT TO:<espia@evil.example>",)},
        {"to": (f"{ANA}>\r\nDATA",)},
        {"to": (f"{ANA}, espia@evil.example",)},
        {"to": (f"Ana <{ANA}>",)},
        {"to": ()},
        {"cc": ("a b@cliente.example",)},
        {"bcc": ("joão@cliente.example",)},
        {"reply_to": f"{ANA}\r\nX: y"},
        {"automated": True, "unsubscribe_url": "https://renum.example/u>\r\nX: y"},
        {"automated": True, "unsubscribe_url": "https://renum.example/u>, <mailto:espia@evil.example"},
    ],
    ids=lambda changes: str(sorted(changes.items()))[:40],
)
def test_a_value_that_would_write_headers_or_commands_is_refused_before_connecting(
    changes: dict[str, Any],
) -> None:
    with listening(speaking()) as peer, pytest.raises(errors.Rejected) as raised:
        send(account(peer.port), **changes)
    assert peer.heard == []
    assert "evil" not in raised.value.message


# --- accounts -------------------------------------------------------------------------------------

REMOTE = {"host": "smtp.acme.example", "port": 587, "from_email": SENDER, "password": "x"}


@pytest.mark.parametrize(
    ("fields", "encryption"),
    [
        ({}, "starttls"),
        ({"port": 465}, "tls"),
        ({"port": 465, "use_tls": False}, "tls"),
        ({"port": 465, "security": "starttls"}, "starttls"),
        ({"port": 2465, "security": "tls"}, "tls"),
        ({"use_tls": False, "security": "starttls"}, "starttls"),
        ({"host": "localhost", "use_tls": False}, "plain"),
        ({"host": "127.0.0.1", "security": "plain"}, "plain"),
        ({"host": "::1", "security": "plain"}, "plain"),
    ],
)
def test_the_kind_of_security_follows_from_what_is_typed(fields: dict[str, Any], encryption: str) -> None:
    assert SmtpSettings.model_validate({**REMOTE, **fields}).encryption == encryption


@pytest.mark.parametrize(
    "fields",
    [
        {"use_tls": False},
        {"security": "plain"},
        {"host": "8.8.8.8", "security": "plain"},
        {"host": "localhost.acme.example", "security": "plain"},
        {"port": 0},
        {"port": 65_536},
        {"host": ""},
        {"host": "10.0.0.1"},
        {"host": "a b.example"},
        {"host": "smtp.acme.example:587"},
        {"host": "smtp.acme.example\x00"},
        {"from_email": "contato"},
        {"from_email": f"{SENDER}\r\nBcc: espia@evil.example"},
        {"from_email": f"ACME <{SENDER}>"},
        {"from_name": "ACME\r\nBcc: espia@evil.example"},
        {"username": "demo", "password": ""},
        {"username": "demo\x00admin"},
        {"username": "demo", "password": "a\x00b"},
        {"security": "ssl"},
        {"verify": False},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_settings_that_cannot_work_or_would_be_unsafe_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SmtpSettings.model_validate({**REMOTE, **fields})


def test_in_production_even_loopback_needs_tls(environment: Callable[..., None]) -> None:
    environment(allow_loopback=False)
    with pytest.raises(ValidationError):
        SmtpSettings.model_validate({**REMOTE, "host": "localhost", "use_tls": False})


def test_the_password_is_shown_nowhere() -> None:
    config = SmtpSettings.model_validate({**REMOTE, "username": "demo", "password": "hunter2-hunter2"})
    assert isinstance(config.password, SecretStr) and "hunter2" not in f"{config!r}{config.model_dump_json()}"


def test_nothing_goes_in_the_clear_to_a_peer_elsewhere_whatever_the_settings_say() -> None:
    """The spelling is judged as this machine by the resolver, but is none of its plain addresses."""
    with listening(speaking()) as peer:
        config = with_login(peer.port).model_copy(update={"host": "::ffff:127.0.0.1"})
        assert config.encryption == "plain"
        with pytest.raises(errors.Misconfigured):
            send(config)
    assert peer.heard == []
