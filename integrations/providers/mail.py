"""What the providers of e-mail have in common: addresses, headers, and the mail as it travels."""

from __future__ import annotations

import html as entities
import re
import unicodedata
from collections.abc import Iterable
from email.charset import QP, Charset
from email.header import Header
from email.utils import format_datetime, formataddr

import idna
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import EmailValidator

from integrations import errors
from integrations.providers.base import MailMessage
from renum import clock

MAX_ADDRESS_LENGTH = 254  # RFC 5321, 4.5.3.1.3: a path has 256 octets, its brackets included
MAX_LOCAL_LENGTH = 64

# Controls, lone surrogates, and the separators that Python's parsers take for ends of lines.
_UNSAFE_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]+")
_is_valid = EmailValidator(allowlist=[])

# 7 bits and short lines, so that a server without 8BITMIME can pass it on as it is (and sign it).
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP


def normalize_email(text: str) -> str:
    """Return one bare address with its domain in ASCII and lower case; raises `ValueError` in Portuguese.

    The part before the `@` keeps its case: only its own server knows whether that counts.
    """
    address = text.strip()
    if not is_header_safe(address):
        raise ValueError("o e-mail contém caracteres não permitidos")
    local, at, domain = address.rpartition("@")
    if not at or "@" in local or not local or not domain:
        raise ValueError("e-mail inválido")
    if not local.isascii():
        raise ValueError("e-mails com acentos ou outros símbolos antes do @ não são aceitos")
    address = f"{local}@{_ascii_domain(domain)}"
    if len(address) > MAX_ADDRESS_LENGTH or len(local) > MAX_LOCAL_LENGTH:
        raise ValueError("e-mail longo demais")
    try:
        _is_valid(address)
    except ValidationError as error:
        raise ValueError("e-mail inválido") from error
    if local.startswith('"') or domain.startswith("["):  # Django lets quoted parts and IP addresses pass
        raise ValueError("e-mail inválido")
    return address


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        # Not Python's own codec: its older standard turns ß into ss, which is somebody else's domain.
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError("e-mail inválido") from error


def is_header_safe(text: str) -> bool:
    """Tell whether a text can be a header's value without ending it."""
    return all(unicodedata.category(char) not in _UNSAFE_CATEGORIES for char in text)


def message_id_of(reference: str, from_email: str) -> str:
    """Our own Message-ID of a mail, by which bounces and replies find it."""
    return f"<{_NOT_IN_ID.sub('-', reference)}@{from_email.rpartition('@')[2]}>"


def automation_headers(message: MailMessage) -> dict[str, str]:
    """What a mail that no person asked for says of itself (RFC 3834), and its one-click exit (RFC 8058)."""
    if not message.automated:
        return {}
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if message.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def require_clean(message: MailMessage) -> None:
    """Refuse a mail whose headers could say more than they should; raises `Rejected`.

    This comes before any header is built: older Pythons let a line end through (CVE-2026-1299).
    """
    if not is_header_safe(message.subject):
        raise errors.Rejected("O assunto contém caracteres não permitidos.")
    url = message.unsubscribe_url
    if not url.isascii() or not url.isprintable() or set(url) & set(" <>,"):
        raise errors.Rejected("O endereço de descadastro contém caracteres não permitidos.")
    if not message.to:
        raise errors.Rejected("O e-mail não tem destinatário.")
    _require_addresses((*message.recipients, *filter(None, [message.reply_to])))


def _require_addresses(addresses: Iterable[str]) -> None:
    for address in addresses:
        try:
            known = normalize_email(address)
        except ValueError as error:
            raise errors.Rejected(f"Um dos endereços não é aceito: {error}.") from error
        if known != address:
            raise errors.Rejected("Um dos endereços não está na forma em que é usado.")


def build_mail(message: MailMessage, from_email: str, from_name: str | None = None) -> bytes:
    """Write the mail as it travels: text, HTML beside it, CRLF, no Bcc. Raises `Rejected`."""
    require_clean(message)
    if not is_header_safe(f"{from_name or ''}{from_email}"):
        raise errors.Rejected("O remetente contém caracteres não permitidos.")
    mail = EmailMultiAlternatives(
        subject=_encoded("Subject", message.subject),
        body=_transportable(message.text),
        from_email=_mailbox(from_name or "", from_email),
        to=message.to,
        cc=message.cc,
        reply_to=[message.reply_to] if message.reply_to else [],
        headers={
            "Date": format_datetime(clock.now()),
            "Message-ID": message_id_of(message.reference, from_email),
            **automation_headers(message),
        },
    )
    mail.encoding = _UTF8
    if message.html:
        mail.attach_alternative(_transportable(message.html), "text/html")
    written: bytes = mail.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's own
    return written if written.endswith(b"\r\n") else written + b"\r\n"


