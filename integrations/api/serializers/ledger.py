"""The outbox as its owner reads it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.delivery import gate
from integrations.models import (
    DeliveryAttempt,
    OutboundMessage,
)
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.conversations.models import Channel


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    class Meta:
        model = DeliveryAttempt
        fields = (
            "number",
            "provider",
            "outcome",
            "error_code",
            "error_message",
            "http_status",
            "refused_recipients",
            "latency_ms",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class OutboundMessageSerializer(serializers.ModelSerializer[OutboundMessage]):
    message_id = serializers.UUIDField(source="id")
    status = serializers.CharField(source="state")
    conversation_id = serializers.UUIDField(allow_null=True)
    attempts = AttemptSerializer(source="delivery_attempts", many=True)

    class Meta:
        model = OutboundMessage
        fields: tuple[str, ...] = (
            "message_id",
            "conversation_id",
            "channel",
            "kind",
            "status",
            "reason_code",
            "error_message",
            "queued_at",
            "next_attempt_at",
            "not_after",
            "sent_at",
            "delivered_at",
            "finished_at",
            "cause",
            "attempts",
        )
        read_only_fields = fields


class WaitingSerializer(serializers.Serializer[Any]):
    reason_code = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class MessageDetailSerializer(OutboundMessageSerializer):
    """`waiting`: what the gate says about a queued message at this moment; null if it may leave."""

    waiting = serializers.SerializerMethodField()

    class Meta(OutboundMessageSerializer.Meta):
        fields = (*OutboundMessageSerializer.Meta.fields, "waiting")

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, message: OutboundMessage) -> Any:
        decision = self.context.get("waiting")
        if decision is None:
            return None
        until = decision.until if isinstance(decision, gate.Hold) else None
        return WaitingSerializer({"reason_code": decision.reason.value, "until": until}).data


class MessageFilterSerializer(StrictSerializer):
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    status = serializers.ChoiceField(choices=OutboundMessage.State.choices, required=False)
    since = serializers.DateTimeField(required=False)
    contact = StrictCharField(max_length=320, required=False)
