"""A mail sink: whatever is sent here ends in the journal and goes nowhere else."""

import asyncio
import email
import email.policy
import itertools
import logging
import ssl
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from .faults import Faults
from .journal import Entry, Journal
from .smtp_faults import AnySmtpFault, SmtpDropFault, SmtpReplyFault

USER, PASSWORD = "demo", "demo-password"
# Mailboxes whose name begins so do not exist.
UNKNOWN_PREFIX = "unknown"
HANG_SECONDS = 120

# The headers that are shown beside a mail's text, by their name in the journal.
_HEADERS = {
    "message_id": "Message-ID",
    "reply_to": "Reply-To",
    "list_unsubscribe": "List-Unsubscribe",
    "list_unsubscribe_post": "List-Unsubscribe-Post",
    "auto_submitted": "Auto-Submitted",
}
_EMPTY: dict[str, Any] = {
    "subject": "",
    "text": "",
    "html": "",
    "cc": [],
    "bcc": [],
    **dict.fromkeys(_HEADERS, ""),
}


class Sink:
    """What aiosmtpd calls at each stage of one connection. `number`: which connection it is."""

    def __init__(self, journal: Journal, faults: Faults, number: int) -> None:
        self._journal, self._faults, self._number = journal, faults, number

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        if reply := await self.meet("ehlo", server, session, envelope):
            return [reply]
        session.host_name = hostname
        return responses

    async def handle_AUTH(self, server: SMTP, session: Session, envelope: Envelope, args: list[str]) -> Any:
        return await self.meet("auth", server, session, envelope) or MISSING

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self.meet("mail", server, session, envelope, address):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self.meet("rcpt", server, session, envelope, address):
            return reply
        if address.lower().startswith(UNKNOWN_PREFIX):
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        entry = self._note("DATA", server, session, envelope, _read_mail(raw, envelope.rcpt_tos))
        fault = self._faults.take_for_smtp("body", "")
        if fault is None:
            return "250 2.0.0 Message accepted for the journal"
        return await self._suffer(fault, entry, server)

    async def meet(
        self, stage: str, server: SMTP, session: Session, envelope: Envelope, address: str = ""
    ) -> str:
        """The reply that is scripted for this stage, "" without one; does not return from a cut."""
        fault = self._faults.take_for_smtp(stage, address)
        if fault is None:
            return ""
        entry = self._note(stage.upper(), server, session, envelope, _EMPTY)
        if stage in ("mail", "rcpt"):
            entry.body["address"] = address
        return await self._suffer(fault, entry, server)

    def _note(
        self, method: str, server: SMTP, session: Session, envelope: Envelope, mail: dict[str, Any]
    ) -> Entry:
        transport, known = server.transport, session.auth_data
        body = {
            "from": envelope.mail_from,
            "to": list(envelope.rcpt_tos),
            **mail,
            "tls": transport is not None and transport.get_extra_info("sslcontext") is not None,
            "user": known.login.decode("utf-8", "replace") if isinstance(known, LoginPassword) else None,
            "session": self._number,
        }
        return self._journal.add("smtp", method, envelope.mail_from or "", body, "accepted")

    async def _suffer(self, fault: AnySmtpFault, entry: Entry, server: SMTP) -> str:
        if isinstance(fault, SmtpReplyFault):
            entry.outcome = f"fault:{fault.code}"
            reply = f"{fault.code} {fault.text}"
            if fault.code == 421 and server.transport is not None:
                await server.push(reply)
                server.transport.close()
                await asyncio.sleep(HANG_SECONDS)
            return reply
        dropped = isinstance(fault, SmtpDropFault)
        entry.outcome = "dropped" if dropped else "hung"
        if dropped and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        # aiosmtpd cancels us as soon as the connection is gone.
        await asyncio.sleep(HANG_SECONDS)
        return "421 4.4.2 The sandbox hung up"


class Server(SMTP):
    """One connection, with the two stages that aiosmtpd has no hook for."""

    async def _handle_client(self) -> None:
        try:
            if reply := await self._meet("connect"):
                await self.push(reply)
        except asyncio.CancelledError:
            self._writer.close()
            raise
        if not reply:
            await super()._handle_client()
        self._writer.close()

    async def smtp_DATA(self, arg: str) -> None:
        if self.envelope is not None and self.envelope.rcpt_tos and (reply := await self._meet("data")):
            await self.push(reply)
            return
        await super().smtp_DATA(arg)

    async def _meet(self, stage: str) -> str:
        sink, session, envelope = self.event_handler, self.session, self.envelope
        if not isinstance(sink, Sink) or session is None or envelope is None:
            raise RuntimeError("the connection was not made")
        return await sink.meet(stage, self, session, envelope)


class MailServers:
    """The listeners: one port in the clear with STARTTLS on it, one with TLS throughout, if there is a
    certificate."""

    def __init__(self, journal: Journal, faults: Faults, certificate: ssl.SSLContext | None = None) -> None:
        self._journal, self._faults, self._certificate = journal, faults, certificate
        self._numbers = itertools.count(1)
        # It logs each wrong command, and its own use of what it deprecates; the journal says what arrived.
        logging.getLogger("mail.log").setLevel(logging.ERROR)

    async def listen(self, host: str, port: int, *, implicit_tls: bool = False) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            self._serve_tls if implicit_tls else self._serve,
            host,
            port,
            ssl=self._certificate if implicit_tls else None,
        )

    def _serve(self) -> SMTP:
        return self._build(self._certificate)

    def _serve_tls(self) -> SMTP:
        return self._build(None)

    def _build(self, starttls: ssl.SSLContext | None) -> SMTP:
        return Server(
            Sink(self._journal, self._faults, next(self._numbers)),
            hostname="sandbox",  # the default asks the resolver for each connection
            ident="sandbox",
            enable_SMTPUTF8=True,
            tls_context=starttls,
            auth_require_tls=False,
            authenticator=_authenticate,
        )


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, known: Any
) -> AuthResult:
    right = isinstance(known, LoginPassword) and known == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False, auth_data=known if right else None)


def _read_mail(raw: bytes, recipients: list[str]) -> dict[str, Any]:
    """What a mail says, however odd it is; `text` is its HTML if there is no other."""
    mail = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    try:
        plain, html = mail.get_body(("plain", "html")), mail.get_body(("html",))
        named = [address.lower() for _, address in getaddresses([*_all(mail, "To"), *_all(mail, "Cc")])]
        return {
            "subject": str(mail["subject"] or ""),
            "text": _content(plain),
            "html": _content(html),
            "cc": [address for _, address in getaddresses(_all(mail, "Cc"))],
            "bcc": [address for address in recipients if address.lower() not in named],
            **{name: str(mail[header] or "") for name, header in _HEADERS.items()},
        }
    except (LookupError, ValueError, AttributeError, TypeError):
        # Python's parser fails on some malformed headers and charsets; what arrived is still worth showing.
        return {**_EMPTY, "text": raw.decode("utf-8", "replace")}


def _content(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n") if part else ""


def _all(mail: EmailMessage, header: str) -> list[str]:
    return [str(value) for value in mail.get_all(header, [])]
