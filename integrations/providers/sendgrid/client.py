"""The only file that knows SendGrid's addresses, headers and JSON (its v3 API).

The vendor's package writes the mail; the bytes leave through our own exchange (ADR 8).
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import httpx
from sendgrid.helpers import mail as vendor
from sendgrid.helpers.mail.exceptions import ApiKeyIncludedException

from integrations import errors
from integrations.providers.base import MailMessage
from integrations.providers.mail import automation_headers, require_clean
from integrations.providers.sendgrid.config import SendGridSettings
from integrations.providers.transport import COMMON_STATUS, StatusTable, exchange, failure_body, status_error
from renum import clock

HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
REFERENCE = "message_id"  # the custom argument that comes back in every event
MAX_RESET_SECONDS = 86_400.0

_STATUS: StatusTable = {**COMMON_STATUS, 404: errors.Misconfigured}
# The same status has several meanings: the words tell. (substring, error class, sentence)
_TEXTS: tuple[tuple[str, type[errors.ProviderError], str], ...] = (
    (
        "verified sender identity",  # with 403, though the key is in order
        errors.Misconfigured,
        "O remetente não está verificado no SendGrid. Verifique o endereço ou o domínio na sua conta.",
    ),
    (
        "maximum credits exceeded",  # with 401, though the key is in order
        errors.Misconfigured,
        "Os créditos de envio da conta do SendGrid acabaram.",
    ),
    ("not authorized to send", errors.AuthFailed, "A conta do SendGrid não pode enviar e-mails agora."),
)
_SENTENCES = {
    401: "O SendGrid recusou a chave de API. Confira a chave.",
    403: "A chave de API do SendGrid não tem permissão para esta operação.",
    404: "O SendGrid não conhece este endereço. Confira a região da conta.",
    413: "O e-mail é grande demais para o SendGrid.",
}
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]-]{0,79}")

T = TypeVar("T", bound=vendor.Email)


class SendGridClient:
    """One account's requests; `http` is opened and closed by the caller."""

    def __init__(self, config: SendGridSettings, http: httpx.AsyncClient):
        self._http = http
        self._base = config.api_host or HOSTS[config.region]
        self._headers = {"Authorization": f"Bearer {config.api_key.get_secret_value()}"}

    async def request(self, method: str, path: str, payload: Any = None) -> httpx.Response:
        """Return the 2xx answer; raises a `ProviderError`."""
        response = await exchange(
            self._http, method, f"{self._base}/v3{path}", json=payload, headers=self._headers
        )
        if response.is_success:
            return response
        raise error_of(response)


def mail_body(config: SendGridSettings, message: MailMessage) -> dict[str, Any]:
    """Write the body of `mail/send`; raises `Rejected` for what must not leave."""
    require_clean(message)
    mail = vendor.Mail()
    mail.from_email = _address(vendor.From, config.from_email, config.from_name)
    mail.subject = vendor.Subject(message.subject)
    mail.add_personalization(_recipients(message))
    try:
        mail.add_content(_content(vendor.MimeType.text, message.text))
        if message.html:
            mail.add_content(_content(vendor.MimeType.html, message.html))
    except ApiKeyIncludedException as error:
        raise errors.Rejected("O texto contém uma chave de API do SendGrid.") from error
    if message.reply_to:
        mail.reply_to = _address(vendor.ReplyTo, message.reply_to)
    for name, value in automation_headers(message).items():
        mail.add_header(vendor.Header(name, value))
    mail.add_custom_arg(vendor.CustomArg(REFERENCE, message.reference))
    if config.sandbox_mode:
        mail.mail_settings = vendor.MailSettings(sandbox_mode=vendor.SandBoxMode(True))
    body: dict[str, Any] = mail.get()
    return body


def _content(kind: str, text: str) -> vendor.Content:
    # Half of a surrogate pair, as of an emoji cut in two, has no UTF-8.
    return vendor.Content(kind, text.encode(errors="ignore").decode())


def _recipients(message: MailMessage) -> vendor.Personalization:
    """All in one personalization, each address once: SendGrid refuses one that appears twice."""
    lists = vendor.Personalization()
    seen: set[str] = set()
    for kind, addresses in ((vendor.To, message.to), (vendor.Cc, message.cc), (vendor.Bcc, message.bcc)):
        for address in addresses:
            if address.lower() not in seen:
                seen.add(address.lower())
                lists.add_email(_address(kind, address))
    return lists


def _address(kind: type[T], address: str, name: str | None = None) -> T:
    # Set, not passed: its constructor would take an address without a name apart like a header.
    made: T = kind()
    made.email = address
    made.name = name or None
    return made


def error_of(response: httpx.Response) -> errors.ProviderError:
    """Classify a failure by the vendor's words, then the HTTP status."""
    status = response.status_code
    first = _first_error(response)
    words = str(first.get("message")).lower()
    if 400 <= status < 500:
        for text, cls, sentence in _TEXTS:
            if text in words:
                return cls(sentence, http_status=status)
    message = _SENTENCES.get(status, "")
    field = first.get("field")
    if status == 400 and isinstance(field, str) and _FIELD.fullmatch(field):
        message = f"O SendGrid recusou o pedido por causa do campo {field}."
    error = status_error(response, _STATUS, message)
    if isinstance(error, errors.RateLimited) and error.retry_after is None:
        error.retry_after = _seconds_to_reset(response)
    return error


def _first_error(response: httpx.Response) -> dict[str, Any]:
    listed = failure_body(response).get("errors")
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, dict) else {}


def _seconds_to_reset(response: httpx.Response) -> float | None:
    """The vendor names the instant, in epoch seconds; None without one, or one that makes no sense."""
    text = response.headers.get("X-RateLimit-Reset", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return None
    seconds = int(text) - clock.now().timestamp()
    return max(seconds, 0.0) if seconds <= MAX_RESET_SECONDS else None