def _mailbox(name: str, address: str) -> str:
    return formataddr((_encoded("From", name), address))


def _encoded(header: str, text: str) -> str:
    """The text in encoded words, of which the first leaves room for the header's name on its line."""
    return text if text.isascii() else Header(text, "utf-8", header_name=header).encode(linesep="")


def _transportable(text: str) -> str:
    text = text.encode(errors="ignore").decode()  # half of a surrogate pair has no UTF-8
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- HTML as plain text -----------------------------------------------------------------------------
# Not `html.parser`: Python 3.11's takes 51 s over 60 kB of unclosed tags. Here each `<` is looked at once.

_MARKUP = re.compile(
    r"""<(?P<end>/?)(?P<tag>[a-zA-Z][\w:-]*)(?P<attributes>(?:[^<>"']|"[^"<]*"|'[^'<]*')*|[^<>]*)>|<[!?][^<>]*>"""
)
_ATTRIBUTE = r"""(?<![\w-])%s\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
_HREF = re.compile(_ATTRIBUTE % "href", re.IGNORECASE)
_ALT = re.compile(_ATTRIBUTE % "alt", re.IGNORECASE)
_SKIPPED = frozenset({"script", "style", "template", "title"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"})
_LINES = frozenset({"div", "li", "tr", "section", "article", "header", "footer", "address", "dt", "dd"})
_LINE_STARTS = "\r"  # a line end, unless there is one already; no text has it
_LINKS = ("http://", "https://", "mailto:", "tel:")


def text_from_html(html: str) -> str:
    """Return what a person reads of an HTML body: its blocks as lines, its links with their address."""
    out: list[str] = []
    skipping = href = ""
    label_from = at = 0
    html = _without_comments(html)
    for markup in _MARKUP.finditer(html):
        tag = (markup["tag"] or "").lower()
        if not skipping:
            out.append(_words(html[at : markup.start()]))
        at = markup.end()
        if skipping or not tag:
            skipping = "" if markup["end"] and tag == skipping else skipping
        elif markup["end"]:
            if tag == "a" and href:
                out.append(_target(href, "".join(out[label_from:])))
                href = ""
            out.append(_break(tag))
        else:
            if tag == "a":
                href, label_from = _attribute(_HREF, markup["attributes"]), len(out)
            skipping = tag if tag in _SKIPPED else ""
            out.append(_break(tag) + ("- " if tag == "li" else ""))
            out.append(_attribute(_ALT, markup["attributes"]) if tag == "img" else "")
    out.append("" if skipping else _words(html[at:]))
    return _tidy("".join(out))


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        kept.append(html[at:start])
        end = html.find("-->", start + 2)
        at = end + 3 if end >= 0 else len(html)
    return "".join((*kept, html[at:]))


def _words(text: str) -> str:
    """The text between two tags, where a line end is a space like any other."""
    return re.sub(r"\s+", " ", entities.unescape(text))


def _break(tag: str) -> str:
    if tag in _PARAGRAPHS:
        return "\n\n"
    if tag in _LINES:
        return _LINE_STARTS
    if tag in ("br", "hr"):
        return "\n"
    return " " if tag in ("td", "th") else ""


def _attribute(pattern: re.Pattern[str], attributes: str) -> str:
    found = pattern.search(attributes)
    return _words(next(filter(None, found.groups()), "")).strip() if found else ""


def _target(href: str, label: str) -> str:
    if not href.lower().startswith(_LINKS):
        return ""
    shown = href.removeprefix("mailto:").removeprefix("tel:")
    return "" if shown in label else f" ({shown})"


def _tidy(text: str) -> str:
    lines: list[str] = []
    for line in text.split("\n"):
        parts = [" ".join(part.split()) for part in line.split(_LINE_STARTS)]
        found = [part for part in parts if part]
        if found or (lines and lines[-1]):
            lines += found or [""]
    return "\n".join(lines).strip()
