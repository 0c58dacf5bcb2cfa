from renum.errors import InvalidInput, NotFound, Unauthenticated


class LoginFailed(Unauthenticated):
    """E-mail ou senha incorretos."""

    code = "INVALID_CREDENTIALS"


class RefreshRefused(Unauthenticated):
    """Sessão inválida ou expirada. Entre novamente."""

    code = "INVALID_TOKEN"


class ClientNotFound(NotFound):
    """Cliente não encontrado."""

    code = "CLIENT_NOT_FOUND"


class ClientNotNamed(InvalidInput):
    """Informe o cliente em ?client_id= ou X-Client-Id."""

    code = "CLIENT_REQUIRED"
