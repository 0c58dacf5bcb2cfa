"""Files, number checks and settings of Uazapi, in both dialects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from integrations import errors, providers
from integrations.providers.base import MediaKind, NumberCheck
from integrations.providers.uazapi.config import UazapiSettings
from integrations.tests.helpers import GO_TOKEN, Vendor, http_answer
from integrations.tests.whatsapp import FILE_URL, MESSAGE, Use, ask_provider, media
from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Channel
from renum.security.tests.peers import closing, listening

KINDS: list[MediaKind] = ["image", "audio", "document", "video"]
GO_SEND, V1_SEND = "/uazapi/send/media", "/uazapi/v1/messages/send-media"
SPEC = providers.get("uazapi")


def settings(api_url: str = "https://acme.uazapi.com", **more: Any) -> UazapiSettings:
    given = {"api_url": api_url, "api_token": GO_TOKEN, "phone_number": "+5511999990000", **more}
    return UazapiSettings.model_validate(given)


def ask(api_url: str, use: Use, *, dialect: str = "go") -> Any:
    return ask_provider("uazapi", settings(api_url, dialect=dialect), use)


def send(sandbox: Vendor, message: Any, dialect: str = "go") -> dict[str, Any]:
    """Send a file; what arrived."""
    result = ask(sandbox.api_url(dialect), lambda provider: provider.send_media(message), dialect=dialect)
    assert result.provider_message_id and result.refused == ()
    (entry,) = sandbox.journal()
    assert entry["outcome"] == "accepted"
    body: dict[str, Any] = entry["body"]
    assert entry["path"] == (GO_SEND if dialect == "go" else V1_SEND)
    return body


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_go_sends_a_file_with_its_caption_as_text(sandbox: Vendor, kind: MediaKind) -> None:
    assert send(sandbox, media(kind, caption="Seu boleto")) == {
        "number": "5511987654321",
        "type": kind,
        "file": FILE_URL,
        "text": "Seu boleto",
        "track_id": "ref-2",
        "track_source": "renum",
    }


def test_go_names_a_document_and_nothing_else(sandbox: Vendor) -> None:
    assert send(sandbox, media("document", filename="boleto.pdf"))["docName"] == "boleto.pdf"
    sandbox.reset()
    assert "docName" not in send(sandbox, media("image", filename="foto.png"))
    sandbox.reset()
    assert "docName" not in send(sandbox, media("document"))


@pytest.mark.parametrize("kind", KINDS)
def test_v1_sends_a_file_by_the_contract(sandbox: Vendor, kind: MediaKind) -> None:
    assert send(sandbox, media(kind, caption="Seu boleto", filename="x.pdf"), "v1") == {
        "phone": "+5511987654321",
        "media_url": FILE_URL,
        "media_type": kind,
        "caption": "Seu boleto",
        "track_id": "ref-2",
    }


@pytest.mark.parametrize(("dialect", "caption"), [("go", "text"), ("v1", "caption")])
def test_i7_neither_caption_nor_file_name_keeps_a_placeholder(
    sandbox: Vendor, dialect: str, caption: str
) -> None:
    body = send(sandbox, media("document", caption="CPF {{lead_cpf}}", filename="{{{x}}.pdf"), dialect)
    assert "{{" not in json.dumps(body)
    assert body[caption] == "CPF {\u2060{lead_cpf}}"
    if dialect == "go":
        assert body["docName"] == "{\u2060{\u2060{x}}.pdf"


@pytest.mark.parametrize("dialect", ["go", "v1"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 413, "body": {"error": "too large"}}, errors.Rejected),
        ({"kind": "status", "status": 415, "body": {"error": "unsupported"}}, errors.Rejected),
        ({"kind": "status", "status": 429, "retry_after": 7}, errors.RateLimited),
        ({"kind": "status", "status": 503}, errors.Unavailable),
        ({"kind": "drop"}, errors.TimedOut),
        ({"kind": "garbage"}, errors.ProtocolError),
        ({"kind": "cut"}, errors.TimedOut),
    ],
    ids=["413", "415", "429", "503", "drop", "garbage", "cut"],
)
def test_what_goes_wrong_with_a_file_is_named(
    sandbox: Vendor, dialect: str, fault: dict[str, Any], expected: type[errors.ProviderError]
) -> None:
    sandbox.script(fault)
    with pytest.raises(errors.ProviderError) as raised:
        ask(sandbox.api_url(dialect), lambda provider: provider.send_media(media("image")), dialect=dialect)
    assert type(raised.value) is expected
    assert len(sandbox.journal()) == 1


def test_a_number_without_whatsapp_gets_no_file(sandbox: Vendor) -> None:
    gone = replace(media("image"), recipient="5500010000000")
    for dialect in ("go", "v1"):
        with pytest.raises(errors.Rejected, match="não está no WhatsApp"):
            ask(sandbox.api_url(dialect), lambda provider: provider.send_media(gone), dialect=dialect)
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:500", "rejected:400"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"messageid": "abc"}, "abc"),
        ({"messageid": 17}, "17"),
        ({"messageid": "x" * 500}, "x" * 128),
        ({"messageid": "a\x00b\ud800"}, "ab"),
        ({"messageid": None}, None),
        ({}, None),
    ],
)
def test_keeps_an_id_that_can_be_stored(answer: Any, expected: str | None) -> None:
    for verb, message in (("send_text", MESSAGE), ("send_media", media("image"))):
        with listening(closing(http_answer(answer))) as peer:
            result = ask(peer.url(""), lambda provider, v=verb, m=message: getattr(provider, v)(m))
        assert result.provider_message_id == expected


# --- number checks --------------------------------------------------------------------------------


def check_number(api_url: str, digits: str, dialect: str = "go") -> NumberCheck:
    found: NumberCheck = ask(api_url, lambda provider: provider.check_number(digits), dialect=dialect)
    return found


def test_checks_a_number(sandbox: Vendor) -> None:
    assert check_number(sandbox.api_url(), "5511987654321") == NumberCheck("5511987654321")
    assert check_number(sandbox.api_url(), "5500010000000") == NumberCheck(None)


def test_believes_the_jid_about_the_ninth_digit() -> None:
    found = {"query": "5588987654321", "isInWhatsapp": True, "jid": "558887654321:12@s.whatsapp.net"}
    with listening(closing(http_answer([found]))) as peer:
        assert check_number(peer.url(""), "5588987654321") == NumberCheck("558887654321")
    assert b'{"numbers":["5588987654321"]}' in peer.heard[0]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        [None],
        [[]],
        [{}],
        [{"isInWhatsapp": True}],
        [{"isInWhatsapp": True, "jid": ""}],
        [{"isInWhatsapp": True, "jid": "9000@lid"}],
        [{"isInWhatsapp": "yes", "jid": "5511987654321@s.whatsapp.net"}],
        [{"isInWhatsapp": None, "jid": "5511987654321@s.whatsapp.net"}],
        [{"query": "5511987654321", "jid": "5511987654321@s.whatsapp.net"}],
    ],
    ids=str,
)
def test_an_unclear_number_check_is_no_answer(answer: Any) -> None:
    with listening(closing(http_answer(answer))) as peer, pytest.raises(errors.ProtocolError):
        check_number(peer.url(""), "5511987654321")


def test_v1_has_no_number_check_and_asks_nothing(sandbox: Vendor) -> None:
    with pytest.raises(errors.Unsupported):
        check_number(sandbox.api_url("v1"), "5511987654321", "v1")
    assert sandbox.journal() == []
    assert [SPEC.checks_numbers(settings(dialect=dialect)) for dialect in ("go", "v1")] == [True, False]


# --- settings and capabilities --------------------------------------------------------------------


def test_cleans_what_people_paste() -> None:
    config = settings(" https://acme.uazapi.com// ", api_token=" token\n", phone_number="(11) 99999-0000")
    assert config.api_url == "https://acme.uazapi.com"
    assert config.api_token.get_secret_value() == "token"
    assert config.phone_number.get_secret_value() == "+5511999990000"
    assert (config.dialect, config.webhook_secret) == ("go", None)


def test_settings_survive_being_stored() -> None:
    config = settings(dialect="v1", webhook_secret="s" * 16)
    stored = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in config.model_dump().items()
    }
    assert UazapiSettings.model_validate(stored) == config
    assert UazapiSettings.model_validate(json.loads(json.dumps(stored))) == config


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_url": ""},
        {"api_url": "   "},
        {"api_url": "https://" + "a" * 500},
        {"api_url": None},
        {"api_token": ""},
        {"api_token": "two words"},
        {"api_token": "linha\nnova"},
        {"api_token": "ação"},
        {"api_token": "x" * 2001},
        {"dialect": "v2"},
        {"dialect": None},
        {"webhook_secret": "short"},
        {"webhook_secret": "x" * 501},
        {"colour": "red"},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}={str(next(iter(wrong.values())))[:12]}",
)
def test_refuses_settings_that_cannot_work_without_repeating_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(**{"api_url": "https://acme.uazapi.com", **wrong})
    assert [error["loc"] for error in raised.value.errors()] == [(next(iter(wrong)),)]
    assert "x" * 100 not in str(raised.value)


def test_refuses_a_phone_that_is_none() -> None:
    with pytest.raises(InvalidPhone):
        settings(phone_number="12345")


def test_both_dialects_are_candidates_unless_one_was_asked_for() -> None:
    assert [config.dialect for config in SPEC.candidates(settings())] == ["go", "v1"]
    for dialect in ("go", "v1"):
        (only,) = SPEC.candidates(settings(dialect=dialect))
        assert only.dialect == dialect


def test_says_what_it_can_do() -> None:
    assert (SPEC.channel, SPEC.url_fields, SPEC.in_flight) == (Channel.WHATSAPP, ("api_url",), 1)
    assert SPEC.pace_seconds == 2.0 and SPEC.sends_media and SPEC.registers_webhook
    assert [SPEC.signs_webhooks(settings(dialect=dialect)) for dialect in ("go", "v1")] == [False, True]
    assert SPEC.webhook_token(settings()) == GO_TOKEN
