"""What a message's reason code means, and what staff can do about it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from integrations import selectors
from integrations.delivery import gate
from integrations.delivery.gate import Reason
from integrations.models import OutboundMessage
from renum import clock
from renum.admin_columns import moment_text
from renum.conversations.models import Channel

State = OutboundMessage.State

ADVICE: dict[str, Any] = {
    # the gate refused
    Reason.EXPIRED: _("Passou da validade; envie de novo se ainda fizer sentido."),
    Reason.OPTED_OUT: _("A pessoa pediu para não receber, ou o endereço está bloqueado; não envie."),
    Reason.CLIENT_SUSPENDED: _("Reative o cliente e envie de novo."),
    Reason.INTEGRATION_DISABLED: _(
        "A integração está desativada ou foi removida; ative-a, ou configure-a de novo, e envie de novo."
    ),
    Reason.MISCONFIGURED: _("A configuração não pôde ser lida; configure a integração de novo."),
    # the gate holds
    Reason.KILL_SWITCH_ALL: _("Todos os envios estão pausados; libere-os na chave geral de envios."),
    Reason.KILL_SWITCH_CLIENT: _("Os envios deste cliente estão pausados; libere-os nas regras de envio."),
    Reason.KILL_SWITCH_NUMBER: _("Os envios desta integração estão pausados; libere-os na integração."),
    Reason.BREAKER_OPEN: _(
        "A conexão falhou várias vezes seguidas e está interrompida; uma mensagem a testa a cada minuto."
    ),
    Reason.DAILY_LIMIT: _("O limite diário foi atingido; aumente-o na integração se for o caso."),
    Reason.NEW_CHATS_BLOCKED: _(
        "O WhatsApp impediu este número de iniciar conversas; quando ele permitir, libere-as na integração."
    ),
    Reason.QUIET_HOURS: _("É horário de silêncio do cliente; veja as regras de envio."),
    Reason.HOLIDAY: _("É feriado para o cliente; veja as regras de envio."),
    Reason.CONTACT_CAP: _("A pessoa já recebeu o máximo de mensagens do período; veja as regras de envio."),
    Reason.PACE: _("Aguarda o intervalo entre envios deste número."),
    # the provider's answer
    "INVALID_CREDENTIALS": _(
        "As credenciais foram recusadas; o cliente deve configurar a integração de novo."
    ),
    "REJECTED": _("O provedor recusou; veja o erro da tentativa."),
    "RATE_LIMIT_EXCEEDED": _("O provedor pediu para esperar; veja o limite da conta."),
    "CONNECTION_FAILED": _("O provedor não respondeu; teste a conexão."),
    "SESSION_DISCONNECTED": _("O WhatsApp da conta está desconectado; o cliente deve ler o QR code de novo."),
    "UNSUPPORTED": _("O provedor não oferece esta operação."),
    "PROVIDER_ERROR": _("O provedor não concluiu a operação; veja o erro da tentativa."),
    "TIMED_OUT": _("A mensagem saiu e a resposta não veio."),
    "PROTOCOL_ERROR": _("O provedor respondeu algo que não se entende; a mensagem pode ter saído."),
    "WORKER_LOST": _("O processo que a enviava parou no meio; ela pode ter saído."),
    # what became of a mail
    "PARTLY_REFUSED": _("Saiu, mas nem todos os destinatários a receberam; veja a tentativa."),
    "BOUNCED": _("O endereço não existe ou recusa e-mails; foi bloqueado. Peça outro à pessoa."),
    "BLOCKED": _("O servidor da pessoa recusou por ora; tente mais tarde."),
    "DROPPED": _("O SendGrid não a enviou: o endereço está na lista de recusas da conta, ou falta saldo."),
    # taken back before it left
    "SUPERSEDED": _("Chegou outra mensagem do contato antes de sair; o agente responde às duas de uma vez."),
    "TAKEN_OVER": _("Uma pessoa assumiu a conversa antes de sair; não há o que fazer."),
    # settled later
    "ERASED": _("A pessoa foi apagada a pedido antes do envio; não há o que fazer."),
    "SETTLED_BY_PERSON": _("Decidida por uma pessoa; veja o histórico."),
    "ECHOED": _("Confirmada pelo próprio provedor."),
    "REPORTED_FAILURE": _("O WhatsApp aceitou e depois avisou que não entregou; confirme o número."),
}
# A message that waiting would have outlived was refused instead, by the same code.
_WAITS = frozenset(
    {
        Reason.BREAKER_OPEN,
        Reason.DAILY_LIMIT,
        Reason.QUIET_HOURS,
        Reason.HOLIDAY,
        Reason.CONTACT_CAP,
        Reason.PACE,
    }
)
_TOO_LATE = _("Esperar passaria da validade; envie de novo se ainda fizer sentido.")
_CHECK_BY_HAND = {
    Channel.WHATSAPP.value: _("Confira no WhatsApp do cliente e marque como enviada ou não enviada."),
    Channel.EMAIL.value: _(
        "Confira nas mensagens enviadas do provedor de e-mail e marque como enviada ou não enviada."
    ),
}


def next_step(message: OutboundMessage) -> Any:
    """What happens next, or what a person can do."""
    advice = ADVICE.get(message.reason_code, message.reason_code)
    if message.state == State.UNKNOWN:
        return f"{advice} {_CHECK_BY_HAND[message.channel]}".strip()
    if message.state == State.SENDING:
        return _("Aguarde a resposta do provedor.")
    if message.state == State.QUEUED:
        return f"{_will_be_tried(message)} {advice}".strip()
    if message.state == State.FAILED and message.reason_code in _WAITS:
        return f"{advice} {_TOO_LATE}"
    return advice


def what_holds_it(message: OutboundMessage) -> Any:
    """What the gate would say about a queued message at this moment, as a sentence; else nothing."""
    if message.state != State.QUEUED:
        return ""
    match selectors.explain_waiting(message):
        case gate.Hold(until, reason):
            judged_at = _("Será julgada de novo em %s.") % moment_text(until)
            return f"{ADVICE[reason]} {judged_at}"
        case gate.Refuse(reason):
            refusal = _("Será recusada quando chegar a sua vez.")
            return " ".join(
                (str(ADVICE[reason]), str(refusal), *([str(_TOO_LATE)] if reason in _WAITS else []))
            )
    return " ".join((str(_("Nenhuma regra a segura agora.")), _will_be_tried(message)))


def _will_be_tried(message: OutboundMessage) -> str:
    if message.next_attempt_at <= clock.now():
        return str(_("Sai quando chegar a sua vez."))
    return _("Será tentada em %s.") % moment_text(message.next_attempt_at)
