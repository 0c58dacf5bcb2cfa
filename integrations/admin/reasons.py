"""What staff can do about a message, by its reason code."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from integrations.models import OutboundMessage
from renum.admin_columns import moment_text

State = OutboundMessage.State

ADVICE: dict[str, Any] = {
    # the gate's
    "EXPIRED": _("Passou da validade; envie de novo se ainda fizer sentido."),
    "CLIENT_SUSPENDED": _("Reative o cliente e envie de novo."),
    "INTEGRATION_DISABLED": _("Ative a integração e envie de novo."),
    "OPTED_OUT": _("A pessoa pediu para não receber; não envie."),
    "DAILY_LIMIT": _("O limite diário foi atingido; aumente-o na integração se for o caso."),
    "MISCONFIGURED": _("A configuração não pôde ser lida; configure a integração de novo."),
    # the provider's
    "INVALID_CREDENTIALS": _("O token foi recusado; o cliente deve configurar a integração de novo."),
    "REJECTED": _("O provedor recusou; veja o erro da tentativa."),
    "RATE_LIMIT_EXCEEDED": _("O provedor pediu para esperar; veja o limite da conta."),
    "CONNECTION_FAILED": _("O provedor não respondeu; teste a conexão."),
    "UNSUPPORTED": _("O provedor não oferece esta operação."),
    # a person's
    "SETTLED_BY_PERSON": _("Decidida por uma pessoa; veja o histórico."),
    "ECHOED": _("Confirmada pelo próprio WhatsApp."),
}


def next_step(message: OutboundMessage) -> Any:
    """What happens next, or what a person can do."""
    if message.state == State.UNKNOWN:
        return _("Confira no WhatsApp do cliente e marque como enviada ou não enviada.")
    if message.state == State.SENDING:
        return _("Aguarde a resposta do provedor.")
    if message.state == State.QUEUED:
        advice = ADVICE.get(message.reason_code, "")
        again = _("Será tentada em %s.") % moment_text(message.next_attempt_at)
        return f"{again} {advice}".strip()
    return ADVICE.get(message.reason_code, message.reason_code)
