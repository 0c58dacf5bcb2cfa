from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from renum.accounts.models import Client
from renum.admin_columns import CLIENT, moment, row_link
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin, cause_of
from renum.conversations.consent import release_contact, suppress_contact
from renum.conversations.emails import email_index
from renum.conversations.errors import InvalidPhone
from renum.conversations.identity import contacts_named
from renum.conversations.models import Channel, Contact, Suppression
from renum.conversations.phones import normalize_phone, phone_index
from renum.events.models import Event
from renum.events.services import record_event


class SuppressionForm(forms.ModelForm[Suppression]):
    address = forms.CharField(
        label=_("Telefone ou e-mail"),
        max_length=320,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Telefone com DDD. O número ou endereço em si não é guardado."),
    )

    def clean_address(self) -> str:
        typed = str(self.cleaned_data["address"]).strip()
        if "@" in typed:
            validate_email(typed)
            return typed
        try:
            return normalize_phone(typed)
        except InvalidPhone as error:
            raise forms.ValidationError(error.message) from error

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if values.get("client") and values.get("address"):
            channel, index = _channel_of(values["address"])
            self.instance.channel = channel
            self.instance.address_index = index(values["client"].id, values["address"])
            taken = Suppression.objects.filter(
                client=values["client"],
                channel=self.instance.channel,
                address_index=self.instance.address_index,
                reason=values.get("reason", ""),
            )
            if taken.exists():
                raise forms.ValidationError(
                    _("Este número ou e-mail já está bloqueado para este cliente, por este motivo.")
                )
        return values


def _channel_of(address: str) -> tuple[Channel, Callable[[UUID, str], str]]:
    """The channel that an address belongs to, and how it is looked up there."""
    return (Channel.EMAIL, email_index) if "@" in address else (Channel.WHATSAPP, phone_index)


def _contacts_of(bar: Suppression) -> list[Contact]:
    """Whose name the barred address is; nobody's, if it is an e-mail or of somebody unknown."""
    if bar.channel != Channel.WHATSAPP:
        return []
    return list(contacts_named(bar.client_id, [bar.address_index]))


@admin.register(Suppression)
class SuppressionAdmin(ConsoleAdmin):
    """Who must not be written to. An entry is added or taken back, never changed.

    A known contact is barred, and released, under all their names at once.
    """

    form = SuppressionForm
    list_display = (
        row_link(_("bloqueio"), lambda suppression: suppression.id.hex[:8]),
        CLIENT,
        "channel",
        "reason",
        moment("created_at", _("desde")),
    )
    list_display_links = None
    list_select_related = ("client",)
    list_filter = (BY_CLIENT, "channel")
    search_help_text = _("Telefone com DDD, e-mail, ou ID completo")
    ordering = ("-created_at",)
    autocomplete_fields = ("client",)
    fields = ("client", "channel", "reason", "created_at")
    readonly_fields = ("channel", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("client", "address", "reason")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for contact in _contacts_of(obj):
            suppress_contact(contact, obj.reason)
        record_event(
            obj.client_id,
            Event.Kind.CONTACT_SUPPRESSED,
            cause=cause_of(request),
            data={"channel": obj.channel, "by": "staff"},
        )

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        for contact in _contacts_of(obj):
            release_contact(contact, obj.reason)
        Suppression.objects.filter(pk=obj.pk).delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        for bar in list(queryset):
            self.delete_model(request, bar)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        try:
            address = term if "@" in term else normalize_phone(term)
        except InvalidPhone:
            return super().find(queryset, term)
        _channel, index = _channel_of(address)
        clients = Client.objects.values_list("id", flat=True)
        return queryset.filter(address_index__in=[index(client, address) for client in clients])
