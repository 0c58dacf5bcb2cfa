from __future__ import annotations

from typing import Any

from rest_framework import serializers

from renum.api.serializers import StrictSerializer
from renum.conversations.models import Conversation, Message


class ContactSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    phone = serializers.CharField(allow_null=True)
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
            "unanswered_since",
            "agent_paused_until",
            "attention_reason",
            "attention_at",
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
    status = serializers.ChoiceField(choices=Conversation.Status.choices, required=False)
    agent_paused = serializers.BooleanField(
        required=False, help_text="Só `false`: o agente volta a responder antes do fim da pausa."
    )

    attention = serializers.BooleanField(
        required=False, help_text="Só `false`: alguém atendeu a conversa que pedia atenção."
    )

    def validate_attention(self, value: bool) -> bool:
        if value:
            raise serializers.ValidationError("Só o sistema pede atenção; envie false quando atendida.")
        return value

    def validate_agent_paused(self, value: bool) -> bool:
        if value:
            raise serializers.ValidationError("O agente pausa quando alguém responde pelo telefone.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"status": ["Este campo é obrigatório."]})
        return attrs
