"""A mail sink: whatever is sent here ends in the journal and goes nowhere else."""

import asyncio
import email
import email.policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

from .journal import Journal


class Sink:
    """The handler that aiosmtpd calls for each mail."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        subject, text = _read_mail(raw)
        body = {"from": envelope.mail_from, "to": list(envelope.rcpt_tos), "subject": subject, "text": text}
        self._journal.add("smtp", "DATA", envelope.mail_from or "", body, "accepted")
        return "250 Message accepted for the journal"


async def start_smtp(journal: Journal, host: str, port: int) -> asyncio.Server:
    # A fixed host name: the default asks the resolver for each connection.
    return await asyncio.get_running_loop().create_server(
        lambda: SMTP(Sink(journal), hostname="sandbox", ident="sandbox", enable_SMTPUTF8=True), host, port
    )


def _read_mail(raw: bytes) -> tuple[str, str]:
    """Return the subject and the plain text (the HTML, if there is no other) of a mail, however odd it is."""
    mail = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    try:
        part = mail.get_body(preferencelist=("plain", "html"))
        text = str(part.get_content()) if part else ""
        return str(mail["subject"] or ""), text.replace("\r\n", "\n")
    except (LookupError, ValueError, AttributeError, TypeError):
        # Python's parser fails on some malformed headers and charsets; what arrived is still worth showing.
        return "", raw.decode("utf-8", "replace")
