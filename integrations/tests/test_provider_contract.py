"""What every provider of the registry owes the rest of RENUM, whatever the vendor."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from integrations import errors, providers
from integrations.models import Integration
from integrations.providers.base import MailMessage, MediaMessage, Select, TextMessage
from integrations.services.probing import typed_settings
from integrations.tests.databases import door, prepare_tables
from integrations.tests.helpers import Vendor, closed_port
from integrations.tests.mailing import ANA
from integrations.tests.vendors import DATABASES, SENDERS, VENDORS, WHATSAPP, kind_of, typed, url_of
from renum.conversations.models import Channel
from renum.security.http import open_client
from renum.security.tests.peers import listening

KINDS = sorted(providers.REGISTRY)
REFERENCE = "0f0e0d0c-0b0a-4908-8706-050403020100"
# Which credential to spoil, and how.
WRONG = {
    "uazapi": {"api_token": "wrong"},
    "evolution": {"api_key": "wrong"},
    "smtp": {"password": "wrong"},
    "sendgrid": {"api_key": "SG.wrong"},
    "supabase": {"supabase_key": "sb_secret_wrong"},
    "postgres": {"password": "wrong"},
}
VERBS = {
    Channel.WHATSAPP: {"send_text", "send_media", "check_number"},
    Channel.EMAIL: {"send_mail"},
    None: {"list_tables", "select"},
}
MESSAGES: dict[str, Any] = {
    **dict.fromkeys(WHATSAPP, TextMessage("5511987654321", "Olá", REFERENCE)),
    **dict.fromkeys(("smtp", "sendgrid"), MailMessage((ANA,), "Consulta", "Olá", REFERENCE)),
}


@pytest.fixture(scope="module")
def _postgres_port() -> Iterator[int]:
    prepare_tables()
    with listening(door(password="sandbox-reader")) as peer:
        yield peer.port


@pytest.fixture
def body(sandbox: Vendor, _postgres_port: int) -> Callable[[str], dict[str, Any]]:
    """What a person types to connect a vendor of the sandbox."""

    def of(vendor: str) -> dict[str, Any]:
        port = {"smtp": sandbox.smtp_port, "postgres": _postgres_port}.get(vendor, 0)
        if vendor in ("smtp", "postgres"):
            return typed(vendor, "127.0.0.1", port)
        host, sandbox_port = sandbox.url.removeprefix("http://").split(":")
        return typed(vendor, url_of(vendor, host, int(sandbox_port)), 0)

    return of


def use(vendor: str, values: dict[str, Any], verb: Callable[[Any], Awaitable[Any]]) -> Any:
    spec = providers.get(kind_of(vendor))

    async def talk() -> Any:
        async with open_client() as http:
            provider = spec.open(spec.settings.model_validate(values), http)
            try:
                return await verb(provider)
            finally:
                await provider.aclose()
                await provider.aclose()  # closing twice is no mistake

    return asyncio.run(talk())


def test_the_suite_covers_the_registry() -> None:
    assert {kind_of(vendor) for vendor in VENDORS} == set(KINDS) == set(WRONG)


@pytest.mark.parametrize("kind", KINDS)
def test_its_entry_says_what_the_rest_needs_to_know(kind: str) -> None:
    spec = providers.get(kind)
    assert spec.kind == kind and spec.title
    assert spec.integration_type in Integration.Type.values
    assert kind in providers.of_type(spec.integration_type)
    assert spec.in_flight >= 1 and spec.pace_seconds >= 0
    assert dataclasses.is_dataclass(spec)
    named = {*spec.url_fields, *spec.host_fields}
    assert named and named <= set(spec.settings.model_fields), "what we connect to is vetted"
    if spec.channel is Channel.WHATSAPP:
        assert spec.in_flight == 1 and spec.pace_seconds > 0, "numbers are banned for bursts"


@pytest.mark.parametrize("vendor", VENDORS)
def test_its_settings_keep_secrets_refuse_strangers_and_survive_storage(
    vendor: str, body: Callable[[str], dict[str, Any]]
) -> None:
    spec, values = providers.get(kind_of(vendor)), body(vendor)
    config = spec.settings.model_validate(values)
    with pytest.raises(ValidationError):
        spec.settings.model_validate({**values, "surprise": 1})
    with pytest.raises(ValidationError):
        config.__setattr__(next(iter(spec.settings.model_fields)), "x")
    (secret,) = WRONG[kind_of(vendor)]
    assert isinstance(getattr(config, secret), SecretStr)
    assert str(values[secret]) not in repr(config)
    dumped = config.model_dump()
    stored = json.loads(json.dumps(dumped, default=lambda value: value.get_secret_value()))
    assert spec.settings.model_validate(stored) == config


@pytest.mark.parametrize("vendor", VENDORS)
def test_it_has_the_verbs_of_its_channel(vendor: str, body: Callable[[str], dict[str, Any]]) -> None:
    spec = providers.get(kind_of(vendor))
    wanted = {"check", "aclose", *VERBS[spec.channel]}
    if spec.registers_webhook:
        wanted.add("register_webhook")

    async def verbs(provider: Any) -> set[str]:
        return {name for name in wanted if inspect.iscoroutinefunction(getattr(provider, name, None))}

    assert use(vendor, body(vendor), verbs) == wanted


@pytest.mark.parametrize("vendor", VENDORS)
def test_it_is_connected_with_the_right_credentials(
    vendor: str, body: Callable[[str], dict[str, Any]]
) -> None:
    assert use(vendor, body(vendor), lambda provider: provider.check()).connected is True
    assert typed_settings(kind_of(vendor), body(vendor))


@pytest.mark.parametrize("vendor", VENDORS)
def test_wrong_credentials_are_told_as_such_and_send_nothing(
    vendor: str, body: Callable[[str], dict[str, Any]], sandbox: Vendor
) -> None:
    wrong = {**body(vendor), **WRONG[kind_of(vendor)]}
    with pytest.raises(errors.AuthFailed) as raised:
        use(vendor, wrong, lambda provider: provider.check())
    assert not raised.value.retryable and not raised.value.uncertain and raised.value.message
    if vendor in SENDERS:
        with pytest.raises(errors.AuthFailed):
            use(vendor, wrong, lambda provider: MESSAGES[vendor].send_through(provider))
        assert not [entry for entry in sandbox.journal() if entry["outcome"] == "accepted"]


@pytest.mark.parametrize("vendor", SENDERS)
def test_what_it_sends_arrives_once_under_our_reference(
    vendor: str, body: Callable[[str], dict[str, Any]], sandbox: Vendor
) -> None:
    sent = use(vendor, body(vendor), lambda provider: MESSAGES[vendor].send_through(provider))
    assert sent.provider_message_id and sent.refused == ()
    accepted = [entry for entry in sandbox.journal() if entry["outcome"] == "accepted"]
    assert len(accepted) == 1
    if vendor != "evolution":  # which has no place for it
        assert REFERENCE in json.dumps(accepted[0]["body"])


@pytest.mark.parametrize("vendor", WHATSAPP)
def test_it_sends_a_file_exactly_if_its_entry_says_so(
    vendor: str, body: Callable[[str], dict[str, Any]], sandbox: Vendor
) -> None:
    assert providers.get(kind_of(vendor)).sends_media
    media = MediaMessage("5511987654321", "image", "https://cdn.example/a.png", REFERENCE, caption="Veja")
    assert use(vendor, body(vendor), lambda provider: media.send_through(provider)).provider_message_id
    (accepted,) = [entry for entry in sandbox.journal() if entry["outcome"] == "accepted"]
    assert "https://cdn.example/a.png" in json.dumps(accepted["body"])


@pytest.mark.parametrize("vendor", WHATSAPP)
def test_it_checks_numbers_exactly_if_its_entry_says_so(
    vendor: str, body: Callable[[str], dict[str, Any]]
) -> None:
    spec, values = providers.get(kind_of(vendor)), body(vendor)
    ask = lambda digits: use(vendor, values, lambda provider: provider.check_number(digits))  # noqa: E731
    if spec.checks_numbers(spec.settings.model_validate(values)):
        assert ask("5511987654321").digits == "5511987654321"
        assert ask("5500010000000").digits is None
    else:
        with pytest.raises(errors.Unsupported):
            ask("5511987654321")


@pytest.mark.parametrize("vendor", DATABASES)
def test_it_lists_tables_and_reads_rows(vendor: str, body: Callable[[str], dict[str, Any]]) -> None:
    tables = use(vendor, body(vendor), lambda provider: provider.list_tables())
    assert "produtos" in {table.name for table in tables}
    found = use(vendor, body(vendor), lambda provider: provider.select(Select("produtos", limit=2)))
    assert len(found.rows) == 2 and found.truncated


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_is_not_there_is_unavailable_and_nothing_left(vendor: str) -> None:
    port = closed_port()
    address = "127.0.0.1" if vendor in ("smtp", "postgres") else url_of(vendor, "127.0.0.1", port)
    with pytest.raises(errors.Unavailable) as raised:
        use(vendor, typed(vendor, address, port), lambda provider: provider.check())
    assert raised.value.retryable and not raised.value.uncertain
