"""Contacts who may be one person: a person looks, and says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from renum.admin_columns import CLIENT, Panel, add_alert, add_panel, column, label, moment, row_link
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ReadOnlyAdmin
from renum.conversations.admin.contacts import CONTACT, contact_link
from renum.conversations.doubts import settle_doubt
from renum.conversations.held import doubts_about
from renum.conversations.models import IdentityDoubt

OTHER = column("other", _("outro contato"), lambda doubt: contact_link(doubt.other))
SINCE = moment("created_at", _("desde"))
RESOLVED = moment("resolved_at", _("resolvida em"))
STATE = column(
    "state",
    _("situação"),
    lambda doubt: label(_("Resolvida"), "success") if doubt.resolved_at else label(_("Aberta"), "warning"),
)
REASON = row_link(_("motivo"), lambda doubt: doubt.get_reason_display())


class OpenFilter(admin.SimpleListFilter):
    title = _("situação")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Abertas")), ("0", _("Resolvidas"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("0", "1"):
            return queryset.filter(resolved_at__isnull=self.value() == "1")
        return queryset


@admin.register(IdentityDoubt)
class IdentityDoubtAdmin(ReadOnlyAdmin):
    """The open ones first: an instant that is not there sorts before all others."""

    list_display = (REASON, CLIENT, CONTACT, OTHER, STATE, SINCE, RESOLVED)
    list_display_links = None
    list_select_related = ("client", "contact", "other")
    list_filter = (BY_CLIENT, OpenFilter)
    ordering = ("-resolved_at", "-created_at")
    sortable_by = ()
    actions = ("are_different",)
    fields = ("id", CLIENT, CONTACT, OTHER, "reason", STATE, SINCE, RESOLVED)
    readonly_fields = fields

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("conversations.change_identitydoubt"))

    @admin.action(description=_("São pessoas diferentes"), permissions=["settle"])
    def are_different(self, request: HttpRequest, queryset: QuerySet[IdentityDoubt]) -> None:
        chosen = list(queryset)
        settled = [doubt for doubt in chosen if settle_doubt(doubt)]
        self.write_log(request, settled, _("Decidido: são pessoas diferentes."))
        if settled:
            text = ngettext("%d dúvida resolvida.", "%d dúvidas resolvidas.", len(settled))
            self.message_user(request, text % len(settled), messages.SUCCESS)
        if left := len(chosen) - len(settled):
            text = ngettext("%d já estava resolvida.", "%d já estavam resolvidas.", left)
            self.message_user(request, text % left, messages.WARNING)


_COLUMNS = (REASON, CONTACT, OTHER, STATE, SINCE)
_WITH_PEOPLE = ("contact", "other")

add_panel(
    "conversations.contact",
    Panel(
        _("Identidades em dúvida"),
        _COLUMNS,
        lambda contact: doubts_about(contact).select_related(*_WITH_PEOPLE).order_by("-created_at"),
        position=30,
    ),
)
add_alert(
    Panel(
        _("Identidades em dúvida"),
        (REASON, CLIENT, CONTACT, OTHER, SINCE),
        lambda _row: (
            IdentityDoubt.objects.filter(resolved_at=None)
            .select_related("client", *_WITH_PEOPLE)
            .order_by("-created_at")
        ),
        position=40,
    )
)
