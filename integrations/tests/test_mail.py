"""Addresses, headers and bodies of mails, whichever provider takes them."""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import errors
from integrations.providers.base import MailMessage
from integrations.providers.mail import (
    automation_headers,
    build_mail,
    is_header_safe,
    message_id_of,
    normalize_email,
    text_from_html,
)
from integrations.tests.helpers import Clock

MAIL = MailMessage(to=("ana@cliente.example",), subject="Oi", text="Até amanhã.", reference="7f3c-01")
SENDER = "contato@acme.example"


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ana@cliente.example", "ana@cliente.example"),
        ("  Ana.Lima@CLIENTE.Example\n", "Ana.Lima@cliente.example"),
        ("ana+x@a-b.com.br", "ana+x@a-b.com.br"),
        ("ana@Ação.com.br", "ana@xn--ao-siap.com.br"),
        ("ana@xn--ao-siap.com.br", "ana@xn--ao-siap.com.br"),
        ("ana@straße.de", "ana@xn--strae-oqa.de"),  # not strasse.de, which is somebody else
        ("o'neil@cliente.example", "o'neil@cliente.example"),
    ],
)
def test_normalizes_an_address(typed: str, address: str) -> None:
    assert normalize_email(typed) == address
    assert normalize_email(address) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ana",
        "@cliente.example",
        "ana@",
        "ana@cliente",
        "ana@localhost",
        "ana@@cliente.example",
        "ana@b@cliente.example",
        "ana lima@cliente.example",
        ".ana@cliente.example",
        "ana..lima@cliente.example",
        '"ana"@cliente.example',
        '"ana lima"@cliente.example',
        '"ana@b"@cliente.example',
        "Ana <ana@cliente.example>",
        "<ana@cliente.example>",
        "ana@cliente.example (Ana)",
        "ana(x)@cliente.example",
        "ana@cliente.example,bia@cliente.example",
        "ana@cliente.example;bia@cliente.example",
        "ana@cliente..example",
        "ana@-cliente.example",
        "ana@cliente.example.",
        "ana@[127.0.0.1]",
        "ana@127.0.0.1",
        "ana@10.0.0.10",
        "ana@xn--.example",
        "ana@\u2603" + "x" * 80 + ".example",
        "ana@exa\u3002\u3002mple.com",
        "ana\r\nRCPT TO:<bia@cliente.example>",
        "ana@cliente.example\r\nBcc: bia@cliente.example",
        "ana\x00@cliente.example",
        "ana@clien\u2028te.example",
        "a\ud800na@cliente.example",
        "joão@cliente.example",
        "a" * 65 + "@cliente.example",
        "ana@" + "a." * 130 + "example",
        "ana@" + "é" * 60 + "." + "é" * 60 + "." + "é" * 60 + "." + "é" * 60 + ".example",
    ],
)
def test_refuses_what_is_not_one_bare_address(typed: str) -> None:
    with pytest.raises(ValueError) as raised:
        normalize_email(typed)
    assert type(raised.value) is ValueError
    assert "mail" in str(raised.value) and "cliente" not in str(raised.value)


@given(st.text(alphabet="aB.@-_+ é\r\n<>\"',;:()[]\\\u2028\x00") | st.emails() | st.text())
def test_what_passes_is_safe_in_a_header_and_in_a_command(typed: str) -> None:
    try:
        address = normalize_email(typed)
    except ValueError:
        return
    assert address.isascii() and address.isprintable() and len(address) <= 254
    assert address.count("@") == 1 and not set(address) & set(' <>"(),;:\\[]')
    assert normalize_email(address) == address


# --- headers --------------------------------------------------------------------------------------


def test_the_message_id_carries_the_reference() -> None:
    assert message_id_of("0b9c-4f", SENDER) == "<0b9c-4f@acme.example>"
    assert message_id_of("a b>\r\n<c@d", SENDER) == "<a-b-c-d@acme.example>"


