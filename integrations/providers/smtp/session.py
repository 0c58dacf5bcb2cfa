"""From a judged address to a session that takes mails: greeting, TLS, authentication."""

from __future__ import annotations

import asyncio
import ssl

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPResponse, SMTPResponseException

from integrations import errors
from integrations.providers.smtp.config import SmtpSettings
from integrations.providers.smtp.replies import error_of
from renum.security.addresses import is_loopback_name
from renum.security.sockets import connect_vetted

# One attempt with the first that is offered: each failure counts towards a lock-out. There is TLS around
# them, or the wire does not leave this machine.
MECHANISMS = ("plain", "login", "cram-md5")


async def open_session(config: SmtpSettings) -> SMTP:
    """Connect, secure and authenticate as the settings say; nothing of a mail is sent.

    Raises a `ProviderError` where the server's reply or the settings are the reason, else what
    `connect_vetted` and aiosmtplib raise.
    """
    tls_context = None
    if config.encryption != "plain":  # reading the machine's authorities takes 0.1 s
        tls_context = await asyncio.to_thread(ssl.create_default_context)
    connection = await connect_vetted(config.host, config.port)
    smtp: SMTP | None = None
    try:
        if config.encryption == "plain" and not is_loopback_name(connection.getpeername()[0]):
            raise errors.Misconfigured("Sem TLS, a conexão só é permitida com este computador.")
        smtp = SMTP(
            hostname=config.host,  # the name in SNI and in the certificate
            sock=connection,
            local_hostname=config.from_email.rpartition("@")[2],  # its default asks for our own name
            timeout=None,  # the exchange is bounded as a whole
            use_tls=config.encryption == "tls",
            start_tls=False,
            tls_context=tls_context,
        )
        await _be_greeted(smtp)
        if config.encryption == "starttls":
            await _start_tls(smtp)
        if config.username:
            await _log_in(smtp, config.username, config.password.get_secret_value())
    except BaseException:
        if smtp is not None:
            discard(smtp)
        connection.close()
        raise
    return smtp


def discard(smtp: SMTP) -> None:
    """Cut the connection; what is not out yet stays here."""
    if isinstance(smtp.transport, asyncio.WriteTransport):
        smtp.transport.abort()
    smtp.close()


async def _be_greeted(smtp: SMTP) -> None:
    try:
        await smtp.connect()
        await smtp.ehlo()
    except SMTPResponseException as error:
        raise _for_the_moment(error) from error


async def _start_tls(smtp: SMTP) -> None:
    # Without the offer somebody in between may have struck it out: no password goes there.
    if not smtp.supports_extension("starttls"):
        raise errors.Misconfigured("O servidor de e-mail não oferece STARTTLS nesta porta.")
    try:
        await smtp.starttls()
        await smtp.ehlo()  # what was offered before TLS counts for nothing
    except SMTPResponseException as error:
        raise _for_the_moment(error) from error


async def _log_in(smtp: SMTP, username: str, password: str) -> None:
    offered = [name for name in MECHANISMS if name in smtp.server_auth_methods]
    if not offered:
        raise errors.Misconfigured("O servidor de e-mail não oferece login com usuário e senha.")
    methods = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}
    try:
        await methods[offered[0]](username, password)
    except SMTPAuthenticationError as error:
        refusal = error_of(SMTPResponse(error.code, error.message))
        if 500 <= error.code < 600 and not isinstance(refusal, errors.AuthFailed):
            refusal = errors.AuthFailed(
                "O servidor de e-mail recusou o usuário ou a senha.", http_status=error.code
            )
        elif isinstance(refusal, errors.RateLimited):  # 454 4.7.0: its accounts are out of reach
            refusal = errors.Unavailable(
                "O servidor de e-mail não pôde conferir a senha no momento.", http_status=error.code
            )
        raise refusal from error


def _for_the_moment(error: SMTPResponseException) -> errors.ProviderError:
    """A server that does not want to talk says nothing about a mail: it can be tried again."""
    refusal = error_of(SMTPResponse(error.code, error.message))
    if refusal.retryable or isinstance(refusal, errors.ProtocolError):
        return refusal
    return errors.Unavailable(
        "O servidor de e-mail está recusando conexões no momento.", http_status=error.code
    )
