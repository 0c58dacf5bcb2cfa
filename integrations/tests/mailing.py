"""What the tests of SMTP share: an account, a mail, and a mail server that follows a script."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from integrations import providers
from integrations.providers.base import MailMessage, SendResult
from integrations.providers.smtp.config import SmtpSettings
from renum.security.http import open_client
from renum.security.tests.peers import Behaviour, Peer

SENDER = "contato@acme.example"
ANA, BIA, CAIO = "ana@cliente.example", "bia@cliente.example", "caio@cliente.example"
MAIL = MailMessage(to=(ANA,), subject="Consulta confirmada", text="Até amanhã.", reference="7f3c-01")


def account(port: int, **fields: Any) -> SmtpSettings:
    """An account on this machine, in the clear unless `security` says otherwise."""
    fields = {"host": "localhost", "security": "plain", "from_email": SENDER, **fields}
    return SmtpSettings.model_validate({"port": port, **fields})


def with_login(port: int, **fields: Any) -> SmtpSettings:
    return account(port, **{"username": "demo", "password": SecretStr("demo-password"), **fields})


def using(config: SmtpSettings, use: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `use` makes of the provider, which is closed afterwards."""

    async def talk() -> Any:
        async with open_client() as http:
            provider = providers.get("smtp").open(config, http)
            try:
                return await use(provider)
            finally:
                await provider.aclose()

    return asyncio.run(talk())


def check(config: SmtpSettings) -> providers.Health:
    health: providers.Health = using(config, lambda provider: provider.check())
    return health


def send(config: SmtpSettings, mail: MailMessage = MAIL, **changes: Any) -> SendResult:
    result: SendResult = using(config, lambda provider: provider.send_mail(replace(mail, **changes)))
    return result


HANG, DRIP = "hang", "drip"
YES = {
    "greeting": b"220 mail.example ESMTP\r\n",
    "EHLO": b"250-mail.example\r\n250-AUTH PLAIN\r\n250 SIZE 1000000\r\n",
    "AUTH": b"235 2.7.0 OK\r\n",
    "DATA": b"354 go ahead\r\n",
    "body": b"250 2.0.0 queued\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}


def speaking(**script: bytes | str) -> Behaviour:
    """A mail server that says yes, except where the script has a reply, `HANG`, `DRIP`, or b"" for hanging up.

    `after_mail`: instead of waiting for the next command once a mail was taken. Each line that it hears
    is in `heard`; a body as one line.
    """

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        lines = connection.makefile("rb")

        def answer(stage: str) -> bool:
            reply = script.get(stage, YES.get(stage, b"250 OK\r\n"))
            if reply == HANG:
                over.wait(10)
                return False
            if reply == DRIP:
                while not over.wait(0.05):
                    connection.sendall(b"250-still here\r\n")
                return False
            assert isinstance(reply, bytes)
            connection.sendall(reply)
            return reply != b""

        with lines:
            going = answer("greeting")
            while going and (line := lines.readline()):
                peer.heard.append(line.rstrip(b"\r\n"))
                verb = line.split()[0].decode("ascii", "replace").upper() if line.split() else ""
                going = answer(verb) and verb != "QUIT"
                if going and verb == "DATA" and script.get("DATA", YES["DATA"]).startswith(b"354"):  # type: ignore[arg-type]
                    body = b""
                    while not body.endswith(b"\r\n.\r\n") and (line := lines.readline()):
                        body += line
                    peer.heard.append(body)
                    going = answer("body") and script.get("after_mail") != b""

    return behave


def verbs(peer: Peer) -> list[str]:
    """The commands that a server heard, without their arguments and without the bodies."""
    return [
        line.split()[0].decode("ascii", "replace")
        for line in peer.heard
        if b"\n" not in line and line.split()
    ]


def bodies(peer: Peer) -> list[bytes]:
    return [line for line in peer.heard if b"\n" in line]
