from renum.errors import InvalidInput, NotFound


class ConversationNotFound(NotFound):
    """Conversa não encontrada."""

    code = "CONVERSATION_NOT_FOUND"


class InvalidPhone(InvalidInput):
    """Telefone inválido. Use o formato internacional com DDD, por exemplo +5511999999999."""

    code = "INVALID_PHONE"
