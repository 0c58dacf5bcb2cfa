"""Who, when, how far — never the words."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client, Profile
from renum.admin_columns import (
    CAUSE,
    CLIENT,
    Panel,
    add_panel,
    column,
    label,
    link_to,
    linked,
    moment,
    name_cause,
    row_link,
    state,
)
from renum.admin_filters import BY_CLIENT, DayRangeFilter, recent
from renum.admin_site import ConsoleAdmin, ReadOnlyAdmin
from renum.conversations import services
from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Contact, Conversation, Message
from renum.conversations.phones import normalize_phone, phone_index
from renum.events.cause import Cause
from renum.security.crypto import DecryptionFailed

name_cause("message", _("Mensagem"), "conversations", "message")

UNREADABLE = _("ilegível com as chaves atuais")


def _phone(contact: Contact) -> Any:
    try:
        return contact.masked_phone
    except DecryptionFailed:
        return UNREADABLE


def _name(contact: Contact) -> Any:
    try:
        return contact.name
    except DecryptionFailed:
        return UNREADABLE


def contacts_with(phone: str) -> QuerySet[Contact]:
    """Whoever has this E.164 phone, at any client: each has a blind index of its own."""
    clients = Client.objects.values_list("id", flat=True)
    return Contact.objects.filter(phone_index__in=[phone_index(client_id, phone) for client_id in clients])


PHONE = column("phone", _("telefone"), _phone)
NAME = column("name", _("nome"), _name)
CONTACT = column(
    "contact",
    _("contato"),
    lambda row: link_to(row.contact, f"{_name(row.contact) or ''} {_phone(row.contact)}"),
)
STATUS_COLOURS = {Conversation.Status.OPEN: "success", Conversation.Status.PENDING: "warning"}
STATUS = state("status", _("situação"), STATUS_COLOURS)
LAST = moment("last_message_at", _("última mensagem"))
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
    fields = ("id", CLIENT, PHONE, NAME, "created_at", "updated_at")
    readonly_fields = fields

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        try:
            return queryset.filter(pk__in=contacts_with(normalize_phone(term)).values("pk"))
        except InvalidPhone:
            return super().find(queryset, term)


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
    )
    list_display_links = (LAST,)
    list_select_related = ("client", "contact")
    list_filter = (
        BY_CLIENT,
        ("last_message_at", DayRangeFilter),
        recent("status", "last_message_at", _("situação"), lambda: Conversation.Status.choices),
    )
    search_help_text = _("Telefone do contato com DDD, ou ID completo")
    ordering = ("-last_message_at",)
    sortable_by = (LAST,)
    actions = None
    fields = (
        "id",
        CLIENT,
        CONTACT,
        "channel",
        "status",
        "last_message_at",
        "last_inbound_at",
        "last_outbound_at",
        "quiet_since",
        "created_at",
        "updated_at",
    )
    readonly_fields = tuple(name for name in fields if name not in ("status", "last_message_at"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

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
            assert isinstance(request.user, Profile)
            services.change_status(obj, wanted, cause=Cause().then("profile", request.user.pk))


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
