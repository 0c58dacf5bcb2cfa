"""`/api/contacts`: who a client talks to, and what the LGPD lets these people ask for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from renum.api.pagination import KeysetPagination
from renum.api.schema import answer
from renum.api.serializers import StrictSerializer
from renum.api.views import TenantView
from renum.conversations import privacy, selectors
from renum.conversations.attributes import set_attributes
from renum.conversations.held import doubts_about
from renum.conversations.holdings import indexes_of
from renum.conversations.models import Channel, Contact, ContactAlias


class ContactAliasSerializer(serializers.ModelSerializer[ContactAlias]):
    value = serializers.CharField()

    class Meta:
        model = ContactAlias
        fields = ("kind", "value", "created_at")
        read_only_fields = fields


class ContactSummarySerializer(serializers.ModelSerializer[Contact]):
    """`phone` is null for somebody of whom WhatsApp tells no phone."""

    phone = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)

    class Meta:
        model = Contact
        fields: tuple[str, ...] = ("id", "phone", "name", "created_at", "updated_at")
        read_only_fields = fields


class ContactDetailSerializer(ContactSummarySerializer):
    """`opted_out`: nothing is sent to any of their names. `open_doubts`: who else may be them."""

    attributes = serializers.DictField()
    aliases = ContactAliasSerializer(many=True)
    opted_out = serializers.SerializerMethodField()
    open_doubts = serializers.SerializerMethodField()

    class Meta(ContactSummarySerializer.Meta):
        fields = (
            *ContactSummarySerializer.Meta.fields,
            "attributes",
            "aliases",
            "opted_out",
            "open_doubts",
        )
        read_only_fields = fields

    def get_opted_out(self, contact: Contact) -> bool:
        barred = selectors.suppressed_of_clients([contact.client_id], Channel.WHATSAPP, indexes_of(contact))
        return bool(barred)

    def get_open_doubts(self, contact: Contact) -> int:
        return doubts_about(contact).filter(resolved_at=None).count()


class ContactPatchSerializer(StrictSerializer):
    """`attributes`: by name, a text, a number or a boolean; null removes one, and those not named stay."""

    attributes = serializers.DictField(child=serializers.JSONField(allow_null=True))


class ContactPagination(KeysetPagination):
    results_key = "contacts"
    ordering = ("-created_at", "-id")


class ContactListView(TenantView, ListAPIView[Contact]):
    serializer_class = ContactSummarySerializer
    pagination_class = ContactPagination

    @extend_schema(
        operation_id="contacts_list",
        parameters=[
            OpenApiParameter("phone", str, description="a phone with area code, as people type it"),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The people that the client talks to, the latest first; or whoever has a phone."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Contact.objects.none()
        return selectors.list_contacts(self.client.id, phone=self.request.query_params.get("phone"))


CONTACT_ANSWER = answer("ContactAnswer", contact=ContactDetailSerializer())


class ContactView(TenantView):
    @extend_schema(operation_id="contacts_get", responses=CONTACT_ANSWER)
    def get(self, request: Request, contact_id: UUID) -> Response:
        """One contact, with every name that they are known by."""
        return _answer(selectors.get_contact(self.client.id, contact_id))

    @extend_schema(operation_id="contacts_update", request=ContactPatchSerializer, responses=CONTACT_ANSWER)
    def patch(self, request: Request, contact_id: UUID) -> Response:
        """Set some of a contact's attributes, which automations can look at and count from."""
        serializer = ContactPatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        contact = selectors.get_contact(self.client.id, contact_id)
        return _answer(set_attributes(contact, serializer.validated_data["attributes"]))

    @extend_schema(
        operation_id="contacts_erase",
        responses={
            200: answer("ContactErasedAnswer", erased=serializers.DictField(child=serializers.IntegerField()))
        },
    )
    def delete(self, request: Request, contact_id: UUID) -> Response:
        """Forget a person (LGPD): nothing is left but counts, and that they must not be written to."""
        erased = privacy.erase_contact(self.client.id, contact_id, cause=self.asked_by)
        return Response({"success": True, "erased": erased})


def _answer(contact: Contact) -> Response:
    return Response({"success": True, "contact": ContactDetailSerializer(contact).data})


class ContactExportView(TenantView):
    @extend_schema(
        operation_id="contacts_export",
        responses=answer(
            "ContactExportAnswer",
            contact_id=serializers.UUIDField(),
            exported_at=serializers.DateTimeField(),
            held=serializers.DictField(child=serializers.ListField(child=serializers.DictField())),
        ),
    )
    def get(self, request: Request, contact_id: UUID) -> HttpResponse:
        """All that is held on a contact (LGPD), as a file to hand over; who asked is on record."""
        document = privacy.export_contact(self.client.id, contact_id, cause=self.asked_by)
        return as_download(b'{"success": true, ' + document[1:], contact_id)


def as_download(document: bytes, contact_id: UUID) -> HttpResponse:
    """A JSON document that browsers save instead of showing it, and that no cache keeps."""
    return HttpResponse(
        document,
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="contato-{contact_id}.json"',
            "Cache-Control": "no-store",
        },
    )
