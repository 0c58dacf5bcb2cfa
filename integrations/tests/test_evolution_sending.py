"""What we ask of Evolution API: texts, files, webhooks, and the settings that it takes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from integrations import errors, providers
from integrations.providers.base import MediaKind
from integrations.providers.evolution.config import EvolutionSettings
from integrations.tests.helpers import Vendor, http_answer
from integrations.tests.whatsapp import FILE_URL, MESSAGE, Use, ask_provider, media
from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Channel
from renum.security.tests.peers import closing, listening

SPEC = providers.get("evolution")
HOOK = "http://127.0.0.1:9/webhooks/evolution/the-key"


def settings(api_url: str = "https://evolution.acme.com", **more: Any) -> EvolutionSettings:
    given = {
        "api_url": api_url,
        "api_key": "demo-key",
        "instance": "demo",
        "phone_number": "+5511999990000",
        **more,
    }
    return EvolutionSettings.model_validate(given)


def ask(api_url: str, use: Use) -> Any:
    return ask_provider("evolution", settings(api_url), use)


def send(sandbox: Vendor, message: Any) -> dict[str, Any]:
    """Send a message; the path and the body that arrived."""
    result = ask(f"{sandbox.url}/evolution", lambda provider: message.send_through(provider))
    assert result.provider_message_id.startswith("3EB0") and result.refused == ()
    (entry,) = sandbox.journal()
    assert (entry["provider"], entry["outcome"]) == ("evolution", "accepted")
    return {"path": entry["path"].removeprefix("/evolution"), **entry["body"]}


# --- messages -------------------------------------------------------------------------------------


def test_sends_a_text_as_it_was_written(sandbox: Vendor) -> None:
    """It expands no placeholders, so there is nothing to neutralize."""
    assert send(sandbox, replace(MESSAGE, text="Olá {{name}}")) == {
        "path": "/message/sendText/demo",
        "number": "5511987654321",
        "text": "Olá {{name}}",
    }


@pytest.mark.parametrize("kind", ["image", "document", "video"])
def test_sends_a_file_with_its_caption(sandbox: Vendor, kind: MediaKind) -> None:
    assert send(sandbox, media(kind, caption="Seu boleto", filename="boleto.pdf")) == {
        "path": "/message/sendMedia/demo",
        "number": "5511987654321",
        "mediatype": kind,
        "media": FILE_URL,
        "caption": "Seu boleto",
        "fileName": "boleto.pdf",
    }


def test_leaves_the_name_of_a_file_to_the_server_if_there_is_none(sandbox: Vendor) -> None:
    assert "fileName" not in send(sandbox, media("document"))


def test_sends_audio_as_a_voice_note(sandbox: Vendor) -> None:
    assert send(sandbox, media("audio")) == {
        "path": "/message/sendWhatsAppAudio/demo",
        "number": "5511987654321",
        "audio": FILE_URL,
    }


def test_refuses_an_audio_whose_caption_would_be_lost_and_sends_nothing(sandbox: Vendor) -> None:
    with pytest.raises(errors.Unsupported, match="legenda"):
        send(sandbox, media("audio", caption="Ouça"))
    assert sandbox.journal() == []


@pytest.mark.parametrize("message", [MESSAGE, media("image"), media("audio")], ids=["text", "image", "audio"])
def test_a_number_without_whatsapp_gets_nothing(sandbox: Vendor, message: Any) -> None:
    with pytest.raises(errors.Rejected, match="não está no WhatsApp"):
        send(sandbox, replace(message, recipient="5500010000000"))
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:400"]


@pytest.mark.parametrize("message", [MESSAGE, media("image"), media("audio")], ids=["text", "image", "audio"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 429, "retry_after": 7}, errors.RateLimited),
        ({"kind": "status", "status": 503}, errors.Unavailable),
        ({"kind": "status", "status": 400}, errors.Rejected),
        ({"kind": "drop"}, errors.TimedOut),
        ({"kind": "garbage"}, errors.ProtocolError),
        ({"kind": "cut"}, errors.TimedOut),
    ],
    ids=["429", "503", "400", "drop", "garbage", "cut"],
)
def test_what_goes_wrong_with_a_message_is_named(
    sandbox: Vendor, message: Any, fault: dict[str, Any], expected: type[errors.ProviderError]
) -> None:
    sandbox.script(fault)
    with pytest.raises(errors.ProviderError) as raised:
        send(sandbox, message)
    assert type(raised.value) is expected
    assert len(sandbox.journal()) == 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"id": "3EB0"}, "3EB0"),
        ({"id": 17}, "17"),
        ({"id": "x" * 500}, "x" * 128),
        ({"id": "a\x00b"}, "ab"),
        ({"id": None}, None),
        ({}, None),
    ],
    ids=str,
)
def test_keeps_an_id_that_can_be_stored(key: Any, expected: str | None) -> None:
    with listening(closing(http_answer({"key": key}, "201 Created"))) as peer:
        result = ask(peer.url(""), lambda provider: provider.send_text(MESSAGE))
    assert result.provider_message_id == expected


@pytest.mark.parametrize("answer", [{}, {"key": None}, {"key": "3EB0"}, {"key": ["3EB0"]}], ids=str)
def test_a_success_that_names_no_message_is_uncertain(answer: Any) -> None:
    with (
        listening(closing(http_answer(answer, "201 Created"))) as peer,
        pytest.raises(errors.ProtocolError),
    ):
        ask(peer.url(""), lambda provider: provider.send_text(MESSAGE))


# --- webhooks -------------------------------------------------------------------------------------


def registered(sandbox: Vendor, secret: SecretStr | None) -> dict[str, Any]:
    kept = ask(f"{sandbox.url}/evolution", lambda provider: provider.register_webhook(HOOK, secret))
    assert kept == {}
    found: dict[str, Any] = sandbox.http.get(
        "/evolution/webhook/find/demo", headers={"apikey": "demo-key"}
    ).json()
    return found


def test_registers_its_webhook_with_the_secret_in_a_header(sandbox: Vendor) -> None:
    found = registered(sandbox, SecretStr("a-secret-of-ours"))
    assert (found["url"], found["enabled"]) == (HOOK, True)
    assert found["headers"] == {"X-Webhook-Secret": "a-secret-of-ours"}
    assert found["events"] == ["MESSAGES_UPSERT", "MESSAGES_UPDATE", "SEND_MESSAGE", "CONNECTION_UPDATE"]
    assert found["webhookByEvents"] is found["webhookBase64"] is False
    assert "a-secret-of-ours" not in json.dumps(sandbox.journal())


def test_registers_its_webhook_without_a_secret(sandbox: Vendor) -> None:
    assert registered(sandbox, None)["headers"] == {}


# --- settings and capabilities --------------------------------------------------------------------


def test_cleans_what_people_paste() -> None:
    config = settings(
        " https://evolution.acme.com/ ", api_key=" k\n", instance=" demo ", phone_number="11999990000"
    )
    assert (config.api_url, config.instance) == ("https://evolution.acme.com", "demo")
    assert config.api_key.get_secret_value() == "k"
    assert config.phone_number.get_secret_value() == "+5511999990000"


@pytest.mark.parametrize("instance", ["demo", "Clinica-1", "a.b_c-D9", "..a", "x" * 100])
def test_takes_a_name_that_a_path_can_hold(instance: str) -> None:
    assert settings(instance=instance).instance == instance


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_url": ""},
        {"api_url": "https://" + "a" * 500},
        {"api_key": ""},
        {"api_key": "two words"},
        {"api_key": "ação"},
        {"instance": ""},
        {"instance": "."},
        {"instance": ".."},
        {"instance": "a/b"},
        {"instance": "a?b"},
        {"instance": "a b"},
        {"instance": "é"},
        {"instance": "a\nb"},
        {"instance": "%2e"},
        {"instance": "x" * 101},
        {"webhook_secret": "short"},
        {"webhook_secret": "a secret of several words"},
        {"webhook_secret": "não-cabe-num-cabeçalho"},
        {"dialect": "go"},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}={str(next(iter(wrong.values())))[:12]}",
)
def test_refuses_settings_that_cannot_work_without_repeating_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(**{"api_url": "https://evolution.acme.com", **wrong})
    assert [error["loc"] for error in raised.value.errors()] == [(next(iter(wrong)),)]
    assert "x" * 50 not in str(raised.value)


def test_refuses_a_phone_that_is_none() -> None:
    with pytest.raises(InvalidPhone):
        settings(phone_number="12345")


def test_is_the_second_choice_for_whatsapp() -> None:
    assert providers.of_type("whatsapp")[:2] == ["uazapi", "evolution"]


def test_says_what_it_can_do() -> None:
    config = settings()
    assert (SPEC.channel, SPEC.url_fields, SPEC.in_flight) == (Channel.WHATSAPP, ("api_url",), 1)
    assert SPEC.pace_seconds == 2.0 and SPEC.sends_media and SPEC.registers_webhook
    assert SPEC.checks_numbers(config) and SPEC.signs_webhooks(config)
    assert SPEC.candidates(config) == [config] and SPEC.webhook_token(config) == ""
