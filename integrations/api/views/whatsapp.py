"""`/api/integrations/whatsapp/*`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors, services
from integrations.api.serializers import WhatsAppSendSerializer
from integrations.api.views.connections import (
    CONFIGURE_ANSWER,
    TEST_ANSWER,
    ConfigureView,
    ConnectionView,
    configure_schema,
    tested,
)
from integrations.api.views.sending import SEND_ANSWER, SEND_PARAMETERS, SendView
from integrations.models import Integration, OutboundMessage
from renum import clock
from renum.api.schema import answer
from renum.api.views import TenantView
from renum.conversations.models import Message


class WhatsAppConfigureView(ConfigureView):
    types = (Integration.Type.WHATSAPP,)

    @extend_schema(
        operation_id="whatsapp_configure",
        request=configure_schema(Integration.Type.WHATSAPP),
        responses=CONFIGURE_ANSWER,
    )
    def post(self, request: Request) -> Response:
        """Connect WhatsApp. The connection is tested first; nothing is saved if the test fails."""
        return self.configure(request)


class WhatsAppStatusView(TenantView):
    @extend_schema(
        operation_id="whatsapp_status",
        responses=answer(
            "WhatsAppStatusAnswer",
            status=serializers.ChoiceField(Integration.Status.choices),
            last_tested_at=serializers.DateTimeField(allow_null=True),
            phone_number=serializers.CharField(),
            messages_sent_today=serializers.IntegerField(),
            rate_limit_remaining=serializers.IntegerField(),
        ),
    )
    def get(self, request: Request) -> Response:
        """The connection as last seen, and today's use of it."""
        integration = selectors.get_integration(self.client.id, Integration.Type.WHATSAPP)
        usage = selectors.usage_today(integration, self.client)
        return Response(
            {
                "success": True,
                "status": integration.status,
                "last_tested_at": clock.iso(integration.last_tested_at),
                "phone_number": integration.settings.phone_number.get_secret_value(),
                "messages_sent_today": usage.sent_today,
                "rate_limit_remaining": usage.remaining,
            }
        )


class WhatsAppTestView(ConnectionView):
    types = (Integration.Type.WHATSAPP,)

    @extend_schema(operation_id="whatsapp_test", request=None, responses=TEST_ANSWER)
    def post(self, request: Request) -> Response:
        """Ask the provider whether the connection works right now."""
        return tested(self.test())


class WhatsAppSendView(SendView):
    @extend_schema(
        operation_id="whatsapp_send",
        request=WhatsAppSendSerializer,
        responses={200: SEND_ANSWER, 202: SEND_ANSWER},
        parameters=SEND_PARAMETERS,
    )
    def post(self, request: Request) -> Response:
        """Queue a WhatsApp text, or a file with or without a caption."""
        return self.send(request, WhatsAppSendSerializer(data=request.data))

    def enqueue(self, data: dict[str, Any], idempotency_key: str) -> OutboundMessage:
        how: dict[str, Any] = {
            "idempotency_key": idempotency_key,
            "author": Message.Author.API,
            "cause": self.asked_by,
            "not_after": data.get("not_after"),
        }
        if "media" in data:
            return services.send_media(self.client.id, data["phone"], data["media"], **how)
        return services.send_whatsapp_text(self.client.id, data["phone"], data["message"], **how)
