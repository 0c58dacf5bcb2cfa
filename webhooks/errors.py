from renum.errors import InvalidInput, Unauthenticated, Unavailable


class InvalidSignature(Unauthenticated):
    """Assinatura inválida."""

    code = "INVALID_SIGNATURE"


class InvalidPayload(InvalidInput):
    """O corpo não é um JSON válido."""

    code = "INVALID_PAYLOAD"


class ProcessingFailed(Unavailable):
    """O evento não pôde ser gravado. Envie-o novamente."""

    code = "PROCESSING_FAILED"
