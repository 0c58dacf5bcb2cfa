"""`/api/integrations/whatsapp/*` and `/api/messages`."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors, services
from integrations.api.prefer import wait_seconds
from integrations.api.serializers import (
    IntegrationSerializer,
    OutboundMessageSerializer,
    WhatsAppConfigureSerializer,
    WhatsAppSendSerializer,
)
from integrations.delivery.outbox import active_integration
from integrations.errors import MessageFailed
from integrations.models import Integration, OutboundMessage
from renum import clock
from renum.api.pagination import KeysetPagination
from renum.api.schema import answer
from renum.api.views import NetworkView, TenantView
from renum.conversations.models import Channel, Message

POLL_SECONDS = 0.05
FINAL = {OutboundMessage.State.SENT, OutboundMessage.State.FAILED, OutboundMessage.State.UNKNOWN}

SEND_ANSWER = answer(
    "SendAnswer",
    message_id=serializers.UUIDField(),
    status=serializers.ChoiceField(OutboundMessage.State.choices),
    sent_at=serializers.DateTimeField(allow_null=True),
)


class WhatsAppConfigureView(NetworkView):
    @extend_schema(
        operation_id="whatsapp_configure",
        request=WhatsAppConfigureSerializer,
        responses=answer("IntegrationAnswer", integration=IntegrationSerializer()),
    )
    def post(self, request: Request) -> Response:
        """Connect WhatsApp. The connection is tested first; nothing is saved if the test fails."""
        serializer = WhatsAppConfigureSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        integration = services.configure_uazapi(
            self.scope, self.client.id, **serializer.validated_data, cause=self.asked_by
        )
        return Response({"success": True, "integration": IntegrationSerializer(integration).data})


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


class WhatsAppTestView(NetworkView):
    @extend_schema(
        operation_id="whatsapp_test",
        request=None,
        responses=answer(
            "ConnectionTestAnswer",
            message=serializers.CharField(),
            latency_ms=serializers.IntegerField(),
        ),
    )
    def post(self, request: Request) -> Response:
        """Ask the provider whether the connection works right now."""
        with self.scope():
            integration = active_integration(self.client.id, Channel.WHATSAPP)
        checked = services.check_integration(self.scope, integration)
        if not checked.health.connected:
            raise MessageFailed(
                "O token é válido, mas o WhatsApp desta conta está desconectado. Leia o QR code novamente.",
                code="CONNECTION_FAILED",
            )
        return Response(
            {"success": True, "message": "Connection successful", "latency_ms": checked.latency_ms}
        )


class WhatsAppSendView(NetworkView):
    @extend_schema(
        operation_id="whatsapp_send",
        request=WhatsAppSendSerializer,
        responses={200: SEND_ANSWER, 202: SEND_ANSWER},
        parameters=[
            OpenApiParameter(
                "Prefer", str, OpenApiParameter.HEADER, description="`wait=5`: wait for the outcome, ≤ 10 s"
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Queue a WhatsApp text: 202 once it is safely queued, 200 if the outcome was waited for."""
        serializer = WhatsAppSendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with self.scope():
            message = services.send_whatsapp_text(
                self.client.id,
                serializer.validated_data["phone"],
                serializer.validated_data["message"],
                idempotency_key=f"api:{uuid4()}",
                author=Message.Author.API,
                cause=self.asked_by,
            )
        message = self._wait(message, wait_seconds(request.headers.get("Prefer", "")))
        if message.state in (OutboundMessage.State.FAILED, OutboundMessage.State.UNKNOWN):
            raise _failure(message)
        return Response(
            {
                "success": True,
                "message_id": str(message.id),
                "status": message.state,
                "sent_at": clock.iso(message.sent_at),
            },
            status=200 if message.state == OutboundMessage.State.SENT else 202,
        )

    def _wait(self, message: OutboundMessage, seconds: int) -> OutboundMessage:
        """Poll for the outcome, in transactions of their own."""
        give_up_at = time.monotonic() + seconds
        while message.state not in FINAL and time.monotonic() < give_up_at:
            time.sleep(POLL_SECONDS)
            with self.scope():
                message = OutboundMessage.objects.get(id=message.id, client_id=self.client.id)
        return message


def _failure(message: OutboundMessage) -> MessageFailed:
    unknown = message.state == OutboundMessage.State.UNKNOWN
    text = message.error_message or (
        "Não se sabe se a mensagem foi entregue; ela não será repetida sem confirmação."
        if unknown
        else MessageFailed.__doc__
    )
    return MessageFailed(
        text,
        code=message.reason_code or ("DELIVERY_UNKNOWN" if unknown else MessageFailed.code),
        details={"message_id": str(message.id), "status": message.state},
    )


class MessagePagination(KeysetPagination):
    results_key = "messages"
    ordering = ("-queued_at", "-id")


class MessageLedgerView(TenantView, ListAPIView[OutboundMessage]):
    serializer_class = OutboundMessageSerializer
    pagination_class = MessagePagination

    @extend_schema(operation_id="messages_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was sent or is to be sent, with every attempt, the latest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return OutboundMessage.objects.none()
        return selectors.list_outbound(self.client.id)


class MessageLedgerItemView(TenantView):
    @extend_schema(
        operation_id="messages_get", responses=answer("MessageAnswer", message=OutboundMessageSerializer())
    )
    def get(self, request: Request, message_id: UUID) -> Response:
        """One message: how far it got, every attempt, and why."""
        message = selectors.get_outbound(self.client.id, message_id)
        return Response({"success": True, "message": OutboundMessageSerializer(message).data})