def test_only_automated_mail_says_that_it_is() -> None:
    url = "https://renum.example/u/abc"
    assert automation_headers(replace(MAIL, unsubscribe_url=url)) == {}
    silenced = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    assert automation_headers(replace(MAIL, automated=True)) == silenced
    assert automation_headers(replace(MAIL, automated=True, unsubscribe_url=url)) == {
        **silenced,
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_has_every_header_once_and_no_blind_copy(clock_stands: Clock) -> None:
    raw = build_mail(
        replace(
            MAIL,
            subject="Confirmação da consulta às 15h " * 6,
            to=("ana@cliente.example", "bia@cliente.example"),
            cc=("caio@cliente.example",),
            bcc=("espia@acme.example",),
            reply_to="atende@acme.example",
            html="<p>Até amanhã</p>",
        ),
        SENDER,
        'Clínica "São José", filial',
    )
    mail = parsed(raw)
    assert b"espia" not in raw and b"bcc" not in raw.lower()
    assert [name for name in mail if mail.keys().count(name) > 1] == []
    assert mail["Subject"] == ("Confirmação da consulta às 15h " * 6)
    assert mail["From"].addresses[0].display_name == 'Clínica "São José", filial'
    assert mail["From"].addresses[0].addr_spec == SENDER
    assert mail["To"] == "ana@cliente.example, bia@cliente.example"
    assert (mail["Cc"], mail["Reply-To"]) == ("caio@cliente.example", "atende@acme.example")
    assert mail["Date"].datetime == clock_stands.at
    assert mail["Message-ID"] == "<7f3c-01@acme.example>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("name", ["Clínica, filial", "ACME, Ltda.", 'A "B"', "<x@y.example>", "", "a@b"])
def test_a_name_stays_a_name(name: str) -> None:
    (sender,) = parsed(build_mail(MAIL, SENDER, name))["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, SENDER)


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=400))
def test_no_text_writes_a_header_of_its_own(subject: str, name: str, text: str) -> None:
    mail = replace(MAIL, subject=subject, text=text, html=f"<p>{text}")
    try:
        raw = build_mail(mail, SENDER, name)
    except errors.Rejected:
        assert not (is_header_safe(subject) and is_header_safe(name))
        return
    assert sorted(parsed(raw).keys()) == sorted(
        ["Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID"]
    )


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("\r\n.é")))
def test_travels_in_short_lines_of_seven_bits_and_arrives_as_it_was(text: str) -> None:
    raw = build_mail(replace(MAIL, text=text), SENDER)
    assert raw.isascii() and raw.endswith(b"\r\n")
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert parsed(raw).get_content().replace("\r\n", "\n").removesuffix("\n") == expected.removesuffix("\n")


# --- HTML as plain text ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("Só texto", "Só texto"),
        ("<p>Olá &amp; bem-vinda</p><p>Até&nbsp;já</p>", "Olá & bem-vinda\n\nAté já"),
        ("um<br>dois<BR/>três", "um\ndois\ntrês"),
        ("<div>um</div>\n   <div>dois</div>", "um\ndois"),
        ("<ul><li>um</li><li>dois</li></ul>", "- um\n- dois"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<a href='https://a.example/?x=1&amp;y=2'>aqui</a>.", "aqui (https://a.example/?x=1&y=2)."),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example"),
        ('<a href="mailto:a@b.example">escreva</a>', "escreva (a@b.example)"),
        ('<a href="javascript:alert(1)">x</a><a name="y">y</a>', "xy"),
        ("<title>T</title><style>p{}</style><script>if (a<b) '<p>x'</script>fim", "fim"),
        ("a<!-- oculto <p>x</p> -->b<!--[if mso]>c<![endif]--><!doctype html>", "ab"),
        ("2 < 3 > 1 & <3", "2 < 3 > 1 & <3"),
        ('<p title="a > b">sim</p>', "sim"),
        ('<img alt="Logo" src="x.png"> <img src="y.png">', "Logo"),
        ("&lt;b&gt;", "<b>"),
        ("<p>aberto <b>sempre", "aberto sempre"),
    ],
)
def test_says_in_plain_text_what_a_person_reads(html: str, text: str) -> None:
    assert text_from_html(html) == text


@given(st.text(alphabet="<>/!-abp =\"'&;#\n\t") | st.text())
def test_any_html_has_a_text_without_spare_space(html: str) -> None:
    text = text_from_html(html)
    assert text == text.strip() and "\n\n\n" not in text and "  " not in text


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "<a " * n,
        lambda n: "<!--" * n,
        lambda n: "<!" * n,
        lambda n: "<a x='<a" * n,
        lambda n: "<a " + "\" '" * n,
        lambda n: "<a href='http://x'>" * (n // 8) + "</a>" * (n // 8),
        lambda n: "<script>" * n,
        lambda n: "<b> " * n,
        lambda n: "&#" * n,
        lambda n: "<a" + " href " * n + ">",
        lambda n: "<br>" * n,
    ],
)
def test_hostile_html_costs_no_more_than_its_length(make: Callable[[int], str]) -> None:
    html = make(100_000)
    started = time.process_time()
    text_from_html(html)
    assert time.process_time() - started < 5  # `html.parser` takes minutes
