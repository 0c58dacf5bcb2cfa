"""What can go wrong with integrations and their providers.

ProviderError                 a provider did not do what it was asked
├── Misconfigured             its settings cannot work
├── AuthFailed                it refused the credentials
├── Rejected                  it refused this request for good
│   └── NewChatsBlocked       WhatsApp keeps this number from opening new chats
├── RateLimited      (retry)  too many requests; `retry_after` seconds if it said so
├── Unavailable      (retry)  not reached, or it said that it failed
│   └── SessionDisconnected   the account is logged out: no message's fault, nor any attempt's
├── TimedOut                  the request left, no answer came: nobody knows
├── ProtocolError             it answered something else than its contract
└── Unsupported               it cannot do this
"""

from __future__ import annotations

from typing import Any

from renum.errors import Conflict, Forbidden, InvalidInput, NotFound, Unprocessable, UpstreamFailed


class IntegrationNotFound(NotFound):
    """Integração não encontrada. Configure-a primeiro."""

    code = "INTEGRATION_NOT_FOUND"


class IntegrationDisabled(Conflict):
    """A integração está desativada."""

    code = "INTEGRATION_DISABLED"


class InvalidCredentials(InvalidInput):
    """O provedor recusou as credenciais. Confira o token."""

    code = "INVALID_CREDENTIALS"


class ConnectionFailed(UpstreamFailed):
    """Não foi possível conectar ao provedor."""

    code = "CONNECTION_FAILED"


class IntegrationUnreadable(Conflict):
    """A configuração salva não pode ser lida. Configure a integração novamente."""

    code = "INTEGRATION_UNREADABLE"


class IdempotencyMismatch(Unprocessable):
    """Esta chave de idempotência já foi usada com outro conteúdo."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInProgress(Conflict):
    """Uma requisição com esta chave de idempotência ainda está em andamento."""

    code = "IDEMPOTENCY_KEY_IN_USE"


class MediaUnsupported(Conflict):
    """O provedor desta integração não envia mídia."""

    code = "MEDIA_UNSUPPORTED"


class ConfigurationSuperseded(Conflict):
    """Outra configuração desta integração foi salva enquanto esta era testada."""

    code = "CONFIGURATION_SUPERSEDED"


class NothingToRestore(Conflict):
    """Não há credenciais anteriores para restaurar."""

    code = "NOTHING_TO_RESTORE"


class TemplateNotFound(NotFound):
    """Modelo de mensagem não encontrado."""

    code = "TEMPLATE_NOT_FOUND"


class TemplateNameTaken(Conflict):
    """Já existe um modelo com este nome."""

    code = "TEMPLATE_NAME_TAKEN"


class InvalidTemplate(InvalidInput):
    """O modelo tem um erro."""

    code = "INVALID_TEMPLATE"


class TableNotAllowed(Forbidden):
    """A tabela não está na lista de tabelas permitidas desta integração."""

    code = "TABLE_NOT_ALLOWED"


class QueryRefused(InvalidInput):
    """O banco de dados recusou a consulta."""

    code = "INVALID_QUERY"


class SqlModeOff(Conflict):
    """O modo SQL não está ativado no banco de dados desta integração."""

    code = "SQL_MODE_OFF"


class SqlRoleTooPowerful(Conflict):
    """O usuário do banco pode mais do que ler as tabelas permitidas."""

    code = "SQL_ROLE_TOO_POWERFUL"


class MessageNotFound(NotFound):
    """Mensagem não encontrada."""

    code = "MESSAGE_NOT_FOUND"


class MessageFailed(UpstreamFailed):
    """A mensagem não foi enviada."""

    code = "MESSAGE_FAILED"


class MessageRefused(Unprocessable):
    """As regras de envio não permitem esta mensagem; ela não foi enviada."""

    code = "MESSAGE_REFUSED"


class ProviderError(Exception):
    """O provedor não concluiu a operação."""

    code = "PROVIDER_ERROR"
    retryable = False
    uncertain = False  # the request may have taken effect
    about_recipient = False  # the provider itself is in order

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
    ):
        self.message = message or (type(self).__doc__ or "")
        self.code = code or type(self).code
        self.http_status = http_status
        self.retry_after = retry_after
        super().__init__(self.message)

    def details(self) -> dict[str, Any]:
        return {"provider_status": self.http_status} if self.http_status else {}


class Misconfigured(ProviderError):
    """A configuração da integração está incompleta ou incorreta."""

    code = "MISCONFIGURED"


class AuthFailed(ProviderError):
    """O provedor recusou as credenciais. Confira o token."""

    code = "INVALID_CREDENTIALS"


class Rejected(ProviderError):
    """O provedor recusou a mensagem."""

    code = "REJECTED"


class NewChatsBlocked(Rejected):
    """O WhatsApp impediu este número de iniciar novas conversas."""

    code = "NEW_CHATS_BLOCKED"


class RateLimited(ProviderError):
    """O provedor pediu para reduzir o ritmo."""

    code = "RATE_LIMIT_EXCEEDED"
    retryable = True


class Unavailable(ProviderError):
    """O provedor está indisponível."""

    code = "CONNECTION_FAILED"
    retryable = True


class SessionDisconnected(Unavailable):
    """O WhatsApp desta conta está desconectado. Leia o QR code novamente."""

    code = "SESSION_DISCONNECTED"


class TimedOut(ProviderError):
    """O provedor não respondeu a tempo."""

    code = "TIMED_OUT"
    uncertain = True


class ProtocolError(ProviderError):
    """O provedor respondeu algo inesperado."""

    code = "PROTOCOL_ERROR"
    uncertain = True


class Unsupported(ProviderError):
    """O provedor não oferece esta operação."""

    code = "UNSUPPORTED"
