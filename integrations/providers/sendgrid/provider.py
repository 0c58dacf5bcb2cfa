"""Our verbs over SendGrid."""

from __future__ import annotations

import re
from typing import Any

import httpx
from pydantic import SecretStr

from integrations import errors
from integrations.providers.base import Health, MailMessage, ProviderSpec, SendResult, clean_identifier
from integrations.providers.sendgrid.client import SendGridClient, mail_body
from integrations.providers.sendgrid.config import SendGridSettings, check_public_key
from integrations.providers.transport import decoded_object
from renum.conversations.models import Channel

SEND_SCOPE = "mail.send"
WEBHOOKS = "/user/webhooks/event/settings"
WEBHOOK_NAME = "RENUM"
WANTED = ("deferred", "delivered", "bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe")
UNWANTED = ("processed", "open", "click", "group_resubscribe")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SendGrid:
    """The v3 API. Its 202 means queued: what became of the mail comes by webhook."""

    def __init__(self, config: SendGridSettings, http: httpx.AsyncClient):
        self._config = config
        self._client = SendGridClient(config, http)

    async def check(self) -> Health:
        scopes = decoded_object(await self._client.request("GET", "/scopes")).get("scopes")
        if not isinstance(scopes, list):
            raise errors.ProtocolError
        if SEND_SCOPE not in scopes:
            return Health(
                connected=False, detail="A chave não tem permissão para enviar e-mails (mail.send)."
            )
        return Health(connected=True)

    async def send_mail(self, message: MailMessage) -> SendResult:
        answer = await self._client.request("POST", "/mail/send", mail_body(self._config, message))
        # Sandbox mode is answered with 200. Elsewhere that is somebody else's page, not SendGrid's word.
        if answer.status_code != 202 and not (self._config.sandbox_mode and answer.status_code == 200):
            raise errors.ProtocolError(http_status=answer.status_code)
        return SendResult(clean_identifier(answer.headers.get("X-Message-Id", "").strip()))

    async def register_webhook(self, url: str, secret: SecretStr | None) -> dict[str, Any]:
        """Point an event webhook at `url` and have it signed. SendGrid makes the key: `secret` is unused.

        One that has our address already, or had it with another secret part, is updated; the account's
        others are left alone.
        """
        wanted = {
            "enabled": True,
            "url": url,
            "friendly_name": WEBHOOK_NAME,
            **dict.fromkeys(WANTED, True),
            **dict.fromkeys(UNWANTED, False),
        }
        identifier = _ours(await self._list_webhooks(), url)
        if identifier:
            await self._client.request("PATCH", f"{WEBHOOKS}/{identifier}", wanted)
        else:
            made = decoded_object(await self._client.request("POST", WEBHOOKS, wanted))
            identifier = _identifier(made)
        signed = await self._client.request("PATCH", f"{WEBHOOKS}/signed/{identifier}", {"enabled": True})
        try:
            return {"webhook_public_key": check_public_key(str(decoded_object(signed).get("public_key")))}
        except ValueError as error:  # kept as it is, it would make the settings unreadable
            raise errors.ProtocolError from error

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def _list_webhooks(self) -> list[dict[str, Any]]:
        listed = decoded_object(await self._client.request("GET", f"{WEBHOOKS}/all")).get("webhooks")
        if not isinstance(listed, list):
            raise errors.ProtocolError
        return [webhook for webhook in listed if isinstance(webhook, dict)]


def _ours(webhooks: list[dict[str, Any]], url: str) -> str | None:
    """The id of the webhook to update: the one with this very address before one that differs in its end."""
    place = url.rpartition("/")[0]
    same = [webhook for webhook in webhooks if webhook.get("url") == url]
    moved = [webhook for webhook in webhooks if str(webhook.get("url")).rpartition("/")[0] == place]
    found = same or moved
    return _identifier(found[0]) if found else None


def _identifier(webhook: dict[str, Any]) -> str:
    identifier = webhook.get("id")
    # It becomes part of a path.
    if not isinstance(identifier, str) or not _IDENTIFIER.fullmatch(identifier):
        raise errors.ProtocolError
    return identifier


SPEC = ProviderSpec(
    kind="sendgrid",
    title="SendGrid",
    integration_type="email_sendgrid",
    settings=SendGridSettings,
    open=SendGrid,
    channel=Channel.EMAIL,
    url_fields=("api_host",),
    in_flight=10,
    registers_webhook=True,
)
