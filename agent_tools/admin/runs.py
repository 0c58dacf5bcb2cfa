from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from agent_tools.admin.picture import PicturedAdmin
from agent_tools.admin.reasons import next_step
from agent_tools.models import Agent, AgentRun, AgentStep
from renum.admin_columns import (
    CAUSE,
    CLIENT,
    PANEL_ROWS,
    Panel,
    add_panel,
    change_url,
    column,
    label,
    link,
    linked_id,
    moment,
    name_cause,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ReadOnlyAdmin

name_cause("agent_run", _("Agente"), "agent_tools", "agentrun")

State = AgentRun.State


def _texts(run: AgentRun) -> Any:
    if not run.dropped_count:
        return run.text_count
    return _("%(kept)d (%(dropped)d deixados de fora: limite)") % {
        "kept": run.text_count,
        "dropped": run.dropped_count,
    }


def _answers(run: AgentRun) -> Any:
    links = [(linked_answer(run, one),) for one in run.answer_ids]
    return format_html_join(", ", "{}", links)


def linked_answer(run: AgentRun, message_id: Any) -> Any:
    url = change_url("integrations", "outboundmessage", message_id)
    return link(url, f"{_('Envio')} {message_id.hex[:8]}")


def with_agent(runs: QuerySet[AgentRun]) -> QuerySet[AgentRun]:
    """Beside each run the agent of its name, if the client has it still; without what the run answered."""
    named = Agent.objects.filter(client=OuterRef("client"), name=OuterRef("agent"))
    return runs.annotate(agent_pk=Subquery(named.values("pk"))).defer("answer")


def _agent(run: Any) -> Any:
    return link(change_url("agent_tools", "agent", run.agent_pk), run.agent) if run.agent_pk else run.agent


def _conversation(run: AgentRun) -> Any:
    return _LINKED_CONVERSATION(run) if run.conversation_id else label(_("Pedido"), "info")


def _tokens(row: AgentRun | AgentStep) -> Any:
    return f"{row.input_tokens} + {row.output_tokens}" if row.input_tokens or row.output_tokens else ""


def _outcome(step: AgentStep) -> Any:
    return label(step.outcome, "success" if step.outcome == "ok" else "danger")


def _last_steps(run: AgentRun) -> list[AgentStep]:
    """In the order in which they were done; of many the last, which say how it ended."""
    return list(run.steps.order_by("-created_at", "-id")[:PANEL_ROWS])[::-1]


STATE = state("state", _("situação"), {State.DONE: "success", State.FAILED: "danger", State.RUNNING: "info"})
TEXTS = column("texts", _("textos"), _texts)
ANSWERS = column("answers", _("respostas"), _answers)
SUCCESSOR = linked_id("successor_id", _("substituída por"), "agent_tools", "agentrun", _("Agente"))
CREATED = moment("created_at", _("desde"))
AGENT = column("agent", _("agente"), _agent)
_LINKED_CONVERSATION = linked_id(
    "conversation_id", _("conversa"), "conversations", "conversation", _("Conversa")
)
CONVERSATION = column("conversation", _("conversa"), _conversation)
INBOUND = linked_id("message_id", _("mensagem recebida"), "conversations", "message", _("Mensagem"))
NEXT_STEP = column("next_step", _("o que fazer"), next_step)
REASON = column("reason_code", _("motivo"), lambda run: run.reason_code)
TOKENS = column("tokens", _("tokens (lidos + escritos)"), _tokens)


@admin.register(AgentRun)
class AgentRunAdmin(PicturedAdmin, ReadOnlyAdmin):
    list_display = (
        CREATED,
        CLIENT,
        AGENT,
        CONVERSATION,
        STATE,
        REASON,
        TEXTS,
        "attempts",
        "tool_calls",
        TOKENS,
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
        AGENT,
        CONVERSATION,
        STATE,
        REASON,
        NEXT_STEP,
        TEXTS,
        ANSWERS,
        SUCCESSOR,
        "attempts",
        "model",
        "tool_calls",
        TOKENS,
        "latency_ms",
        CREATED,
        moment("finished_at", _("concluída em")),
        CAUSE,
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_agent(super().get_queryset(request))


add_panel(
    "conversations.conversation",
    Panel(
        _("Execuções de agentes"),
        (
            row_link(_("desde"), CREATED),
            AGENT,
            STATE,
            REASON,
            TEXTS,
            NEXT_STEP,
        ),
        lambda conversation: with_agent(
            AgentRun.objects.filter(conversation=conversation).order_by("-created_at")
        ),
        position=40,
    ),
)
add_panel(
    "conversations.message",
    Panel(
        _("Resposta do agente"),
        (row_link(_("desde"), CREATED), AGENT, STATE, REASON, NEXT_STEP),
        lambda message: with_agent(
            AgentRun.objects.filter(
                client_id=message.client_id,
                inputs__message_id=message.id,
                inputs__client_id=message.client_id,
            )
        ),
    ),
)
add_panel(
    "agent_tools.agentrun",
    Panel(
        _("Textos recebidos"),
        (
            INBOUND,
            moment("created_at", _("desde")),
            column("length", _("caracteres"), lambda one: one.length),
            column("is_kept", _("texto guardado"), lambda one: _("sim") if one.is_kept else _("não")),
        ),
        lambda run: (
            run.inputs.annotate(is_kept=Q(text__isnull=False))
            .defer("text")
            .order_by("position", "created_at")
        ),
    ),
)
add_panel(
    "agent_tools.agentrun",
    Panel(
        _("Últimos passos"),
        (
            column("kind", _("tipo"), lambda step: step.get_kind_display()),
            column("name", _("nome"), lambda step: step.name),
            column("outcome", _("resultado"), _outcome),
            column("latency_ms", _("ms"), lambda step: step.latency_ms),
            TOKENS,
            moment("created_at", _("quando")),
        ),
        _last_steps,
        position=20,
    ),
)
add_panel(
    "agent_tools.agent",
    Panel(
        _("Últimas execuções"),
        (
            row_link(_("desde"), CREATED),
            CONVERSATION,
            STATE,
            REASON,
            TOKENS,
            NEXT_STEP,
        ),
        lambda agent: (
            AgentRun.objects.filter(client_id=agent.client_id, agent=agent.name)
            .defer("answer")
            .order_by(F("created_at").desc(nulls_last=True))  # as its index has it
        ),
    ),
)
