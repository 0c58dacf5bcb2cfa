"""Settings of a SendGrid account."""

from __future__ import annotations

import base64
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from pydantic import AfterValidator, Field

from integrations.providers.base import ProviderSettings, Token
from integrations.providers.mail import is_header_safe, normalize_email
from renum.security.addresses import check_url


def _is_one_line(value: str) -> str:
    if not is_header_safe(value):
        raise ValueError("contém caracteres não permitidos")
    return value


def check_public_key(value: str) -> str:
    """Return the key if it is one that SendGrid can have signed with; raises `ValueError`."""
    try:
        key = load_der_public_key(base64.b64decode(value, validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("não é uma chave pública válida") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("não é uma chave pública ECDSA P-256")
    return value


def _is_sandbox(value: str) -> str:
    """Users choose no host: whoever is sent the key can use it. Only the stand-in has one of its own."""
    allowed = settings.ENVIRONMENT.allow_loopback
    check_url(value, allow_loopback=allowed)
    if not allowed or urlsplit(value).scheme != "http":  # plain HTTP passes for loopback only
        raise ValueError("este endereço não é permitido")
    return value.rstrip("/")


class SendGridSettings(ProviderSettings):
    """`webhook_public_key`: base64 of the DER key that SendGrid signs its events with."""

    api_key: Token
    from_email: Annotated[str, AfterValidator(normalize_email)]
    from_name: Annotated[str, Field(max_length=100), AfterValidator(_is_one_line)] | None = None
    region: Literal["global", "eu"] = "global"
    sandbox_mode: bool = False
    webhook_public_key: Annotated[str, Field(max_length=500), AfterValidator(check_public_key)] | None = None
    api_host: Annotated[str, Field(max_length=200), AfterValidator(_is_sandbox)] | None = None
