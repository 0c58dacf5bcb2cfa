"""One connection to a mail server, and what is known of the fate of the mails that go over it."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPResponseException, SMTPServerDisconnected
from django.conf import settings

from integrations import errors
from integrations.providers.base import RefusedRecipient
from integrations.providers.smtp.config import SmtpSettings
from integrations.providers.smtp.replies import NOT_SMTP, error_of, require_yes
from integrations.providers.smtp.session import discard, open_session
from renum.security.redaction import redact_text

QUIT_SECONDS = 2.0
MAX_DETAIL_LENGTH = 200

_DOT = re.compile(rb"^\.", re.MULTILINE)


class SmtpClient:
    """Opened on first use, reused, dropped when in doubt."""

    def __init__(self, config: SmtpSettings):
        self._config = config
        self._smtp: SMTP | None = None
        self._handed_over = False  # the server may have the mail that is being sent
        self._lock = asyncio.Lock()

    async def probe(self) -> None:
        """Connect, secure, authenticate and be answered; raises a `ProviderError`."""
        async with self._exchange():
            smtp = await self._ready()
            require_yes(await smtp.execute_command(b"NOOP"))

    async def send(
        self, recipients: Sequence[str], mail: bytes, *, accept_partial: bool
    ) -> tuple[RefusedRecipient, ...]:
        """Send one mail, all CRLF; returns who was refused while others got it. Raises a `ProviderError`."""
        refused: tuple[RefusedRecipient, ...] = ()
        async with self._exchange():
            smtp = await self._ready()
            size = [b"SIZE=%d" % len(mail)] if smtp.supports_extension("size") else []
            require_yes(await smtp.execute_command(b"MAIL", b"FROM:" + _path(self._config.from_email), *size))
            refused = await _name_recipients(smtp, recipients, accept_partial)
            started = await smtp.execute_command(b"DATA")
            if started.code != 354:
                raise error_of(started)
            require_yes(await self._hand_over(smtp, mail))
        return refused

    async def close(self) -> None:
        """Say good-bye if the connection is still there."""
        async with self._lock:
            if self._smtp is not None:
                with suppress(SMTPException, OSError):  # the mails are out, whatever comes of it
                    async with asyncio.timeout(QUIT_SECONDS):
                        await self._smtp.execute_command(b"QUIT")
            self._drop()

    @asynccontextmanager
    async def _exchange(self) -> AsyncIterator[None]:
        """Bound what is done inside as a whole, and name its failure by whether the mail may have left."""
        async with self._lock:
            self._handed_over = False
            try:
                async with asyncio.timeout(settings.ENVIRONMENT.provider_timeout_seconds):
                    yield
            except (errors.ProtocolError, SMTPResponseException) as error:
                self._drop()
                cls = errors.ProtocolError if self._handed_over else errors.Unavailable
                raise cls(NOT_SMTP) from error
            except errors.ProviderError:
                raise  # a clear word: the connection is in order, its next user starts anew
            except (SMTPException, OSError) as error:  # TimeoutError is one
                self._drop()
                raise (errors.TimedOut if self._handed_over else errors.Unavailable)(_told(error)) from error
            except BaseException:
                self._drop()
                raise

    async def _ready(self) -> SMTP:
        """A connection with no mail under way: the open one if it still answers, else a new one."""
        if self._smtp is not None:
            with suppress(SMTPException, OSError):
                if (await self._smtp.execute_command(b"RSET")).code == 250:
                    return self._smtp
            self._drop()
        self._smtp = await open_session(self._config)
        return self._smtp

    async def _hand_over(self, smtp: SMTP, mail: bytes) -> SMTPResponse:
        # aiosmtplib's own `data` does not tell a failure of the command from one of the mail.
        if smtp.protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        smtp.protocol.write(_DOT.sub(b"..", mail) + b".\r\n")
        self._handed_over = True
        return await smtp.protocol.read_response()

    def _drop(self) -> None:
        if self._smtp is not None:
            discard(self._smtp)
        self._smtp = None


async def _name_recipients(
    smtp: SMTP, recipients: Sequence[str], accept_partial: bool
) -> tuple[RefusedRecipient, ...]:
    """Tell the server who gets the mail; returns those it refuses. Raises if it is nobody, or if one is
    refused for the moment only and the mail is to wait for them."""
    refused, failures = [], []
    for address in recipients:
        reply = await smtp.execute_command(b"RCPT", b"TO:" + _path(address))
        if 200 <= reply.code < 300:
            continue
        error = error_of(reply)
        tolerated = error.retryable and accept_partial and reply.code != 421  # 421 ends the connection
        error.about_recipient = reply.code != 421
        if not tolerated and not isinstance(error, errors.Rejected):
            raise error
        failures.append(error)
        detail = redact_text(reply.message.encode(errors="ignore").decode()).replace("\x00", "")
        refused.append(RefusedRecipient(address, reply.code, detail[:MAX_DETAIL_LENGTH]))
    if len(failures) == len(recipients):
        # Nothing went to anybody, so those refused for the moment are worth another try.
        raise next((error for error in failures if error.retryable), failures[0])
    return tuple(refused)


def _path(address: str) -> bytes:
    return b"<" + address.encode("ascii") + b">"


def _told(error: BaseException | None) -> str:
    """What to say of a failure, by what is at the bottom of it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "O certificado do servidor de e-mail não é confiável ou é de outro endereço."
        if isinstance(error, ssl.SSLError):
            return "Não foi possível abrir a conexão segura (TLS). Confira a porta e o tipo de segurança."
        if isinstance(error, TimeoutError):
            return "O servidor de e-mail não respondeu a tempo."
        error = error.__cause__
    return "A conexão com o servidor de e-mail falhou."
