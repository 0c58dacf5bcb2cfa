"""Settings of a client's own Postgres, by the parts of its address."""

from __future__ import annotations

from typing import Annotated, Literal

from cryptography.x509 import load_pem_x509_certificates
from pydantic import AfterValidator, Field, SecretStr

from integrations.providers.tables import DatabaseSettings

SslMode = Literal["require", "verify-full", "disable"]


def _certificates(pem: str | None) -> str | None:
    try:
        load_pem_x509_certificates((pem or "").encode()) if pem else None
    except ValueError as error:
        raise ValueError("não é um certificado em formato PEM") from error
    return pem or None


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("contém caracteres não permitidos")
    return value


Word = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_printable)]


class PostgresSettings(DatabaseSettings):
    """`ca_certificate`: who vouches for the server, for `verify-full`; None: the public authorities.

    `disable` is for servers on this machine, in development. `sql_mode`: whether one SELECT over the
    allowed tables may be asked as SQL.
    """

    host: Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_printable)]
    port: int = Field(default=5432, ge=1, le=65_535)
    database: Word
    username: Word
    password: Annotated[SecretStr, Field(min_length=1, max_length=1000)]
    sslmode: SslMode = "require"
    ca_certificate: Annotated[str | None, Field(max_length=300_000), AfterValidator(_certificates)] = None
    sql_mode: bool = False
