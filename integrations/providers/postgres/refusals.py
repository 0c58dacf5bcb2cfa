"""What a client's Postgres, or libpq before it, means by an error."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg

from integrations import errors
from integrations.providers.tables import AWAY, SQLSTATES, Failure, failure_of, to_error

_NO_TLS: Failure = (
    errors.Misconfigured,
    "MISCONFIGURED",
    "O servidor não aceita conexões seguras (TLS). Ative TLS no banco de dados.",
)
_CERTIFICATE: Failure = (
    errors.Misconfigured,
    "MISCONFIGURED",
    "O certificado do servidor não confere. Informe ca_certificate e confira o nome do servidor.",
)
NOT_LOCAL: Failure = (
    errors.Misconfigured,
    "MISCONFIGURED",
    "Sem TLS, só se conecta a um servidor desta máquina, em desenvolvimento.",
)
_METHOD: Failure = (errors.Misconfigured, "MISCONFIGURED", "O servidor pede uma autenticação que não usamos.")
UNREACHED: Failure = (
    errors.Unavailable,
    "CONNECTION_FAILED",
    "Não foi possível conectar ao banco de dados.",
)
_LOST: Failure = (errors.TimedOut, "TIMED_OUT", "A conexão com o banco de dados caiu antes da resposta.")
# libpq gives no SQLSTATE for a connection that failed, only the server's words, in English or in Portuguese.
_WORDS: Sequence[tuple[str, Failure]] = [
    (r"does not support ssl", _NO_TLS),
    (r"certificate", _CERTIFICATE),
    (r"authentication method|authentication requirement", _METHOD),
    (r"(database|banco de dados) .* (does not exist|não existe)", SQLSTATES["3D"]),
    (r"permission denied for database|permissão negada", SQLSTATES["42501"]),
    (r"too many|connection slots|starting up|shutting down|muit[ao]s|iniciando|desligando", AWAY),
    (
        r"authentication failed|autenticação|pg_hba\.conf|role .* (does not exist|não existe)"
        r"|not permitted to log in|user not found",
        SQLSTATES["28"],
    ),
]


def error_of(error: psycopg.Error, *, connected: bool) -> errors.ProviderError:
    """Classify by SQLSTATE, else by what is known of the request's fate."""
    failure = failure_of(error.sqlstate) if error.sqlstate else None
    if failure is not None:
        return to_error(failure)
    if not isinstance(error, psycopg.OperationalError):
        return errors.ProtocolError()
    if connected:
        return to_error(_LOST)
    words = str(error).lower()
    return to_error(next((known for pattern, known in _WORDS if re.search(pattern, words)), UNREACHED))
