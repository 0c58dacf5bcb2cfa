from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.delivery import gate
from integrations.delivery.contents import (
    MAX_MAIL_LENGTH,
    MAX_RECIPIENTS,
    MAX_SUBJECT_LENGTH,
    MAX_TEXT_LENGTH,
)
from integrations.delivery.quiet import STATES
from integrations.models import (
    DeliveryAttempt,
    DeliveryPolicy,
    Integration,
    MessageTemplate,
    OutboundMessage,
)
from integrations.templating import check_template
from renum import clock
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.conversations.models import Channel
from renum.conversations.phones import normalize_phone
from renum.security.addresses import check_url
from renum.security.fields import PREFIX

MAX_ROWS = 200


class PhoneField(StrictCharField):
    """A phone as people type it; its value is E.164."""

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return normalize_phone(super().to_internal_value(data))


class FutureField(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        instant = super().to_internal_value(value)
        if instant <= clock.now():
            raise serializers.ValidationError("Este horário já passou.")
        return instant


# --- Sending ----------------------------------------------------------------------------------------


class MediaSerializer(StrictSerializer):
    """A file that WhatsApp's provider fetches from `url`."""

    media_type = serializers.ChoiceField(choices=["image", "audio", "document", "video"])
    url = StrictCharField(max_length=2000)
    caption = StrictCharField(max_length=1024, required=False, default="", allow_blank=True)
    filename = StrictCharField(max_length=255, required=False, default="", allow_blank=True)

    def validate_url(self, value: str) -> str:
        try:
            check_url(value, allow_loopback=settings.ENVIRONMENT.allow_loopback, allow_query=True)
        except ValueError as error:
            raise serializers.ValidationError(str(error).capitalize() + ".") from error
        return value


class WhatsAppSendSerializer(StrictSerializer):
    """`message`, or `media` with an optional caption."""

    phone = PhoneField()
    message = StrictCharField(max_length=MAX_TEXT_LENGTH, trim_whitespace=False, required=False)
    media = MediaSerializer(required=False)
    not_after = FutureField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "message" not in attrs and "media" not in attrs:
            raise serializers.ValidationError({"message": ["Este campo é obrigatório."]}, code="required")
        if "message" in attrs and "media" in attrs:
            raise serializers.ValidationError({"message": ["Com mídia, o texto vai em media.caption."]})
        return attrs


class AddressListField(serializers.ListField):
    def __init__(self, **kwargs: Any):
        super().__init__(child=StrictCharField(max_length=320), max_length=MAX_RECIPIENTS, **kwargs)


class EmailSendSerializer(StrictSerializer):
    """`body` is HTML if it has a tag; `text` may bring its plain form, which is made from it otherwise."""

    to = AddressListField(allow_empty=False)
    subject = StrictCharField(max_length=MAX_SUBJECT_LENGTH)
    body = StrictCharField(max_length=MAX_MAIL_LENGTH, trim_whitespace=False)
    text = StrictCharField(max_length=MAX_MAIL_LENGTH, trim_whitespace=False, required=False)
    cc = AddressListField(required=False)
    bcc = AddressListField(required=False)
    reply_to = StrictCharField(max_length=320, required=False)
    not_after = FutureField(required=False)


# --- Integrations -----------------------------------------------------------------------------------


class IntegrationSerializer(serializers.ModelSerializer[Integration]):
    class Meta:
        model = Integration
        fields = ("id", "type", "status", "created_at")
        read_only_fields = fields


class DatabaseIntegrationSerializer(serializers.ModelSerializer[Integration]):
    read_only = serializers.SerializerMethodField()  # type: ignore[assignment]  # the brief's name

    class Meta:
        model = Integration
        fields = ("id", "type", "status", "read_only", "created_at")
        read_only_fields = fields

    def get_read_only(self, integration: Integration) -> bool:
        return bool(integration.settings.read_only)


class IntegrationDetailSerializer(serializers.ModelSerializer[Integration]):
    """`settings` shows what is no secret; a secret that is set shows as `true`."""

    settings = serializers.SerializerMethodField()
    can_restore = serializers.SerializerMethodField()

    class Meta:
        model = Integration
        fields = (
            "id",
            "type",
            "provider",
            "name",
            "status",
            "enabled",
            "paused",
            "daily_limit",
            "pace_seconds",
            "settings",
            "can_restore",
            "last_tested_at",
            "last_error",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_settings(self, integration: Integration) -> dict[str, Any]:
        # As stored: reading the attribute would decrypt.
        stored = integration.__dict__.get("config") or {}
        return {name: _shown(value) for name, value in stored.items()}

    def get_can_restore(self, integration: Integration) -> bool:
        return bool(integration.__dict__.get("previous_config"))


def _shown(value: Any) -> Any:
    """A stored setting as its owner may see it: secrets, sealed or just opened, only as being there."""
    sealed = isinstance(value, str) and value.startswith(PREFIX)
    if sealed or not isinstance(value, str | int | float | list | tuple | None):
        return True
    return value


class SecondsField(serializers.FloatField):
    """Numbers only: DRF takes texts too, and among them "nan", which passes every bound."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class IntegrationPatchSerializer(StrictSerializer):
    name = StrictCharField(max_length=255, required=False)
    enabled = serializers.BooleanField(required=False)
    paused = serializers.BooleanField(required=False)
    daily_limit = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    pace_seconds = SecondsField(min_value=0, max_value=3600, allow_null=True, required=False)


# --- Reading a client's database --------------------------------------------------------------------


class FilterSerializer(StrictSerializer):
    column = StrictCharField(max_length=63)
    operator = serializers.ChoiceField(
        choices=["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is"], default="eq"
    )
    value = serializers.JSONField(required=True, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        value, operator = attrs["value"], attrs["operator"]
        scalars = value if operator == "in" and isinstance(value, list) else [value]
        if (operator == "in") != isinstance(value, list) or len(scalars) > MAX_ROWS:
            raise serializers.ValidationError({"value": ["`in` recebe uma lista, os outros um valor."]})
        if any(isinstance(one, list | dict) for one in scalars):
            raise serializers.ValidationError({"value": ["Valor não permitido."]})
        return attrs


class OrderSerializer(StrictSerializer):
    column = StrictCharField(max_length=63)
    descending = serializers.BooleanField(default=False)


class QuerySerializer(StrictSerializer):
    table = StrictCharField(max_length=63)
    columns = serializers.ListField(child=StrictCharField(max_length=63), max_length=100, default=list)
    filters = FilterSerializer(many=True, required=False, default=list)
    order = OrderSerializer(many=True, required=False, default=list)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_ROWS, default=50)
    offset = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


# --- The outbox -------------------------------------------------------------------------------------


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


# --- Templates and rules ----------------------------------------------------------------------------


class TemplateSerializer(serializers.ModelSerializer[MessageTemplate]):
    variables = serializers.SerializerMethodField()

    class Meta:
        model = MessageTemplate
        fields = ("id", "name", "channel", "subject", "body", "variables", "created_at", "updated_at")
        read_only_fields = fields

    def get_variables(self, template: MessageTemplate) -> list[str]:
        return sorted({*check_template(template.subject), *check_template(template.body)})


class TemplateWriteSerializer(StrictSerializer):
    name = StrictCharField(max_length=100)
    channel = serializers.ChoiceField(choices=Channel.choices, default=Channel.WHATSAPP)
    subject = StrictCharField(max_length=255, default="", allow_blank=True)
    body = StrictCharField(max_length=MAX_TEXT_LENGTH * 16, trim_whitespace=False)


class PolicySerializer(serializers.ModelSerializer[DeliveryPolicy]):
    class Meta:
        model = DeliveryPolicy
        fields = (
            "paused",
            "quiet_start",
            "quiet_end",
            "quiet_channels",
            "national_holidays",
            "holiday_state",
            "holidays",
            "contact_cap",
            "contact_cap_hours",
            "updated_at",
        )
        read_only_fields = fields


class PolicyPatchSerializer(StrictSerializer):
    """Times are the client's own clock; a window whose end is earlier than its start passes midnight."""

    paused = serializers.BooleanField(required=False)
    quiet_start = serializers.TimeField(allow_null=True, required=False)
    quiet_end = serializers.TimeField(allow_null=True, required=False)
    quiet_channels = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), required=False, max_length=len(Channel)
    )
    national_holidays = serializers.BooleanField(required=False)
    holiday_state = serializers.ChoiceField(choices=["", *STATES], required=False)
    holidays = serializers.ListField(child=serializers.DateField(), max_length=366, required=False)
    contact_cap = serializers.IntegerField(min_value=1, max_value=1000, allow_null=True, required=False)
    contact_cap_hours = serializers.IntegerField(min_value=1, max_value=720, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = (attrs.get(name, getattr(self.instance, name)) for name in ("quiet_start", "quiet_end"))
        if (start is None) != (end is None) or (start is not None and start == end):
            raise serializers.ValidationError(
                {"quiet_end": ["Informe início e fim do silêncio, diferentes um do outro, ou nenhum."]}
            )
        return attrs
