from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agent_tools.models import AgentRun
from renum.admin_columns import (
    CAUSE,
    CLIENT,
    EMPTY,
    Panel,
    add_panel,
    column,
    linked_id,
    moment,
    moment_text,
    name_cause,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ReadOnlyAdmin

name_cause("agent_run", _("Agente"), "agent_tools", "agentrun")

State = AgentRun.State


def _next_step(run: AgentRun) -> Any:
    if run.state == State.PENDING:
        return _("Será atendida em %s.") % moment_text(run.next_attempt_at)
    if run.state == State.RUNNING:
        return _("Aguarde o agente terminar.")
    if run.state == State.FAILED:
        return _("O contato ficou sem resposta; responda pelo telefone do cliente.")
    return EMPTY


STATE = state("state", _("situação"), {State.DONE: "success", State.FAILED: "danger", State.RUNNING: "info"})
CREATED = moment("created_at", _("desde"))
CONVERSATION = linked_id("conversation_id", _("conversa"), "conversations", "conversation", _("Conversa"))
INBOUND = linked_id("inbound_message_id", _("mensagem recebida"), "conversations", "message", _("Mensagem"))
NEXT_STEP = column("next_step", _("o que fazer"), _next_step)
REASON = column("reason_code", _("motivo"), lambda run: run.reason_code)


@admin.register(AgentRun)
class AgentRunAdmin(ReadOnlyAdmin):
    list_display = (
        CREATED,
        CLIENT,
        "agent",
        CONVERSATION,
        STATE,
        REASON,
        "attempts",
        "tool_calls",
        "latency_ms",
        NEXT_STEP,
    )
    list_display_links = (CREATED,)
    list_select_related = ("client",)
    list_filter = (
        BY_CLIENT,
        ("created_at", DayRangeFilter),
        recent("state", "created_at", _("situação"), lambda: State.choices),
    )
    ordering = ("-created_at",)
    sortable_by = (CREATED,)
    fields = (
        "id",
        CLIENT,
        "agent",
        CONVERSATION,
        INBOUND,
        STATE,
        REASON,
        NEXT_STEP,
        "attempts",
        "model",
        "tool_calls",
        "latency_ms",
        CREATED,
        moment("finished_at", _("concluída em")),
        CAUSE,
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("input_text")


add_panel(
    "conversations.conversation",
    Panel(
        _("Execuções de agentes"),
        (
            row_link(_("desde"), CREATED),
            column("agent", _("agente"), lambda run: run.agent),
            STATE,
            REASON,
            NEXT_STEP,
        ),
        lambda conversation: (
            AgentRun.objects.filter(conversation=conversation).defer("input_text").order_by("-created_at")
        ),
        position=40,
    ),
)
add_panel(
    "conversations.message",
    Panel(
        _("Resposta do agente"),
        (row_link(_("desde"), CREATED), STATE, REASON, NEXT_STEP),
        lambda message: AgentRun.objects.filter(
            client_id=message.client_id, inbound_message_id=message.id
        ).defer("input_text"),
    ),
)
