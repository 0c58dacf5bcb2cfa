from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest, JSONObject
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from agent_tools import selectors, services
from agent_tools.admin.forms import TOOL_NAMES, AgentForm, day_name
from agent_tools.admin.picture import PicturedAdmin
from agent_tools.admin.reasons import HARMLESS, advice_on
from agent_tools.admin.runs import STATE
from agent_tools.admission import next_opening
from agent_tools.defaults import STANDARD
from agent_tools.model_names import model_name_of
from agent_tools.models import UNFINISHED, Agent, AgentRun
from renum import clock
from renum.admin_columns import CLIENT, as_moment, change_url, column, label, link, moment, moment_text
from renum.admin_filters import BY_CLIENT
from renum.admin_site import cause_of
from renum.errors import InvalidInput
from renum.security.crypto import DecryptionFailed

DAY = timedelta(hours=24)
LOOKED_BACK = 50  # runs of an agent among which its last trouble is looked for


# As the index `agent_runs_agent` has it, and no other.
LATEST_FIRST = F("created_at").desc(nulls_last=True)


def with_runs(agents: QuerySet[Agent]) -> QuerySet[Agent]:
    """Beside each agent its last run, and the last of its latest within a day that ended in trouble."""
    latest = AgentRun.objects.filter(client=OuterRef("client"), agent=OuterRef("name"))
    looked_at = AgentRun.objects.filter(
        client=OuterRef(OuterRef("client")),
        agent=OuterRef(OuterRef("name")),
        created_at__gte=clock.now() - DAY,
    ).order_by(LATEST_FIRST)
    # By an expression, so that Postgres sorts these few, and does not walk an index of all.
    troubled = (
        AgentRun.objects.filter(pk__in=looked_at.values("pk")[:LOOKED_BACK])
        .exclude(state__in=UNFINISHED)
        .filter(Q(state=AgentRun.State.FAILED) | ~Q(reason_code__in=["", *HARMLESS]))
        .order_by(Greatest("created_at", "first_text_at").desc())
    )
    return agents.annotate(last_run=_summary(latest.order_by(LATEST_FIRST)), last_trouble=_summary(troubled))


def _summary(runs: QuerySet[AgentRun]) -> Subquery:
    told = JSONObject(
        id=F("id"), at=F("created_at"), state=F("state"), reason_code=F("reason_code"), attempts=F("attempts")
    )
    return Subquery(runs.values(told=told)[:1])


def _link_to(run: dict[str, Any]) -> Any:
    return link(change_url("agent_tools", "agentrun", run["id"]), as_moment(parse_datetime(run["at"])))


def _last_run(agent: Any) -> Any:
    if not agent.last_run:
        return None
    return format_html("{} {}", STATE(AgentRun(state=agent.last_run["state"])), _link_to(agent.last_run))


def _last_trouble(agent: Any) -> Any:
    found = agent.last_trouble
    return format_html("{} {}", _link_to(found), found["reason_code"]) if found else None


def _next_step(agent: Any) -> Any:
    if not agent.enabled:
        return _("Está desativado: não atende nem faz o que lhe pedem.")
    sentences = []
    if found := agent.last_trouble:
        sentences.append(advice_on(found["reason_code"], found["attempts"]) or str(_("Veja a execução.")))
    if agent.answers_whatsapp and (opens_at := next_opening(agent, agent.client.timezone, clock.now())):
        sentences.append(str(_("Fora do horário: volta a atender em %s.") % moment_text(opens_at)))
    return " ".join(sentences)


def _model(agent: Agent) -> Any:
    used = model_name_of(agent)
    return used if agent.model else _("%s (da instalação)") % used


def _key(agent: Agent) -> Any:
    # as stored: reading the attribute would decrypt it
    return label(_("Guardada"), "success") if agent.__dict__.get("model_key") else label(_("Nenhuma"))


def _recipients(agent: Agent) -> Any:
    try:
        count = len(agent.recipients)
    except DecryptionFailed:
        return _("ilegíveis com as chaves atuais")
    return ngettext("%d permitido", "%d permitidos", count) % count if count else _("só o e-mail do cliente")


def _hours(agent: Agent) -> Any:
    days = ", ".join(day_name(day) for day in sorted(agent.active_days))
    if agent.active_from is None or agent.active_until is None:
        return days
    return f"{days} · {agent.active_from:%H:%M}–{agent.active_until:%H:%M}"


TOOLS = column(
    "tool_names",
    _("ferramentas"),
    lambda agent: format_html_join(", ", "{}", ((TOOL_NAMES.get(name, name),) for name in agent.tools)),
)
INTENT_NAMES = column("intent_names", _("intenções"), lambda agent: ", ".join(agent.intents))
RECIPIENTS = column("recipient_count", _("destinatários de e-mail"), _recipients)
HOURS = column("hours", _("horário"), _hours)
MODEL = column("model_used", _("modelo"), _model)
KEY = column("has_key", _("chave guardada"), _key)
LAST_RUN = column("last_run", _("última execução"), _last_run)
TROUBLE = column("last_trouble", _("último problema em 24 h"), _last_trouble)
NEXT_STEP = column("next_step", _("o que fazer"), _next_step)

