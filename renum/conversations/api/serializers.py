from __future__ import annotations

from typing import Any

from rest_framework import serializers

from renum.api.serializers import StrictSerializer
from renum.conversations.models import Conversation, Message


class ContactSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    phone = serializers.CharField()
    name = serializers.CharField(allow_null=True)


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    contact = ContactSerializer()

    class Meta:
        model = Conversation
        fields = (
            "id",
            "contact",
            "channel",
            "status",
            "last_message_at",
            "last_inbound_at",
            "last_outbound_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class MessageSerializer(serializers.ModelSerializer[Message]):
    class Meta:
        model = Message
        fields = ("id", "direction", "author", "kind", "state", "length", "occurred_at", "cause")
        read_only_fields = fields


class ConversationPatchSerializer(StrictSerializer):
    status = serializers.ChoiceField(choices=Conversation.Status.choices)
