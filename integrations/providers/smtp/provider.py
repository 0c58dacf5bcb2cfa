"""Our verbs over SMTP."""

from __future__ import annotations

import httpx

from integrations.providers.base import Health, MailMessage, ProviderSpec, SendResult, clean_identifier
from integrations.providers.mail import build_mail, message_id_of
from integrations.providers.smtp.client import SmtpClient
from integrations.providers.smtp.config import SmtpSettings
from renum.conversations.models import Channel


class Smtp:
    """A client's account at a mail server. Its yes means queued there; bounces come by mail."""

    def __init__(self, config: SmtpSettings, http: httpx.AsyncClient):
        self._config = config
        self._client = SmtpClient(config)

    async def check(self) -> Health:
        await self._client.probe()
        return Health(connected=True)

    async def send_mail(self, message: MailMessage) -> SendResult:
        config = self._config
        mail = build_mail(message, config.from_email, config.from_name)
        recipients = list(dict.fromkeys(message.recipients))
        refused = await self._client.send(recipients, mail, accept_partial=message.accept_partial)
        identifier = message_id_of(message.reference, config.from_email)
        return SendResult(clean_identifier(identifier), refused)

    async def aclose(self) -> None:
        await self._client.close()


SPEC = ProviderSpec(
    kind="smtp",
    title="SMTP",
    integration_type="email_smtp",
    settings=SmtpSettings,
    open=Smtp,
    channel=Channel.EMAIL,
    host_fields=("host",),
    in_flight=1,  # mails follow each other on one connection
)
