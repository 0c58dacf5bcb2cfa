from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from integrations.delivery.outbox import MAX_TEXT_LENGTH
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.conversations.phones import normalize_phone
from renum.security.addresses import check_url


class PhoneField(StrictCharField):
    """A phone as people type it; its value is E.164."""

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return normalize_phone(super().to_internal_value(data))


class WhatsAppConfigureSerializer(StrictSerializer):
    api_url = StrictCharField(max_length=500)
    api_token = StrictCharField(max_length=500, write_only=True)
    phone_number = PhoneField()
    dialect = serializers.ChoiceField(choices=["go", "v1"], required=False)
    webhook_secret = StrictCharField(min_length=16, max_length=500, write_only=True, required=False)

    def validate_api_url(self, value: str) -> str:
        try:
            check_url(value, allow_loopback=settings.ENVIRONMENT.allow_loopback)
        except ValueError as error:
            raise serializers.ValidationError(str(error).capitalize() + ".") from error
        return value

    def validate_api_token(self, value: str) -> str:
        if not value.isascii() or not value.isprintable() or " " in value:
            raise serializers.ValidationError("O token contém caracteres não permitidos.")
        return value


class WhatsAppSendSerializer(StrictSerializer):
    phone = PhoneField()
    message = StrictCharField(max_length=MAX_TEXT_LENGTH, trim_whitespace=False)


class IntegrationSerializer(serializers.ModelSerializer[Integration]):
    class Meta:
        model = Integration
        fields = ("id", "type", "status", "created_at")
        read_only_fields = fields


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
        fields = (
            "message_id",
            "conversation_id",
            "channel",
            "status",
            "reason_code",
            "error_message",
            "queued_at",
            "next_attempt_at",
            "sent_at",
            "finished_at",
            "cause",
            "attempts",
        )
        read_only_fields = fields
