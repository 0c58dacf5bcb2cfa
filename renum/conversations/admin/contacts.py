"""Who a client talks to, under which names, and what the LGPD lets them ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from renum.accounts.models import Client
from renum.admin_columns import CLIENT, Panel, add_panel, column, link_to, moment
from renum.admin_filters import BY_CLIENT, DayRangeFilter
from renum.admin_site import ReadOnlyAdmin, cause_of
from renum.conversations import privacy
from renum.conversations.api.contacts import as_download
from renum.conversations.errors import ContactInUse, InvalidPhone
from renum.conversations.models import Contact, ContactAlias
from renum.conversations.phones import normalize_phone, phone_index
from renum.errors import Unavailable
from renum.security.crypto import DecryptionFailed

UNREADABLE = _("ilegível com as chaves atuais")


def masked(name: str) -> str:
    """Enough of a number or LID to recognise it: its beginning and the last two digits."""
    number, at, server = name.partition("@")
    return f"{number[:4]}{'•' * max(0, len(number) - 6)}{number[-2:]}{at}{server}"


def _readable(read: Callable[[], Any]) -> Any:
    """What an encrypted field says, or that no key of ours opens it."""
    try:
        return read()
    except DecryptionFailed:
        return UNREADABLE


def _phone(contact: Contact) -> Any:
    """The phone, or how WhatsApp names somebody without."""
    return _readable(lambda: contact.masked_phone or masked(str(contact.wa_id or "")))


def _name(contact: Contact) -> Any:
    return _readable(lambda: contact.name)


def _alias(alias: ContactAlias) -> Any:
    return _readable(lambda: masked(str(alias.value)))


def _attributes(contact: Contact) -> Any:
    """One to a line, as JSON, so that a text is not taken for a number."""
    shown = (
        (name, json.dumps(value, ensure_ascii=False)) for name, value in sorted(contact.attributes.items())
    )
    return format_html_join(mark_safe("<br>"), "<code>{}</code>: {}", shown)


def contacts_with(phone: str) -> QuerySet[Contact]:
    """Whoever has this E.164 phone, at any client: each has a blind index of its own."""
    clients = Client.objects.values_list("id", flat=True)
    return Contact.objects.filter(phone_index__in=[phone_index(client_id, phone) for client_id in clients])


def contact_link(contact: Contact) -> Any:
    """A contact's name and masked phone, linked to their page."""
    return link_to(contact, f"{_name(contact) or ''} {_phone(contact)}")


PHONE = column("phone", _("telefone"), _phone)
NAME = column("name", _("nome"), _name)
ATTRIBUTES = column("attributes", _("atributos"), _attributes)
CONTACT = column("contact", _("contato"), lambda row: contact_link(row.contact))


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    list_display = (
        PHONE,
        NAME,
        CLIENT,
        moment("created_at", _("desde")),
        moment("updated_at", _("mudou em")),
    )
    list_display_links = (PHONE,)
    list_select_related = ("client",)
    list_filter = (BY_CLIENT, ("created_at", DayRangeFilter))
    search_help_text = _("Telefone com DDD, ou ID completo")
    ordering = ("-created_at",)
    sortable_by = ()
    change_form_outer_before_template = "admin/conversations/contact.html"
    fields = ("id", CLIENT, PHONE, NAME, ATTRIBUTES, "created_at", "updated_at")
    readonly_fields = fields

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        try:
            return queryset.filter(pk__in=contacts_with(normalize_phone(term)).values("pk"))
        except InvalidPhone:
            return super().find(queryset, term)

    # --- LGPD: both change nothing that a person could edit, so they have permissions of their own ---

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("conversations.change_contact"))

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("conversations.delete_contact"))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        contact = kwargs.get("obj")
        if contact is not None:
            if self.has_export_permission(request):
                context["export_url"] = _address("export", contact)
            if self.has_erase_permission(request):
                context["erase_url"] = _address("erase", contact)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        views = (("export", self.export_view), ("erase", self.erase_view))
        return [
            *(
                path(
                    f"<path:object_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"conversations_contact_{name}",
                )
                for name, view in views
            ),
            *super().get_urls(),
        ]

    def _contact(self, request: HttpRequest, object_id: str) -> Contact:
        contact = self.get_object(request, unquote(object_id))
        if contact is None:
            raise Http404
        return contact  # type: ignore[no-any-return]

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out all that is held on the contact, and note who asked."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        if request.method != "POST":  # it leaves a record, so a mere link must not do it
            return HttpResponseNotAllowed(["POST"])
        contact = self._contact(request, object_id)
        try:
            document = privacy.export_contact(contact.client_id, contact.id, cause=cause_of(request))
        except Unavailable as away:
            self.message_user(request, away.message, messages.ERROR)
            return HttpResponseRedirect(_address("change", contact))
        self.write_log(request, [contact], _("Dados exportados (LGPD)."))
        return as_download(document, contact.id)

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask whether it is meant; upon POST, do it."""
        if not self.has_erase_permission(request):
            raise PermissionDenied
        contact = self._contact(request, object_id)
        back = reverse("admin:conversations_contact_change", args=[contact.pk])
        if request.method != "POST":
            return TemplateResponse(
                request,
                "admin/conversations/erase.html",
                {
                    **self.admin_site.each_context(request),
                    "opts": self.opts,
                    "title": _("Apagar dados (LGPD)"),
                    "contact": contact,
                    "shown": f"{_name(contact) or ''} {_phone(contact)}".strip(),
                    "back_url": back,
                },
            )
        try:
            erased = privacy.erase_contact(contact.client_id, contact.id, cause=cause_of(request))
        except (ContactInUse, Unavailable) as busy:
            self.message_user(request, busy.message, messages.ERROR)
            return HttpResponseRedirect(back)
        self.write_log(request, [contact], _("Dados apagados (LGPD)."))
        text = _("Dados apagados: %d registros.") % sum(erased.values())
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:conversations_contact_changelist"))


def _address(view: str, contact: Contact) -> str:
    return reverse(f"admin:conversations_contact_{view}", args=[contact.pk])


add_panel(
    "conversations.contact",
    Panel(
        _("Identidades"),
        (
            column("kind", _("tipo"), lambda alias: alias.get_kind_display()),
            column("value", _("valor"), _alias),
            moment("created_at", _("desde")),
        ),
        lambda contact: contact.aliases.order_by("created_at", "id"),
        position=20,
    ),
)
