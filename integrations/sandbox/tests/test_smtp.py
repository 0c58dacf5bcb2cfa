import smtplib
from email.message import EmailMessage

from .conftest import Client


def test_mail_ends_in_the_journal(sandbox: Client) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Recuperação de senha"
    mail["From"] = "RENUM <no-reply@renum.example>"
    mail["To"] = "alice@acme.example"
    mail.set_content("Olá, Alice")
    mail.add_alternative("<p>Olá, Alice</p>", subtype="html")

    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as smtp:
        smtp.send_message(mail, "bounce@renum.example", ["alice@acme.example", "bob@globex.example"])

    (entry,) = sandbox.journal(provider="smtp")
    assert (entry["method"], entry["path"], entry["outcome"]) == ("DATA", "bounce@renum.example", "accepted")
    assert entry["body"] == {
        "from": "bounce@renum.example",
        "to": ["alice@acme.example", "bob@globex.example"],
        "subject": "Recuperação de senha",
        "text": "Olá, Alice\n",
    }


def test_odd_mail_is_accepted_as_well(sandbox: Client) -> None:
    odd = [
        b"no headers at all",
        b"",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
        b"Subject: =?utf-8?q?=ff?=\r\nContent-Type: multipart/mixed\r\n\r\nx",
    ]
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as smtp:
        for raw in odd:
            smtp.sendmail("", ["alice@acme.example"], raw)

    assert len(sandbox.journal(provider="smtp")) == len(odd)
