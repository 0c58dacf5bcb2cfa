"""`/api/messages`: what was sent or is to be sent, and why it was not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors
from integrations.api.serializers import (
    MessageDetailSerializer,
    MessageFilterSerializer,
    OutboundMessageSerializer,
)
from integrations.models import OutboundMessage
from renum.api.pagination import KeysetPagination
from renum.api.schema import answer
from renum.api.views import TenantView
from renum.conversations.models import Channel


class MessagePagination(KeysetPagination):
    results_key = "messages"
    ordering = ("-queued_at", "-id")


class MessageLedgerView(TenantView, ListAPIView[OutboundMessage]):
    serializer_class = OutboundMessageSerializer
    pagination_class = MessagePagination

    @extend_schema(
        operation_id="messages_list",
        parameters=[
            OpenApiParameter("channel", enum=Channel.values),
            OpenApiParameter("status", enum=OutboundMessage.State.values),
            OpenApiParameter("since", {"type": "string", "format": "date-time"}, description="queued since"),
            OpenApiParameter("contact", str, description="a contact's id, phone or e-mail address"),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was sent or is to be sent, with every attempt, the latest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return OutboundMessage.objects.none()
        query = self.request.query_params
        asked = {name: query[name] for name in ("channel", "status", "since", "contact") if name in query}
        serializer = MessageFilterSerializer(data=asked)
        serializer.is_valid(raise_exception=True)
        return selectors.list_outbound(self.client.id, **serializer.validated_data)


class MessageLedgerItemView(TenantView):
    @extend_schema(
        operation_id="messages_get", responses=answer("MessageAnswer", message=MessageDetailSerializer())
    )
    def get(self, request: Request, message_id: UUID) -> Response:
        """One message: how far it got, every attempt, and what it waits for now."""
        message = selectors.get_outbound(self.client.id, message_id)
        waiting = selectors.explain_waiting(message)
        shown = MessageDetailSerializer(message, context={"waiting": waiting}).data
        return Response({"success": True, "message": shown})
