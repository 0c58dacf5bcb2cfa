"""What the replies of a mail server mean to us."""

from __future__ import annotations

import re

from aiosmtplib import SMTPResponse

from integrations import errors

# What a reply means, by its enhanced status (RFC 3463) where it has one, then its start, then its code
# (RFC 5321). What is not here goes by the code's first digit.
_REPLIES: dict[str, tuple[type[errors.ProviderError], str]] = {
    "421": (errors.Unavailable, "O servidor de e-mail está recusando conexões no momento."),
    "450": (errors.Unavailable, "A caixa postal do destinatário está ocupada no momento."),
    "451": (errors.Unavailable, "O servidor de e-mail teve uma falha momentânea."),
    "452": (errors.Unavailable, "O servidor de e-mail está sem espaço no momento."),
    "454": (errors.Unavailable, "O servidor de e-mail não pôde conferir a senha no momento."),
    "4.2.1": (errors.RateLimited, "O destinatário está recebendo e-mails demais no momento."),
    "4.5.3": (errors.RateLimited, "O servidor de e-mail não aceita tantos destinatários de uma vez."),
    # Policy: rate limits, and greylisting, which is also a request to come back later.
    "4.7": (errors.RateLimited, "O servidor de e-mail pediu para reduzir o ritmo."),
    "530": (errors.AuthFailed, "O servidor de e-mail exige usuário e senha."),
    "534": (errors.AuthFailed, "O servidor de e-mail exige uma senha de aplicativo ou acesso pelo site."),
    "535": (errors.AuthFailed, "O servidor de e-mail recusou o usuário ou a senha."),
    "550": (errors.Rejected, "O servidor de e-mail recusou o endereço ou a mensagem."),
    "551": (errors.Rejected, "O destinatário não é deste servidor de e-mail."),
    "552": (errors.Rejected, "A mensagem é grande demais ou a caixa postal está cheia."),
    "553": (errors.Rejected, "O servidor de e-mail não permite este endereço."),
    "554": (errors.Rejected, "O servidor de e-mail recusou a mensagem pela política dele."),
    "5.1.1": (errors.Rejected, "A caixa postal do destinatário não existe."),
    "5.1.10": (errors.Rejected, "A caixa postal do destinatário não existe."),
    "5.1.2": (errors.Rejected, "O domínio do destinatário não existe."),
    "5.1.3": (errors.Rejected, "O endereço do destinatário não é válido."),
    "5.1.7": (errors.Rejected, "O endereço do remetente não é válido."),
    "5.1.8": (errors.Rejected, "O servidor de e-mail não aceita o domínio do remetente."),
    "5.2.1": (errors.Rejected, "A caixa postal do destinatário está desativada."),
    "5.2.2": (errors.Rejected, "A caixa postal do destinatário está cheia."),
    "5.2.3": (errors.Rejected, "A mensagem é grande demais para o destinatário."),
    "5.3.4": (errors.Rejected, "A mensagem é grande demais para o servidor de e-mail."),
    "5.7.60": (errors.Rejected, "Este usuário não pode enviar com o endereço do remetente."),  # Exchange
}
NOT_SMTP = "O servidor respondeu algo que não é SMTP."
_ENHANCED = re.compile(r"([45])\.(\d{1,3})\.(\d{1,3})(?!\d)", re.ASCII)


def error_of(reply: SMTPResponse) -> errors.ProviderError:
    """Classify a reply that does not say yes. One outside the protocol is a `ProtocolError`."""
    code = str(reply.code)
    keys = [code]
    status = _ENHANCED.match(reply.message)
    # A status of another class than the code does not count, and codes about credentials say it all.
    if status and status[1] == code[0] and code != "454" and not code.startswith("53"):
        keys = [status[0], f"{status[1]}.{status[2]}", code]
    for key in keys:
        if key in _REPLIES:
            cls, sentence = _REPLIES[key]
            return cls(sentence, http_status=reply.code)
    if 400 <= reply.code < 500:
        return errors.Unavailable("O servidor de e-mail teve uma falha momentânea.", http_status=reply.code)
    if 500 <= reply.code < 600:
        return errors.Rejected("O servidor de e-mail recusou a mensagem.", http_status=reply.code)
    return errors.ProtocolError(NOT_SMTP)


def require_yes(reply: SMTPResponse) -> None:
    if not 200 <= reply.code < 300:
        raise error_of(reply)
