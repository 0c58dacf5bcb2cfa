"""Talk to a provider for a moment, outside of any transaction: to check settings, or to ask something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from pydantic import ValidationError

from integrations import errors, providers
from renum.errors import DomainError, InvalidInput
from renum.security.addresses import check_url
from renum.security.fields import refuse_sealed_lookalikes
from renum.security.http import open_client
from renum.security.sockets import check_host
from renum.validation import in_portuguese

T = TypeVar("T")
_ADDRESS_CHECKS = (("url_fields", check_url), ("host_fields", check_host))


@dataclass(frozen=True, slots=True)
class Checked:
    """A connection test: the provider's health and how long it took to say so."""

    health: providers.Health
    latency_ms: int


def typed_settings(kind: str, values: Mapping[str, Any]) -> providers.ProviderSettings:
    """The settings that a person typed; raises `InvalidInput` naming the fields, or `InvalidPhone`.

    Addresses are judged by their text here, and by what they lead to whenever they are used.
    """
    spec = providers.get(kind)
    try:
        config = spec.settings.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidInput(details=_details(error)) from error
    problems: dict[str, list[str]] = {}
    for fields, check in _ADDRESS_CHECKS:
        for name in getattr(spec, fields):
            if value := getattr(config, name):
                try:
                    check(value, allow_loopback=settings.ENVIRONMENT.allow_loopback)
                except ValueError as error:
                    problems[name] = [str(error).capitalize() + "."]
    for name, value in config.model_dump().items():
        try:
            refuse_sealed_lookalikes({name: value})
        except ValueError:
            problems[name] = ["Valor não permitido."]
    if problems:
        raise InvalidInput(details=problems)
    return config


def _details(error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else "non_field_errors"
        found.setdefault(field, []).append(in_portuguese(problem).capitalize() + ".")
    return found


def probe(kind: str, wanted: providers.ProviderSettings) -> tuple[providers.ProviderSettings, Checked]:
    """Find the settings that work among those that the typed ones leave open, by asking with each.

    A server asked in another's dialect may answer 404 or, since it finds no credentials, 401. So a
    refusal counts when nothing is accepted, and then before other failures. Raises a `ProviderError`.
    """
    failures: list[errors.ProviderError] = []
    for candidate in providers.get(kind).candidates(wanted):
        try:
            return candidate, check_settings(kind, candidate)
        except errors.ProviderError as error:
            failures.append(error)
            if isinstance(error, errors.Unavailable | errors.TimedOut | errors.RateLimited):
                break  # it would not answer the next either
    raise next((error for error in failures if isinstance(error, errors.AuthFailed)), failures[-1])


def check_settings(kind: str, config: providers.ProviderSettings) -> Checked:
    """Ask the provider whether these settings work; raises a `ProviderError`."""
    started = time.monotonic()
    health = reach(kind, config, lambda provider: provider.check())
    return Checked(health, round((time.monotonic() - started) * 1000))


def reach(kind: str, config: providers.ProviderSettings, use: Callable[[Any], Awaitable[T]]) -> T:
    """Open the provider for one conversation with it; raises a `ProviderError`."""

    async def conversation() -> T:
        async with open_client() as http:
            provider = providers.get(kind).open(config, http)
            try:
                return await use(provider)
            finally:
                await provider.aclose()

    return asyncio.run(conversation())


def as_domain_error(error: errors.ProviderError) -> DomainError:
    """What a caller of ours is told about a provider's failure to connect."""
    if isinstance(error, errors.AuthFailed):
        return errors.InvalidCredentials(details=error.details())
    if error.code == errors.SqlRoleTooPowerful.code:
        return errors.SqlRoleTooPowerful(error.message)
    failed = "Não foi possível conectar ao provedor"
    said = error.message if error.message.startswith(failed) else f"{failed}: {error.message}"
    return errors.ConnectionFailed(said, details=error.details())
