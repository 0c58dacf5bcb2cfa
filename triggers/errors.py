from renum.errors import DomainError, InvalidInput, NotFound


class TriggerNotFound(NotFound):
    """Gatilho não encontrado."""

    code = "TRIGGER_NOT_FOUND"


class InvalidTriggerConfig(InvalidInput):
    """A configuração do gatilho é inválida."""

    code = "INVALID_TRIGGER_CONFIG"


class TriggerExecutionFailed(DomainError):
    """A execução do gatilho falhou."""

    code = "TRIGGER_EXECUTION_FAILED"
