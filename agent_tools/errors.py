from __future__ import annotations

from renum.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    UpstreamFailed,
)


class TurnOver(Conflict):
    """Chegou outra mensagem do contato, ou uma pessoa assumiu a conversa: esta resposta não será enviada."""

    code = "SUPERSEDED"


class AgentPaused(Conflict):
    """Uma pessoa assumiu esta conversa: o agente não escreve enquanto isso."""

    code = "AGENT_PAUSED"


class TooManyReplies(RateLimited):
    """O agente já respondeu a este contato tantas vezes quantas pode em uma hora."""

    code = "AGENT_LOOP"


class AgentNotFound(NotFound):
    """Agente não encontrado."""

    code = "AGENT_NOT_FOUND"


class AgentDisabled(Conflict):
    """O agente está desativado."""

    code = "AGENT_DISABLED"


class AgentNameTaken(Conflict):
    """Já existe um agente com este nome."""

    code = "AGENT_NAME_TAKEN"


class AgentStandard(Conflict):
    """Este agente é padrão e não pode ser renomeado nem excluído; para que não atue, desative-o."""

    code = "AGENT_STANDARD"


class AgentRunNotFound(NotFound):
    """Execução de agente não encontrada."""

    code = "AGENT_RUN_NOT_FOUND"


class AgentTimedOut(UpstreamFailed):
    """O agente não terminou a tempo."""

    code = "AGENT_TIMED_OUT"


class ModelUnavailable(Unavailable):
    """O modelo do agente não pode ser usado: confira o nome, a chave e o pacote do provedor."""

    code = "MODEL_UNAVAILABLE"


class MemoryUnavailable(Unavailable):
    """A memória dos agentes está fora do ar; nada foi feito. Tente de novo em instantes."""

    code = "AGENT_MEMORY_UNAVAILABLE"


class ToolNotOffered(NotFound):
    """Esta ferramenta não existe ou não foi oferecida a este agente."""

    code = "TOOL_NOT_OFFERED"


class InvalidArguments(InvalidInput):
    """Os argumentos da ferramenta são inválidos."""

    code = "INVALID_ARGUMENTS"


class RecipientNotAllowed(Forbidden):
    """Este destinatário não está entre os permitidos a este agente."""

    code = "RECIPIENT_NOT_ALLOWED"


class ClaimWithoutReceipt(Conflict):
    """O texto afirma algo que nenhuma ferramenta fez."""

    code = "CLAIM_WITHOUT_RECEIPT"


class AnswerLeaks(Forbidden):
    """O texto contém uma credencial ou as instruções do agente."""

    code = "ANSWER_LEAKS"


class QueryNotFound(NotFound):
    """Não há consulta publicada com este nome."""

    code = "QUERY_NOT_FOUND"


class SenderUnknown(Conflict):
    """Não se sabe de que telefone o contato escreve."""

    code = "SENDER_UNKNOWN"
