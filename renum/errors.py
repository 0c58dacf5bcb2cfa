"""The tree of domain errors. They carry a code and a sentence, and know nothing of HTTP.

    DomainError
    ├── InvalidInput      the caller can correct it
    ├── Unprocessable     it contradicts what the caller said before
    ├── Unauthenticated   who is asking is not known
    ├── Forbidden         known, but not allowed
    ├── NotFound          absent, or another tenant's
    ├── Conflict          not in this state
    ├── RateLimited       too often; `retry_after` in seconds
    ├── UpstreamFailed    a provider did not do it
    └── Unavailable       a service of ours is down

A class's docstring is its default message.
"""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """Erro inesperado."""

    code = "INTERNAL_ERROR"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ):
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.code = code or type(self).code
        self.details = details or {}
        self.retry_after = retry_after
        super().__init__(self.message)


class InvalidInput(DomainError):
    """Dados inválidos."""

    code = "VALIDATION_ERROR"


class Unprocessable(DomainError):
    """A requisição contradiz outra já feita."""

    code = "UNPROCESSABLE"


class Unauthenticated(DomainError):
    """Autenticação necessária."""

    code = "NOT_AUTHENTICATED"


class Forbidden(DomainError):
    """Você não tem permissão para esta ação."""

    code = "PERMISSION_DENIED"


class NotFound(DomainError):
    """Não encontrado."""

    code = "NOT_FOUND"


class Conflict(DomainError):
    """A operação não é possível no estado atual."""

    code = "CONFLICT"


class RateLimited(DomainError):
    """Muitas requisições. Aguarde um pouco e tente novamente."""

    code = "RATE_LIMIT_EXCEEDED"


class UpstreamFailed(DomainError):
    """O serviço externo não concluiu a operação."""

    code = "CONNECTION_FAILED"


class Unavailable(DomainError):
    """Serviço temporariamente indisponível."""

    code = "SERVICE_UNAVAILABLE"
