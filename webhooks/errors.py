from renum.errors import InvalidInput, Unauthenticated, Unavailable

RETRY_SECONDS = 5  # after which a provider may try again what could not be stored


class InvalidSignature(Unauthenticated):
    """Assinatura inválida."""

    code = "INVALID_SIGNATURE"


class InvalidPayload(InvalidInput):
    """O corpo não é um JSON válido."""

    code = "INVALID_PAYLOAD"


class ProcessingFailed(Unavailable):
    """O evento não pôde ser gravado. Envie-o novamente."""

    code = "PROCESSING_FAILED"
