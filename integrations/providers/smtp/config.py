"""Settings of an account at a mail server."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from django.conf import settings
from pydantic import AfterValidator, Field, SecretStr, model_validator

from integrations.providers.base import ProviderSettings
from integrations.providers.mail import is_header_safe, normalize_email
from renum.security.addresses import is_loopback_name
from renum.security.sockets import check_host

Security = Literal["starttls", "tls", "plain"]


def _as_host(value: str) -> str:
    host = value.lower().removesuffix(".")  # a certificate never has the final dot
    check_host(host, allow_loopback=settings.ENVIRONMENT.allow_loopback)
    return host


def _is_one_line(value: str) -> str:
    if not is_header_safe(value):
        raise ValueError("contém caracteres não permitidos")
    return value


def _is_secret_line(value: SecretStr) -> SecretStr:
    _is_one_line(value.get_secret_value())
    return value


Line = Annotated[str, AfterValidator(_is_one_line)]


class SmtpSettings(ProviderSettings):
    """Without `username` there is no authentication. `security` absent: what `port` and `use_tls` mean."""

    host: Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_as_host)]
    port: int = Field(ge=1, le=65535)
    username: Annotated[Line | None, Field(max_length=320)] = None
    password: Annotated[SecretStr, Field(max_length=1000), AfterValidator(_is_secret_line)] = SecretStr("")
    use_tls: bool = True
    from_email: Annotated[str, AfterValidator(normalize_email)]
    from_name: Annotated[Line | None, Field(max_length=100)] = None
    security: Security | None = None

    @property
    def encryption(self) -> Security:
        if self.security:
            return self.security
        if self.port == 465:  # by RFC 8314, whatever "TLS" means to who typed it
            return "tls"
        return "starttls" if self.use_tls else "plain"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.username and not self.password.get_secret_value():
            raise ValueError("informe a senha deste usuário")
        if self.encryption == "plain" and not (
            settings.ENVIRONMENT.allow_loopback and is_loopback_name(self.host)
        ):
            raise ValueError("sem TLS a senha e os e-mails seguiriam abertos; use STARTTLS ou TLS")
        return self