WHO = ("client", "name", "title", ("enabled", "answers_whatsapp"))
LIMITS: tuple[Any, dict[str, Any]] = (
    _("Limites"),
    {"fields": (("model_calls", "tool_calls"), ("timeout_seconds", "replies_per_hour"))},
)
STANDING: tuple[Any, dict[str, Any]] = (
    _("Situação"),
    {"fields": ("id", LAST_RUN, TROUBLE, NEXT_STEP, moment("created_at", _("criado em")), "updated_at")},
)


@admin.register(Agent)
class AgentAdmin(PicturedAdmin):
    """Three agents every client has, under their names; further ones are added, and may go again."""

    form = AgentForm
    list_display = (
        "title",
        CLIENT,
        "name",
        "enabled",
        "answers_whatsapp",
        MODEL,
        "data_access",
        LAST_RUN,
        TROUBLE,
        NEXT_STEP,
    )
    list_select_related = ("client",)
    list_filter = (BY_CLIENT, "enabled", "answers_whatsapp", ("data_access", ChoicesDropdownFilter))
    search_fields = ("name", "title")
    search_help_text = _("Nome ou título")
    ordering = ("name", "id")
    sortable_by = ()
    actions = ("enable", "disable", "delete_selected")
    autocomplete_fields = ("client",)
    fieldsets: Any = (
        (None, {"fields": WHO}),
        (_("O que é"), {"fields": ("prompt", "knowledge")}),
        (_("O que pode"), {"fields": ("tools", "data_access", "intents", "recipients")}),
        (_("Modelo"), {"fields": ("model", "new_key", "clear_key")}),
        (
            _("Horário"),
            {
                "fields": ("active_days", ("active_from", "active_until")),
                "description": _(
                    "No relógio do cliente, para quem responde no WhatsApp; o que chega fora dele espera. "
                    "Sem horas, o dia todo."
                ),
            },
        ),
        LIMITS,
    )
    # For who may look only: what is sealed is not opened for them.
    _shown = (
        (None, {"fields": WHO}),
        (_("O que é"), {"fields": ("prompt", "knowledge")}),
        (_("O que pode"), {"fields": (TOOLS, "data_access", INTENT_NAMES, RECIPIENTS)}),
        (_("Modelo"), {"fields": (MODEL, KEY)}),
        (_("Horário"), {"fields": (HOURS,)}),
        LIMITS,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_runs(super().get_queryset(request)).select_related("client")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        if not self.has_change_permission(request, obj):
            return (*self._shown, STANDING)
        return tuple(
            (title, {**part, "fields": ("model", KEY, "new_key", "clear_key")})
            if "new_key" in part["fields"]
            else (title, part)
            for title, part in (*self.fieldsets, STANDING)
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        name = ("name",) if obj.name in STANDARD else ()
        return ("client", *name, KEY, *STANDING[1]["fields"])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service, upon the row as it is now, with what was changed alone."""
        changes, cause = form.changes(), cause_of(request)
        if not change:
            created = services.create_agent(obj.client_id, changes, cause=cause)
            obj.pk, obj._state.adding = created.pk, False
        elif changes:
            agent = selectors.get_agent(obj.client_id, obj.pk, for_update=True)
            services.change_agent(agent, changes, cause=cause)

    # --- Deleting: never one that every client has --------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.name in STANDARD:
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        deletable, counts, needed, kept = super().get_deleted_objects(objs, request)
        standard = [_("%s: agente padrão, fica") % agent.title for agent in objs if agent.name in STANDARD]
        return deletable, counts, set() if standard else needed, [*kept, *standard]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.remove_agent(obj, cause=cause_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        for agent in queryset:
            self.delete_model(request, agent)

    # --- Actions --------------------------------------------------------------------------------------

    @admin.action(description=_("Ativar"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        switched = self._switch(request, queryset, enabled=True)
        self.write_log(request, switched, _("Ativado."))
        text = ngettext("%d agente ativado.", "%d agentes ativados.", len(switched))
        self.message_user(request, text % len(switched), messages.SUCCESS)

    @admin.action(description=_("Desativar"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        switched = self._switch(request, queryset, enabled=False)
        self.write_log(request, switched, _("Desativado."))
        text = ngettext("%d agente desativado.", "%d agentes desativados.", len(switched))
        self.message_user(request, text % len(switched), messages.SUCCESS)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Agent], *, enabled: bool) -> list[Agent]:
        chosen = Agent.objects.filter(pk__in=[one.pk for one in queryset]).exclude(enabled=enabled)
        switched = []
        for agent in chosen.order_by("pk").select_for_update(no_key=True):
            try:
                services.change_agent(agent, {"enabled": enabled}, cause=cause_of(request))
            except (InvalidInput, DecryptionFailed):  # as it is stored; its page names what is wrong
                text = _("%s não foi alterado: corrija-o na página dele.") % agent
                self.message_user(request, text, messages.ERROR)
            else:
                switched.append(agent)
        return switched
