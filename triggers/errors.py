from renum.errors import Conflict, DomainError, InvalidInput, NotFound, Unprocessable


class TriggerNotFound(NotFound):
    """Gatilho não encontrado."""

    code = "TRIGGER_NOT_FOUND"


class InvalidTriggerConfig(InvalidInput):
    """A configuração do gatilho é inválida."""

    code = "INVALID_TRIGGER_CONFIG"


class ConditionEvaluationError(Unprocessable):
    """A condição do gatilho não pôde ser avaliada."""

    code = "CONDITION_EVALUATION_ERROR"


class TriggerExecutionFailed(DomainError):
    """A execução do gatilho falhou."""

    code = "TRIGGER_EXECUTION_FAILED"


class NoConversation(Conflict):
    """Esta ação precisa de uma conversa, e não há nenhuma."""

    code = "NO_CONVERSATION"


class NoEmailAddress(Conflict):
    """O contato não tem um e-mail válido no atributo email."""

    code = "NO_EMAIL_ADDRESS"


class TemplateVariableMissing(Conflict):
    """Falta um valor para uma variável do texto."""

    code = "TEMPLATE_VARIABLE_MISSING"


class ToolNotFound(NotFound):
    """Ferramenta não encontrada."""

    code = "TOOL_NOT_FOUND"


class ExecutionNotFound(NotFound):
    """Execução não encontrada."""

    code = "EXECUTION_NOT_FOUND"


class ExecutionNotFailed(Conflict):
    """Só uma execução que falhou pode ser repetida."""

    code = "EXECUTION_NOT_FAILED"


class TriggerInactive(Conflict):
    """O gatilho está desligado: ligue-o antes de repetir a execução."""

    code = "TRIGGER_INACTIVE"


class AutomationsPaused(Conflict):
    """As automações estão pausadas: retome-as antes de repetir a execução."""

    code = "AUTOMATIONS_PAUSED"
