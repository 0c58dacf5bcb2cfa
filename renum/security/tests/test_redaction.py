"""What is logged or stored as an error carries no phone, e-mail, token or text (rule I7)."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from renum.security.redaction import MASK, redact_event, redact_text, redact_value

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
OPAQUE = "0123456789abcdef0123"
KEY = "AbCdEf0123456789_-xyz"

# (text, what must be gone)
TELLING = [
    # phones, as machines write them
    ("ligue para +5511999998888", "999998888"),
    ("5511999998888", "999998888"),
    ("11999998888", "999998888"),
    ("551187654321", "87654321"),
    ("phone=5511999998888", "999998888"),
    ("phone:5511999998888", "999998888"),
    ("enviado para 5511999998888.", "999998888"),
    ("número 5511999998888, ok", "999998888"),
    ('{"number": "5511999998888"}', "999998888"),
    ("tel:+5511999998888", "999998888"),
    ("POST /chat/5511999998888/messages", "999998888"),
    ("https://wa.me/5511999998888?text=oi", "999998888"),
    ("5511999998888@s.whatsapp.net", "999998888"),
    ("5511999998888:12@s.whatsapp.net", "999998888"),
    ("5511999998888@c.us not found", "999998888"),
    ("Key (client_id, phone)=(5511999998888) already exists", "999998888"),
    # phones, as people write them
    ("(11) 99999-8888", "99999-8888"),
    ("(11)99999-8888", "99999-8888"),
    ("11 99999-8888", "99999-8888"),
    ("11 99999 8888", "99999 8888"),
    ("11-99999-8888", "99999-8888"),
    ("11.99999.8888", "99999.8888"),
    ("11 9 9999-8888", "9999-8888"),
    ("+55 11 99999-8888", "99999-8888"),
    ("+55 (11) 99999-8888", "99999-8888"),
    ("+5511 99999 8888", "99999 8888"),
    ("5511 99999-8888", "99999-8888"),
    ("(11) 3333-4444", "3333-4444"),
    ("+1 415 555 2671", "555 2671"),
    ("+1-415-555-2671", "555-2671"),
    ("+44 7911 123456", "123456"),
    ("+351 912 345 678", "345 678"),
    # e-mail
    ("maria.silva@example.com", "maria"),
    ("Maria <maria+tag@sub.example.com.br>", "maria+tag"),
    ("Key (email)=(maria_silva@example.com) already exists.", "maria_silva"),
    ("joão.souza@exemplo.com.br", "souza"),
    ("GET /?email=maria%40example.com", "maria"),
    ("GET /?phone=%2B5511987654321", "987654321"),
    ("GET /?phone=%2b55%2011%2098765-4321", "98765"),
    # credentials
    (f"Authorization: Bearer {OPAQUE}", OPAQUE),
    (f"bearer {JWT}", "c2lnbmF0dXJl"),
    ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    (JWT, "c2lnbmF0dXJl"),
    (f"sessão {JWT}, expirada", "c2lnbmF0dXJl"),
    (f"token={OPAQUE}", OPAQUE),
    (f"token: {OPAQUE}", OPAQUE),
    (f"GET /send?token={OPAQUE}&x=1", OPAQUE),
    (f'{{"token": "{OPAQUE}"}}', OPAQUE),
    (f"{{'api_token': '{OPAQUE}'}}", OPAQUE),
    (f"access_token={OPAQUE}", OPAQUE),
    (f"admintoken: {OPAQUE}", OPAQUE),
    (f"api_key={OPAQUE}", OPAQUE),
    (f"X-API-Key: {OPAQUE}", OPAQUE),
    ("password=hunter2hunter2", "hunter2"),
    ("senha: hunter2hunter2", "hunter2"),
    ("client_secret=hunter2hunter2", "hunter2"),
    ("SG.abcdefghij.klmnopqrstuvwxyz", "klmnopqrstuvwxyz"),
    ("sk-proj-abcdefghijklmnop", "abcdefghijklmnop"),
    ("sb_secret_abcdefghijklmnop", "abcdefghijklmnop"),
    (f"https://api.renum.example/webhooks/uazapi/{KEY}", KEY),
    (f"POST /webhooks/uazapi/{KEY} 200", KEY),
    ("postgresql://renum:s3cr3tpass@db/renum", "s3cr3tpass"),
    ("redis://:s3cr3tpass@127.0.0.1:6379/0", "s3cr3tpass"),
    ("smtp://maria:s3cr3t%40pass@smtp.example.com:587", "s3cr3t"),
]

HARMLESS = [
    "3f2b8c1e-9d4a-4f6b-8c2d-1a2b3c4d5e6f",
    "12345678-1234-1234-1234-123456789012",
    "00000000-0000-4000-8000-000000000000",
    "renum.dispatch[12345678-1234-1234-1234-123456789012]",
    "/api/conversations/12345678-1234-1234-1234-123456789012/messages",
    "trigger:12345678-1234-1234-1234-123456789012",
    "2026-11-22T20:45:30Z",
    "2026-11-22T20:45:30.123456Z",
    "2026-11-22 20:45:30.123456+00:00",
    "2026-11-22T20:45:30-03:00",
    "22/11/2026 20:45",
    "RATE_LIMIT_EXCEEDED",
    "HTTP 503 Service Unavailable",
    "provider_code 463",
    "latency_ms=1234",
    "attempt 3 of 4",
    "127.0.0.1:54321",
    "192.168.100.200",
    "[::1]:8000",
    "port 5432",
    "R$ 1.234.567,89",
    "123456789",
    "1732308330.123",
    "python 3.11.7",
    "0123456789abcdef0123456789abcdef",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    'connection to server on socket "/tmp/.s.PGSQL.5432" failed',
    'duplicate key value violates unique constraint "contacts_phone_unique"',
    'File "/srv/renum/views.py", line 123, in get',
    "token expired",
    "token inválido ou expirado",
    "token verification failed",
    "basic authentication failed",
    "secret missing",
]


@pytest.mark.parametrize(("text", "telling"), TELLING, ids=[text for text, _ in TELLING])
def test_i7_a_telling_text_is_masked(text: str, telling: str) -> None:
    redacted = redact_text(text)
    assert telling not in redacted
    assert MASK in redacted


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_text_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("text", [text for text, _ in TELLING])
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


def test_i7_several_secrets_in_one_text_are_all_masked() -> None:
    redacted = redact_text("de +5511999998888 para maria@example.com, Bearer abcdefgh12345678")
    for secret in ("999998888", "maria", "abcdefgh12345678"):
        assert secret not in redacted
    assert redacted.startswith("de ")


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "api_token",
        "Authorization",
        "X-API-Key",
        "apiKey",
        "client_secret",
        "password",
        "senha",
        "Cookie",
        "x-renum-signature",
        "phone",
        "Phone",
        "to",
        "from",
        "sender",
        "chatid",
        "email",
        "text",
        "message",
        "body",
        "caption",
        "subject",
        "name",
        "recipient",
    ],
)
def test_i7_a_member_with_a_telling_name_is_masked_whatever_it_holds(key: str) -> None:
    assert redact_value({key: "oi"}) == {key: MASK}
    assert redact_value({"a": [{key: {"deep": ["oi"]}}]}) == {"a": [{key: MASK}]}


def test_i7_members_without_a_telling_name_are_redacted_as_text() -> None:
    assert redact_value({"note": "fale com maria@example.com", "n": 3, "ok": True, "none": None}) == {
        "note": f"fale com {MASK}",
        "n": 3,
        "ok": True,
        "none": None,
    }


def test_absence_of_a_secret_stays_visible() -> None:
    assert redact_value({"token": None, "phone": "", "body": {}}) == {"token": None, "phone": "", "body": {}}


def test_redaction_leaves_the_original_alone() -> None:
    original = {"token": "x", "list": ["maria@example.com"]}
    redact_value(original)
    assert original == {"token": "x", "list": ["maria@example.com"]}


def test_i7_a_log_event_is_redacted_in_message_and_values() -> None:
    event = redact_event(
        None,
        "info",
        {"event": "enviando a 5511999998888", "level": "info", "phone": "+55", "reason": "maria@example.com"},
    )
    assert event == {"event": f"enviando a {MASK}", "level": "info", "phone": MASK, "reason": MASK}


def test_i7_the_log_line_of_an_exception_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    from renum.logging import configure_logging

    configure_logging("WARNING")  # anew, so that the handler writes to the captured stream
    try:
        try:
            raise ValueError("não entregue a 5511999998888, token=0123456789abcdef0123")
        except ValueError:
            logging.getLogger("some.library").exception("failed for %s", "maria@example.com")
            structlog.get_logger("renum.test").error("failed", exc_info=True, phone="5511999998888")
        printed = capsys.readouterr().err
    finally:
        with capsys.disabled():
            configure_logging("WARNING")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert len(lines) == 2
    for secret in ("999998888", "0123456789abcdef0123", "maria@"):
        assert secret not in printed
    assert all("ValueError" in line["exception"] for line in lines)
