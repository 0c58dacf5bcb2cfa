"""The pages of a client's rules: one row for each client, changed through a service that records it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from renum.admin_columns import CLIENT, column
from renum.admin_site import ConsoleAdmin, cause_of
from renum.events.cause import Cause

RULES_OF = column("rules_of", _("cliente"), str)


class PolicyAdmin(ConsoleAdmin):
    """One for each client, which has the defaults while there is none. None is deleted: it is set back.

    The first of the `fieldsets` begins with the client, who cannot be changed any more afterwards.
    """

    list_select_related = ("client",)
    ordering = ("-updated_at",)
    sortable_by = ()
    actions = None
    autocomplete_fields = ("client",)

    def change_policy(self, client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> Any:
        """Set some of the rules by the service that looks after them; returns the row."""
        raise NotImplementedError

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        (title, options), *rest = self.fieldsets
        return ((title, {**options, "fields": (CLIENT, *options["fields"][1:], "updated_at")}), *rest)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (CLIENT, "updated_at") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service, which puts the change on record, and into effect."""
        names = form.changed_data if change else form.fields
        changes = {name: form.cleaned_data[name] for name in names if name != "client"}
        saved = self.change_policy(obj.client_id, changes, cause=cause_of(request))
        obj.pk, obj._state.adding = saved.pk, False
