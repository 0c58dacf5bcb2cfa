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
from triggers.reasons import remedy_of, sentence_of

name_cause("execution", _("Execução"), "triggers", "triggerexecution")

State = TriggerExecution.State


def _next_step(execution: TriggerExecution) -> Any:
    if execution.state == State.MATCHED:
        return _("Aguarda a próxima passagem, em até um minuto.")
    if execution.state == State.DONE:
        return EMPTY
    code = execution.reason_code
    return f"{sentence_of(code)} {remedy_of(code)}".strip() if code else EMPTY


def _as_json(value: Any) -> Any:
    return format_html("<code>{}</code>", json.dumps(value, ensure_ascii=False)) if value else EMPTY


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
RESULT = column("result", _("resultado"), lambda execution: _as_json(execution.result))
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
        column("steps", _("ações"), lambda execution: _as_json(execution.steps)),
        column("values_seen", _("valores vistos"), lambda execution: _as_json(execution.values_seen)),
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
