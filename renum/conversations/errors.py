from renum.errors import Conflict, InvalidInput, NotFound


class ConversationNotFound(NotFound):
    """Conversa não encontrada."""

    code = "CONVERSATION_NOT_FOUND"


class InvalidPhone(InvalidInput):
    """Telefone inválido. Use o formato internacional com DDD, por exemplo +5511999999999."""

    code = "INVALID_PHONE"


class ContactNotFound(NotFound):
    """Contato não encontrado."""

    code = "CONTACT_NOT_FOUND"


class ContactInUse(Conflict):
    """Algo deste contato está em andamento, como uma mensagem que está saindo. Tente de novo em instantes."""

    code = "CONTACT_IN_USE"
