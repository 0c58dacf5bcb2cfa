"""SendGrid's stand-in, as the tests of our side use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from integrations import providers
from integrations.providers.base import MailMessage
from integrations.providers.sendgrid.config import SendGridSettings
from integrations.sandbox.sendgrid import KEY
from integrations.tests.helpers import Vendor
from renum.security.http import open_client

SETTINGS = "/sendgrid/v3/user/webhooks/event/settings"
HOOK = "https://renum.example/webhooks/sendgrid/the-key"
MAIL = MailMessage(
    to=("ana@example.com",), subject="Sua consulta", text="Olá, Ana", reference="7c9e6679-7425-40de-944b-e07f"
)


def settings_for(url: str, **more: Any) -> SendGridSettings:
    values = {"api_key": KEY, "from_email": "contato@clinica.example", "api_host": url, **more}
    return SendGridSettings.model_validate(values)


def ask(url: str, use: Callable[[Any], Awaitable[Any]], **more: Any) -> Any:
    async def talk() -> Any:
        async with open_client() as http:
            return await use(providers.get("sendgrid").open(settings_for(url, **more), http))

    return asyncio.run(talk())


def check(url: str, **more: Any) -> providers.Health:
    health: providers.Health = ask(url, lambda provider: provider.check(), **more)
    return health


def send(url: str, message: MailMessage = MAIL, **more: Any) -> providers.SendResult:
    result: providers.SendResult = ask(url, lambda provider: provider.send_mail(message), **more)
    return result


def register(url: str, hook: str = HOOK, **more: Any) -> dict[str, Any]:
    learned: dict[str, Any] = ask(url, lambda provider: provider.register_webhook(hook, None), **more)
    return learned


def changed(**fields: Any) -> MailMessage:
    known = {name: getattr(MAIL, name) for name in MAIL.__dataclass_fields__}
    return MailMessage(**{**known, **fields})


def emptied_account(sandbox: Vendor) -> str:
    """Where SendGrid's stand-in is. Its account has no webhooks, and the journal is empty."""
    for webhook in listed(sandbox):
        sandbox.http.delete(f"{SETTINGS}/{webhook['id']}", headers=AUTH).raise_for_status()
    sandbox.http.delete("/_sandbox/journal")
    return f"{sandbox.url}/sendgrid"


AUTH = {"Authorization": f"Bearer {KEY}"}


def listed(sandbox: Vendor) -> list[dict[str, Any]]:
    webhooks: list[dict[str, Any]] = sandbox.http.get(f"{SETTINGS}/all", headers=AUTH).json()["webhooks"]
    return webhooks


def sent(sandbox: Vendor) -> list[Any]:
    """The bodies that arrived at mail/send."""
    return [entry["body"] for entry in sandbox.journal(provider="sendgrid", path="/mail/send")]
