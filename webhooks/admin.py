from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from renum.admin_columns import (
    CLIENT,
    EMPTY,
    Panel,
    add_panel,
    column,
    linked,
    moment,
    moment_text,
    name_cause,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter
from renum.admin_site import ReadOnlyAdmin
from webhooks.models import InboundEvent

name_cause("inbound", _("Evento recebido"), "webhooks", "inboundevent")

State = InboundEvent.State

REASONS: dict[str, Any] = {
    "UNKNOWN_SHAPE": _("O formato não é conhecido."),
    "EVENT_NOT_HANDLED": _("Eventos deste tipo não são usados."),
    "SENT_FROM_PHONE": _("Foi enviada pelo próprio telefone do cliente."),
    "OWN_CHAT": _("É uma anotação do cliente para si mesmo."),
    "GROUP_MESSAGE": _("Mensagens de grupos não são atendidas."),
    "NOT_A_PERSON": _("Não veio de uma pessoa."),
    "RECEIPT_NOT_HANDLED": _("Este recibo não muda nada."),
    "RECEIPT_UNKNOWN": _("O recibo é de uma mensagem que não passou por aqui."),
    "INVALID_PHONE": _("O número do remetente não é um telefone válido."),
    "DUPLICATE_MESSAGE": _("A mensagem já era conhecida."),
    "ECHO_NOT_OURS": _("Foi enviada por outro sistema."),
    "ECHO_KNOWN": _("O envio já estava confirmado."),
    "HISTORY": _("São mensagens de antes da conexão; não contam como novas."),
    "CONNECTING": _("O número está sendo conectado; ainda não mudou nada."),
    "CONNECTION_UNCHANGED": _("A integração já estava nesta situação."),
    "PROCESSING_FAILED": _("Falhou repetidamente ao ser processado; avise a equipe técnica."),
}


def _explanation(event: InboundEvent) -> Any:
    """What happens next, or why nothing does."""
    if event.state == State.PENDING:
        return _("Será processado em %s.") % moment_text(event.next_attempt_at)
    return REASONS.get(event.reason_code, EMPTY)


STATE = state("state", _("situação"), {State.DONE: "success", State.FAILED: "danger", State.PENDING: "info"})
RECEIVED = moment("received_at", _("recebido em"))
INTEGRATION = linked("integration", _("integração"))
REASON = column("reason_code", _("motivo"), lambda event: event.reason_code)
EXPLANATION = column("explanation", _("explicação"), _explanation)


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    list_display = (RECEIVED, CLIENT, INTEGRATION, "kind", STATE, REASON, EXPLANATION, "attempts")
    list_display_links = (RECEIVED,)
    list_select_related = ("client", "integration")
    list_filter = (BY_CLIENT, ("state", ChoicesDropdownFilter), ("received_at", DayRangeFilter))
    ordering = ("-received_at",)
    sortable_by = (RECEIVED,)
    fields = (
        "id",
        CLIENT,
        INTEGRATION,
        "kind",
        STATE,
        REASON,
        EXPLANATION,
        "attempts",
        RECEIVED,
        moment("next_attempt_at", _("próxima tentativa")),
        moment("processed_at", _("processado em")),
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("payload")


add_panel(
    "integrations.integration",
    Panel(
        _("Últimos eventos recebidos"),
        (
            row_link(_("recebido em"), RECEIVED),
            column("kind", _("tipo"), lambda event: event.kind),
            STATE,
            REASON,
            EXPLANATION,
        ),
        lambda integration: (
            InboundEvent.objects.filter(client_id=integration.client_id, integration=integration)
            .defer("payload")
            .order_by("-received_at")
        ),
        position=20,
    ),
)
