from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from integrations.admin.reasons import next_step, what_holds_it
from integrations.delivery.settling import settle_by_person
from integrations.models import DeliveryAttempt, OutboundMessage
from renum.admin_columns import (
    CAUSE,
    CLIENT,
    Panel,
    add_alert,
    add_panel,
    column,
    error_text,
    linked,
    linked_id,
    moment,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ReadOnlyAdmin, cause_of
from renum.conversations.models import Channel
from renum.security.redaction import redact_text

State = OutboundMessage.State
Outcome = DeliveryAttempt.Outcome

STATE = state(
    "state",
    _("situação"),
    {State.SENT: "success", State.FAILED: "danger", State.UNKNOWN: "warning", State.SENDING: "info"},
)
QUEUED = moment("queued_at", _("na fila desde"))
REASON = column("reason_code", _("motivo"), lambda message: message.reason_code)
ERROR = error_text("error_message", _("erro"))
NEXT_STEP = column("next_step", _("o que fazer"), next_step)
SPARED = column("attempts_spared", _("tentativas poupadas"), lambda message: message.attempts_spared)
INTEGRATION = linked("integration", _("integração"))
CONVERSATION = linked_id("conversation_id", _("conversa"), "conversations", "conversation", _("Conversa"))
_IN_CONVERSATION = linked_id("id", _("na conversa"), "conversations", "message", _("Mensagem"))
MESSAGE = column(  # a mail is in none
    "message", _("na conversa"), lambda message: _IN_CONVERSATION(message) if message.conversation_id else ""
)

OUTCOME = state(
    "outcome",
    _("resultado"),
    {Outcome.SENT: "success", Outcome.FAILED: "danger", Outcome.UNKNOWN: "warning", Outcome.RETRY: "info"},
)
STARTED = moment("started_at", _("início"))
FINISHED = moment("finished_at", _("fim"))
ATTEMPT_ERROR = error_text("error_message", _("descrição"))


def _refused(attempt: DeliveryAttempt) -> Any:
    """Who did not get a mail that others got, by their place in it, and what their server said."""
    lines = [
        (one.get("recipient", "?"), one.get("code", ""), redact_text(str(one.get("detail", ""))))
        for one in attempt.refused_recipients
    ]
    return format_html_join(mark_safe("<br>"), "<code>{}</code> {} {}", lines)


REFUSED = column("refused_recipients", _("destinatários recusados"), _refused)


class AttemptInline(TabularInline):  # type: ignore[misc]
    model = DeliveryAttempt
    fields = (
        STARTED,
        FINISHED,
        "provider",
        OUTCOME,
        "error_code",
        ATTEMPT_ERROR,
        REFUSED,
        "http_status",
        "latency_ms",
    )
    readonly_fields = fields
    ordering = ("number",)
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OutboundMessage)
class OutboundMessageAdmin(ReadOnlyAdmin):
    list_display = (
        QUEUED,
        CLIENT,
        INTEGRATION,
        "kind",
        STATE,
        REASON,
        ERROR,
        "attempts",
        NEXT_STEP,
        CONVERSATION,
    )
    list_display_links = (QUEUED,)
    list_select_related = ("client", "integration")
    list_filter = (
        BY_CLIENT,
        ("state", ChoicesDropdownFilter),
        recent("channel", "queued_at", _("canal"), lambda: Channel.choices),
        ("queued_at", DayRangeFilter),
    )
    ordering = ("-queued_at",)
    sortable_by = (QUEUED,)
    actions = ("confirm_sent", "mark_not_sent")
    inlines = (AttemptInline,)
    change_form_outer_before_template = "admin/integrations/message.html"
    fieldsets = (
        (None, {"fields": ("id", CLIENT, STATE, REASON, ERROR, NEXT_STEP)}),
        (
            _("Caminho"),
            {"fields": (CONVERSATION, MESSAGE, INTEGRATION, "channel", "kind", "priority", CAUSE)},
        ),
        (
            _("Datas"),
            {
                "fields": (
                    QUEUED,
                    moment("next_attempt_at", _("próxima tentativa")),
                    moment("not_after", _("válida até")),
                    moment("sent_at", _("enviada em")),
                    moment("delivered_at", _("entregue em")),
                    moment("finished_at", _("concluída em")),
                )
            },
        ),
        (_("Identificação"), {"fields": ("attempts", SPARED, "idempotency_key", "provider_message_id")}),
    )
    readonly_fields = tuple(name for _title, part in fieldsets for name in part["fields"])

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body", "recipient")

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integrations.change_outboundmessage")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        unknown = obj is not None and obj.state == State.UNKNOWN
        context["may_settle"] = unknown and self.has_settle_permission(request)
        context["what_holds_it"] = what_holds_it(obj) if obj is not None else ""
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Confirmar que foi enviada"), permissions=["settle"])
    def confirm_sent(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        self._settle(request, queryset, sent=True)

    @admin.action(description=_("Marcar como não enviada"), permissions=["settle"])
    def mark_not_sent(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        self._settle(request, queryset, sent=False)

    def _settle(self, request: HttpRequest, queryset: QuerySet[OutboundMessage], *, sent: bool) -> None:
        cause = cause_of(request)
        chosen = list(queryset)
        settled = [row for row in chosen if settle_by_person(row.client_id, row.id, sent=sent, cause=cause)]
        self.write_log(
            request, settled, _("Confirmada como enviada.") if sent else _("Marcada como não enviada.")
        )
        if settled:
            text = ngettext("%d mensagem decidida.", "%d mensagens decididas.", len(settled))
            self.message_user(request, text % len(settled), messages.SUCCESS)
        if left := len(chosen) - len(settled):
            text = ngettext(
                "%d mensagem não estava incerta e ficou como estava.",
                "%d mensagens não estavam incertas e ficaram como estavam.",
                left,
            )
            self.message_user(request, text % left, messages.WARNING)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    list_display = (
        STARTED,
        CLIENT,
        linked("message", _("mensagem")),
        "number",
        "provider",
        OUTCOME,
        "error_code",
        ATTEMPT_ERROR,
        "http_status",
        "latency_ms",
    )
    list_display_links = (STARTED,)
    list_select_related = ("client", "message")
    list_filter = (BY_CLIENT,)
    sortable_by = ()
    fields = (
        "id",
        CLIENT,
        linked("message", _("mensagem")),
        "number",
        "provider",
        OUTCOME,
        "error_code",
        ATTEMPT_ERROR,
        REFUSED,
        "http_status",
        "latency_ms",
        STARTED,
        FINISHED,
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("message__body", "message__recipient")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By their own time among a client's; over all clients by their message's, which has an index."""
        return ("-started_at",) if "client__id__exact" in request.GET else ("-message__queued_at",)


LATEST = (row_link(_("na fila desde"), QUEUED), STATE, REASON, ERROR, NEXT_STEP, CAUSE)

add_panel(
    "conversations.conversation",
    Panel(
        _("Mensagens de saída"),
        LATEST,
        lambda conversation: (
            OutboundMessage.objects.filter(client_id=conversation.client_id, conversation=conversation)
            .defer("body", "recipient")
            .order_by("-queued_at")
        ),
        position=20,
    ),
)
add_panel(
    "integrations.integration",
    Panel(
        _("Últimas mensagens de saída"),
        LATEST,
        lambda integration: (
            OutboundMessage.objects.filter(client_id=integration.client_id, integration=integration)
            .defer("body", "recipient")
            .order_by("-queued_at")
        ),
    ),
)
add_panel(
    "conversations.message",
    Panel(
        _("Na fila de saída"),
        (row_link(_("mensagem de saída")), STATE, REASON, ERROR, NEXT_STEP),
        lambda message: OutboundMessage.objects.filter(id=message.id).defer("body", "recipient"),
    ),
)

add_alert(
    Panel(
        _("Envios incertos"),
        (row_link(_("mensagem de saída"), QUEUED), CLIENT, ERROR, NEXT_STEP),
        lambda _nobody: (
            OutboundMessage.objects.filter(state=OutboundMessage.State.UNKNOWN)
            .select_related("client", "integration", "conversation")
            .order_by("-queued_at")
        ),
        position=20,
    )
)
