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
    label,
    linked_id,
    moment,
    name_cause,
    row_link,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ReadOnlyAdmin
from renum.events.models import Event

name_cause("event", _("Evento"), "events", "event")

_COLOURS = {
    Event.Kind.MESSAGE_FAILED: "danger",
    Event.Kind.MESSAGE_UNKNOWN: "warning",
    Event.Kind.MESSAGE_SENT: "success",
    Event.Kind.MESSAGE_RECEIVED: "info",
}

KIND = column(
    "kind",
    _("tipo"),
    lambda event: label(event.get_kind_display(), _COLOURS.get(event.kind, "")),
    order="kind",
)
WHEN = moment("occurred_at", _("quando"))
CONVERSATION = linked_id("conversation_id", _("conversa"), "conversations", "conversation", _("Conversa"))


def _show_data(event: Event) -> Any:
    """Codes and identifiers; the log holds nothing else."""
    if not event.data:
        return EMPTY
    return format_html("<code>{}</code>", json.dumps(event.data, ensure_ascii=False))


DATA = column("data", _("dados"), _show_data)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = (WHEN, CLIENT, KIND, CONVERSATION, DATA, CAUSE)
    list_display_links = (WHEN,)
    list_select_related = ("client",)
    list_filter = (
        BY_CLIENT,
        ("occurred_at", DayRangeFilter),
        recent("kind", "occurred_at", _("tipo"), lambda: Event.Kind.choices),
    )
    ordering = ("-occurred_at",)
    sortable_by = (WHEN,)
    fields = ("id", CLIENT, KIND, CONVERSATION, WHEN, DATA, CAUSE)
    readonly_fields = fields


add_panel(
    "conversations.conversation",
    Panel(
        _("Eventos"),
        (row_link(_("quando"), WHEN), KIND, DATA, CAUSE),
        lambda conversation: Event.objects.filter(
            client_id=conversation.client_id, conversation_id=conversation.pk
        ).order_by("-occurred_at"),
        position=90,
    ),
)
