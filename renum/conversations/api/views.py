from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from renum.api.pagination import KeysetPagination
from renum.api.schema import answer
from renum.api.views import TenantView
from renum.conversations import selectors, services
from renum.conversations.api.serializers import (
    ConversationPatchSerializer,
    ConversationSerializer,
    MessageSerializer,
)
from renum.conversations.models import Conversation
from renum.errors import InvalidInput


class ConversationPagination(KeysetPagination):
    results_key = "conversations"
    ordering = ("-last_message_at", "-id")


class MessagePagination(KeysetPagination):
    results_key = "messages"
    ordering = ("-occurred_at", "-id")


class ConversationListView(TenantView, ListAPIView[Conversation]):
    serializer_class = ConversationSerializer
    pagination_class = ConversationPagination

    @extend_schema(
        operation_id="conversations_list",
        parameters=[OpenApiParameter("status", str, enum=Conversation.Status.values)],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The client's conversations, the latest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Conversation.objects.none()
        status = self.request.query_params.get("status")
        if status and status not in Conversation.Status.values:
            raise InvalidInput(details={"status": [f"Use um de: {', '.join(Conversation.Status.values)}."]})
        return selectors.list_conversations(self.client.id, status=status)


CONVERSATION_ANSWER = answer("ConversationAnswer", conversation=ConversationSerializer())


class ConversationView(TenantView):
    @extend_schema(responses=CONVERSATION_ANSWER, operation_id="conversations_get")
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """One conversation with its contact."""
        return _answer(selectors.get_conversation(self.client.id, conversation_id))

    @extend_schema(
        request=ConversationPatchSerializer,
        responses=CONVERSATION_ANSWER,
        operation_id="conversations_update",
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        """Change the status of a conversation, end the pause of its agent, or call it attended to."""
        serializer = ConversationPatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        conversation = selectors.get_conversation(self.client.id, conversation_id)
        wanted = serializer.validated_data
        if "status" in wanted:
            services.change_status(conversation, Conversation.Status(wanted["status"]), cause=self.asked_by)
        if "agent_paused" in wanted:
            services.resume_agent(conversation, cause=self.asked_by)
        if "attention" in wanted:
            services.give_attention(conversation, cause=self.asked_by)
        return _answer(conversation)


def _answer(conversation: Conversation) -> Response:
    return Response({"success": True, "conversation": ConversationSerializer(conversation).data})


class MessageListView(TenantView, ListAPIView[Any]):
    serializer_class = MessageSerializer
    pagination_class = MessagePagination

    @extend_schema(operation_id="conversations_messages")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was said in a conversation, without the words, the latest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return MessageSerializer.Meta.model.objects.none()
        return selectors.list_messages(self.client.id, self.kwargs["conversation_id"])
