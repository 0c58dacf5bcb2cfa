from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from agent_tools.models import AgentRun
from agent_tools.reasons import Reason
from renum.admin_columns import (
    CAUSE,
    CLIENT,
    EMPTY,
    Panel,
    add_panel,
    change_url,
    column,
    link,
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


# What a person does about a run that is over, by the reason why.
_ADVICE: dict[str, Any] = {
    Reason.SUPERSEDED: _("Nada: chegou outra mensagem antes de a resposta sair."),
    Reason.TAKEN_OVER: _("Nada: uma pessoa assumiu a conversa antes de a resposta sair."),
    Reason.ANSWERED_BY_PERSON: _("Nada: uma pessoa já respondeu."),
    Reason.WORKER_LOST: _("O processo que atendia parou %(attempts)d vezes; veja os logs dos workers."),
    Reason.TEXT_UNREADABLE: _("O texto não abre com as chaves atuais; confira ENCRYPTION_KEYS_RETIRED."),
    Reason.AGENT_FAILED: _("O modelo falhou %(attempts)d vezes; confira AGENT_MODEL e o provedor dele."),
    "INTEGRATION_NOT_FOUND": _("O cliente não tem WhatsApp configurado; configure-o."),
    "INTEGRATION_DISABLED": _("A integração do cliente está desativada; ative-a."),
    "CAUSE_LOOP": _("A cadeia de causas ficou longa demais; veja qual automação responde a outra."),
    "VALIDATION_ERROR": _("O modelo escreveu o que não pode ser enviado."),
}
_HARMLESS = frozenset({Reason.SUPERSEDED, Reason.TAKEN_OVER, Reason.ANSWERED_BY_PERSON})


def _next_step(run: AgentRun) -> Any:
    if run.state == State.PENDING:
        if run.reason_code == Reason.AGENT_PAUSED:
            until = moment_text(run.next_attempt_at)
            return _("Aguardando: uma pessoa assumiu a conversa até %s.") % until
        return _("Será atendida em %s.") % moment_text(run.next_attempt_at)
    if run.state == State.RUNNING:
        return _("Aguarde o agente terminar.")
    advice = [_ADVICE[run.reason_code] % {"attempts": run.attempts}] if run.reason_code in _ADVICE else []
    is_refused = run.state == State.DONE and run.reason_code not in _HARMLESS and run.reason_code
    if not run.answer_ids and (run.state == State.FAILED or is_refused):
        advice.append(_("O contato ficou sem resposta; responda pelo telefone do cliente."))
    return " ".join(map(str, advice)) or EMPTY


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


STATE = state("state", _("situação"), {State.DONE: "success", State.FAILED: "danger", State.RUNNING: "info"})
TEXTS = column("texts", _("textos"), _texts)
ANSWERS = column("answers", _("respostas"), _answers)
SUCCESSOR = linked_id("successor_id", _("substituída por"), "agent_tools", "agentrun", _("Agente"))
CREATED = moment("created_at", _("desde"))
CONVERSATION = linked_id("conversation_id", _("conversa"), "conversations", "conversation", _("Conversa"))
INBOUND = linked_id("message_id", _("mensagem recebida"), "conversations", "message", _("Mensagem"))
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
        TEXTS,
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
        STATE,
        REASON,
        NEXT_STEP,
        TEXTS,
        ANSWERS,
        SUCCESSOR,
        "attempts",
        "model",
        "tool_calls",
        "latency_ms",
        CREATED,
        moment("finished_at", _("concluída em")),
        CAUSE,
    )
    readonly_fields = fields


add_panel(
    "conversations.conversation",
    Panel(
        _("Execuções de agentes"),
        (
            row_link(_("desde"), CREATED),
            column("agent", _("agente"), lambda run: run.agent),
            STATE,
            REASON,
            TEXTS,
            NEXT_STEP,
        ),
        lambda conversation: AgentRun.objects.filter(conversation=conversation).order_by("-created_at"),
        position=40,
    ),
)
add_panel(
    "conversations.message",
    Panel(
        _("Resposta do agente"),
        (row_link(_("desde"), CREATED), STATE, REASON, NEXT_STEP),
        lambda message: AgentRun.objects.filter(
            client_id=message.client_id, inputs__message_id=message.id, inputs__client_id=message.client_id
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
