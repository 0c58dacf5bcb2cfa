"""What each reason code means, and what would change it: sentences for clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Reason:
    """`remedy`: what would change it; empty where nothing would, or where that is said elsewhere."""

    sentence: Any
    remedy: Any = ""


REASONS: dict[str, Reason] = {
    # before it acts
    "TRIGGER_INACTIVE": Reason(_("O gatilho está desligado."), _("Ligue o gatilho.")),
    "AUTOMATIONS_PAUSED": Reason(
        _("As automações estão pausadas."), _("Retome as automações nas regras de automação.")
    ),
    "NO_LONGER_IDLE": Reason(
        _("A conversa voltou a ter mensagens, ou o momento mudou, antes de agir."),
        _("Uma nova ocorrência do momento, pelo tempo que o gatilho espera."),
    ),
    "CONDITION_NOT_MET": Reason(_("A condição não vale."), _("A condição passar a valer.")),
    "REENTRY_LIMIT": Reason(
        _("O limite de repetições do gatilho para esta conversa foi atingido."),
        _("Esperar passar o período do limite, ou aumentá-lo no gatilho (reentry)."),
    ),
    "CAUSE_LOOP": Reason(
        _("A automação foi interrompida porque voltaria a acionar a si mesma."),
        _("Reveja os gatilhos que acionam uns aos outros."),
    ),
    "SLOT_MISSED": Reason(
        _("O horário passou sem que o sistema pudesse agir, e não foi recuperado."),
        _("Ajuste catch_up no horário do gatilho."),
    ),
    # when it acts
    "NO_CONVERSATION": Reason(
        _("A ação precisa de uma conversa, e não há nenhuma."), _("Informe o destinatário na ação.")
    ),
    "NO_EMAIL_ADDRESS": Reason(
        _("O contato não tem um e-mail válido no atributo email."),
        _("Preencha o atributo email do contato."),
    ),
    "STATUS_NOT_AS_EXPECTED": Reason(
        _("A conversa não estava na situação esperada pela ação."),
        _("A conversa estar numa das situações de que a ação parte."),
    ),
    "TEMPLATE_VARIABLE_MISSING": Reason(
        _("Falta um valor para uma variável do texto."),
        _("Preencha o valor que falta, ou dê um padrão no texto, como em: default."),
    ),
    "TEMPLATE_NOT_FOUND": Reason(
        _("O modelo de mensagem não existe mais."), _("Escolha outro modelo no gatilho.")
    ),
    "INVALID_TEMPLATE": Reason(_("O modelo de mensagem não pôde ser preenchido."), _("Corrija o texto.")),
    "TOOL_NOT_FOUND": Reason(_("A ferramenta não existe mais."), _("Escolha outra ferramenta no gatilho.")),
    "TRIGGER_NOT_FOUND": Reason(
        _("O gatilho que seria acionado não existe mais."), _("Escolha outro gatilho na ação.")
    ),
    "INTEGRATION_NOT_FOUND": Reason(
        _("A integração deste canal não está configurada."), _("Configure a integração.")
    ),
    "INTEGRATION_DISABLED": Reason(_("A integração deste canal está desativada."), _("Ative a integração.")),
    "INVALID_PHONE": Reason(_("O telefone do destinatário não é válido."), _("Corrija o telefone.")),
    "VALIDATION_ERROR": Reason(_("O texto preenchido não pode ser enviado."), _("Corrija o texto da ação.")),
    "IDEMPOTENCY_KEY_REUSED": Reason(
        _("A mensagem já foi posta na fila com outro texto."), _("Nada: ela não é enviada de novo.")
    ),
    "TRIGGER_EXECUTION_FAILED": Reason(
        _("A execução falhou por um erro nosso, que foi registrado."), _("Repita a execução.")
    ),
    "CONDITION_EVALUATION_ERROR": Reason(
        _("A condição do gatilho não pôde ser avaliada."), _("Reveja a condição do gatilho.")
    ),
    "INVALID_TRIGGER_CONFIG": Reason(_("A configuração do gatilho não é válida."), _("Corrija o gatilho.")),
    # why a trigger was switched off
    "REPEATED_FAILURE": Reason(
        _("O gatilho foi desligado depois de falhar várias vezes seguidas."),
        _("Corrija a causa das falhas e ligue o gatilho."),
    ),
    # why it did not fire for a conversation
    "WAITING": Reason(
        _("Tudo vale: o gatilho age na próxima passagem."), _("Esperar a próxima passagem, em até um minuto.")
    ),
    "NOT_DUE_YET": Reason(_("Ainda não é a hora."), _("Esperar até a hora, sem que o momento mude.")),
    "NO_MOMENT": Reason(_("A conversa não tem o momento de que o gatilho conta.")),
    "EXISTING_NOT_INCLUDED": Reason(
        _("Já valia quando o gatilho foi ligado, e ele só age no que passa a valer depois."),
        _("Uma nova ocorrência, ou include_existing: true no gatilho."),
    ),
    "ALREADY_EXECUTED": Reason(_("O gatilho já agiu por tudo o que vale agora."), _("Uma nova ocorrência.")),
    "NO_EVENT": Reason(_("O evento não aconteceu nesta conversa."), _("O evento acontecer.")),
    "EVENT_NOT_MEANT": Reason(
        _("O evento aconteceu, mas não com uma das intenções do gatilho."),
        _("O evento acontecer com uma das intenções em intent_values."),
    ),
    "EVENT_PASSED_OVER": Reason(
        _("O evento aconteceu antes de o gatilho ser ligado ou mudado, ou durante uma pausa das automações."),
        _("O evento acontecer de novo."),
    ),
    "NOT_ABOUT_CONVERSATIONS": Reason(
        _("O gatilho age pelo calendário, e não por conversas."),
        _("Use um momento ou um evento da conversa, em vez de um horário."),
    ),
    "NO_SLOT_AHEAD": Reason(_("O horário do gatilho não tem mais nenhuma vez."), _("Mude o horário.")),
}


def sentence_of(code: str, message: str = "") -> str:
    """What a code means; of one that only another app knows, the message that came with it."""
    if code in REASONS:
        return str(REASONS[code].sentence)
    return message or code


def remedy_of(code: str) -> str:
    """What would change it; empty if nothing is known."""
    return str(REASONS[code].remedy) if code in REASONS else ""
