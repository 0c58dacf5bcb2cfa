from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from renum.admin_columns import (
    CAUSE,
    CLIENT,
    EMPTY,
    Panel,
    add_panel,
    column,
    error_text,
    linked,
    linked_id,
    moment,
    name_cause,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ReadOnlyAdmin
from triggers.models import TriggerExecution

name_cause("execution", _("Execução"), "triggers", "triggerexecution")

State = TriggerExecution.State

ADVICE: dict[str, Any] = {
    "TRIGGER_INACTIVE": _("O gatilho foi desativado antes de agir; ative-o se for o caso."),
    "NO_LONGER_IDLE": _("A conversa voltou a ter mensagens; nada a fazer."),
    "CONDITION_NOT_MET": _("A condição deixou de valer; nada a fazer."),
    "SLOT_MISSED": _("O horário passou sem ser cumprido a tempo; veja catch_up no horário do gatilho."),
    "INVALID_TRIGGER_CONFIG": _("A configuração não é mais válida; corrija o gatilho."),
    "INTEGRATION_NOT_FOUND": _("O cliente precisa configurar a integração."),
    "INTEGRATION_DISABLED": _("Ative a integração do cliente."),
    "STATUS_NOT_AS_EXPECTED": _("A conversa não estava na situação esperada; nada a fazer."),
    "NO_CONVERSATION": _("A ação precisa de uma conversa; o gatilho acontece sem nenhuma."),
    "NO_EMAIL_ADDRESS": _("Preencha o atributo email do contato com um endereço válido."),
    "TEMPLATE_NOT_FOUND": _("O modelo de mensagem foi removido; escolha outro no gatilho."),
    "TEMPLATE_VARIABLE_MISSING": _("Preencha o valor que falta, ou dê um padrão no texto: default."),
    "TOOL_NOT_FOUND": _("A ferramenta não existe mais; corrija o gatilho."),
    "CAUSE_LOOP": _("A automação acionaria a si mesma; reveja os gatilhos da causa."),
}


def _next_step(execution: TriggerExecution) -> Any:
    if execution.state == State.MATCHED:
        return _("Aguarda a próxima passagem, em até um minuto.")
    if execution.state == State.DONE:
        return EMPTY
    return ADVICE.get(execution.reason_code, EMPTY)


def _result(execution: TriggerExecution) -> Any:
    """Identifiers of what the action made."""
    if not execution.result:
        return EMPTY
    return format_html("<code>{}</code>", json.dumps(execution.result, ensure_ascii=False))


STATE = state(
    "state",
    _("situação"),
    {State.DONE: "success", State.FAILED: "danger", State.SKIPPED: "", State.MATCHED: "info"},
)
EXECUTED = moment("executed_at", _("quando"))
TRIGGER = linked("trigger", _("gatilho"))
CONVERSATION = linked_id("conversation_id", _("conversa"), "conversations", "conversation", _("Conversa"))
ERROR = error_text("error_message", _("erro"))
NEXT_STEP = column("next_step", _("o que fazer"), _next_step)
RESULT = column("result", _("resultado"), _result)
REASON = column("reason_code", _("motivo"), lambda execution: execution.reason_code)


@admin.register(TriggerExecution)
class TriggerExecutionAdmin(ReadOnlyAdmin):
    list_display = (EXECUTED, CLIENT, TRIGGER, CONVERSATION, STATE, REASON, ERROR, NEXT_STEP)
    list_display_links = (EXECUTED,)
    list_select_related = ("client", "trigger")
    list_filter = (
        BY_CLIENT,
        ("executed_at", DayRangeFilter),
        recent("state", "executed_at", _("situação"), lambda: State.choices),
    )
    ordering = ("-executed_at",)
    sortable_by = (EXECUTED,)
    fields = (
        "id",
        CLIENT,
        TRIGGER,
        CONVERSATION,
        STATE,
        REASON,
        ERROR,
        NEXT_STEP,
        "condition_met",
        "action_executed",
        RESULT,
        EXECUTED,
        moment("occurrence", _("ocorrência")),
        "execution_time_ms",
        CAUSE,
    )
    readonly_fields = fields


def _latest(**about: Any) -> Any:
    return TriggerExecution.objects.filter(**about).select_related("trigger").order_by("-executed_at")


add_panel(
    "conversations.conversation",
    Panel(
        _("Execuções de gatilhos"),
        (row_link(_("quando"), EXECUTED), TRIGGER, STATE, REASON, ERROR, NEXT_STEP),
        lambda conversation: _latest(conversation=conversation),
        position=30,
    ),
)
add_panel(
    "triggers.trigger",
    Panel(
        _("Últimas execuções"),
        (row_link(_("quando"), EXECUTED), CONVERSATION, STATE, REASON, ERROR, RESULT),
        lambda trigger: _latest(trigger=trigger),
    ),
)
