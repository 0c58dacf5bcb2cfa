"""Who, when, how far — never the words."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import DropdownFilter

from renum import clock
from renum.admin_columns import (
    CAUSE,
    CLIENT,
    Panel,
    add_alert,
    add_panel,
    as_moment,
    column,
    label,
    linked,
    moment,
    name_cause,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ConsoleAdmin, ReadOnlyAdmin, cause_of
from renum.conversations import services
from renum.conversations.admin.contacts import CONTACT, contacts_with
from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Conversation, Message
from renum.conversations.phones import normalize_phone

name_cause("message", _("Mensagem"), "conversations", "message")

STATUS_COLOURS = {Conversation.Status.OPEN: "success", Conversation.Status.PENDING: "warning"}
STATUS = state("status", _("situação"), STATUS_COLOURS)
LAST = moment("last_message_at", _("última mensagem"))
PAUSED = column(
    "agent_paused_until",
    _("agente em pausa até"),
    lambda row: (
        as_moment(row.agent_paused_until)
        if row.agent_paused_until and row.agent_paused_until > clock.now()
        else ""
    ),
)
# By reason code; later apps add theirs.
ATTENTION_REASONS: dict[str, Any] = {"OPT_OUT_UNCLEAR": _("Talvez tenha pedido para não receber mensagens")}
ATTENTION = column(
    "attention_reason",
    _("pede atenção"),
    lambda row: ATTENTION_REASONS.get(row.attention_reason, row.attention_reason),
)
ATTENTION_SINCE = moment("attention_at", _("desde"))
MESSAGE_STATE = state(
    "state",
    _("situação"),
    {
        Message.State.SENT: "success",
        Message.State.DELIVERED: "success",
        Message.State.READ: "success",
        Message.State.FAILED: "danger",
        Message.State.UNKNOWN: "warning",
        Message.State.QUEUED: "info",
    },
)
OCCURRED = moment("occurred_at", _("quando"))
DIRECTION = column("direction", _("direção"), lambda message: label(message.get_direction_display()))


class AttentionFilter(DropdownFilter):  # type: ignore[misc]
    """The conversations that wait for a person; they have an index of their own."""

    title = _("pede atenção")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Sim")), *ATTENTION_REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        waiting = queryset.filter(attention_at__isnull=False)
        return waiting if self.value() == "yes" else waiting.filter(attention_reason=self.value())


@admin.register(Conversation)
class ConversationAdmin(ConsoleAdmin):
    list_display = (
        LAST,
        CLIENT,
        CONTACT,
        "channel",
        STATUS,
        moment("last_inbound_at", _("última recebida")),
        moment("last_outbound_at", _("última enviada")),
        PAUSED,
        ATTENTION,
        ATTENTION_SINCE,
    )
    list_display_links = (LAST,)
    list_select_related = ("client", "contact")
    list_filter = (
        BY_CLIENT,
        AttentionFilter,
        ("last_message_at", DayRangeFilter),
        recent("status", "last_message_at", _("situação"), lambda: Conversation.Status.choices),
    )
    search_help_text = _("Telefone do contato com DDD, ou ID completo")
    ordering = ("-last_message_at",)
    sortable_by = (LAST,)
    actions = ("resume_agents", "give_attention")
    fields = (
        "id",
        CLIENT,
        CONTACT,
        "channel",
        "status",
        PAUSED,
        ATTENTION,
        ATTENTION_SINCE,
        "last_message_at",
        "last_inbound_at",
        "last_outbound_at",
        "quiet_since",
        moment("unanswered_since", _("sem resposta desde")),
        "created_at",
        "updated_at",
    )
    readonly_fields = tuple(name for name in fields if name not in ("status", "last_message_at"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Retomar o agente"), permissions=["change"])
    def resume_agents(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        cause = cause_of(request)
        resumed = [one for one in queryset if services.resume_agent(one, cause=cause)]
        self.write_log(request, resumed, _("Agente retomado."))
        text = ngettext("Agente retomado em %d conversa.", "Agente retomado em %d conversas.", len(resumed))
        self.message_user(request, text % len(resumed), messages.SUCCESS)

    @admin.action(description=_("Marcar como atendida"), permissions=["change"])
    def give_attention(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        cause = cause_of(request)
        given = [one for one in queryset if services.give_attention(one, cause=cause)]
        self.write_log(request, given, _("Marcada como atendida."))
        text = ngettext("%d conversa atendida.", "%d conversas atendidas.", len(given))
        self.message_user(request, text % len(given), messages.SUCCESS)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        try:
            return queryset.filter(contact__in=contacts_with(normalize_phone(term)).values("pk"))
        except InvalidPhone:
            return super().find(queryset, term)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The status goes through its service, which tells triggers; both let the sweep look again."""
        stored = form.initial["last_message_at"].replace(microsecond=0)  # the form shows no more
        if "last_message_at" in form.changed_data and obj.last_message_at != stored:
            obj.updated_at = clock.now()
            obj.save(update_fields=["last_message_at", "updated_at"])
        if "status" in form.changed_data:
            wanted, obj.status = obj.status, form.initial["status"]
            services.change_status(obj, wanted, cause=cause_of(request))


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = (
        OCCURRED,
        CLIENT,
        linked("conversation", _("conversa")),
        DIRECTION,
        "author",
        "kind",
        MESSAGE_STATE,
        "length",
        CAUSE,
    )
    list_display_links = (OCCURRED,)
    list_select_related = ("client", "conversation")
    list_filter = (
        BY_CLIENT,
        ("occurred_at", DayRangeFilter),
        recent("state", "occurred_at", _("situação"), lambda: Message.State.choices),
    )
    ordering = ("-occurred_at",)
    sortable_by = (OCCURRED,)
    fields = (
        "id",
        CLIENT,
        linked("conversation", _("conversa")),
        DIRECTION,
        "author",
        "kind",
        MESSAGE_STATE,
        "length",
        OCCURRED,
        "provider_message_id",
        CAUSE,
    )
    readonly_fields = fields


add_panel(
    "conversations.contact",
    Panel(
        _("Conversas"),
        (row_link(_("conversa")), STATUS, LAST),
        lambda contact: contact.conversations.order_by("-last_message_at"),
    ),
)
add_panel(
    "conversations.conversation",
    Panel(
        _("Mensagens"),
        (
            row_link(_("quando"), OCCURRED),
            DIRECTION,
            column("author", _("autor"), lambda message: message.get_author_display()),
            column("kind", _("tipo"), lambda message: message.kind),
            MESSAGE_STATE,
            column("length", _("caracteres"), lambda message: message.length),
            CAUSE,
        ),
        lambda conversation: conversation.messages.order_by("-occurred_at"),
        position=0,
    ),
)
add_alert(
    Panel(
        _("Conversas que pedem atenção"),
        (row_link(_("conversa")), CLIENT, CONTACT, ATTENTION, ATTENTION_SINCE),
        lambda _nobody: (
            Conversation.objects.filter(attention_at__isnull=False)
            .select_related("client", "contact")
            .order_by("-attention_at")
        ),
        position=30,
    )
)
