"""Templates, and the rules of sending."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.delivery.contents import (
    MAX_TEXT_LENGTH,
)
from integrations.delivery.quiet import STATES
from integrations.models import (
    DeliveryPolicy,
    MessageTemplate,
)
from integrations.templating import check_template
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.conversations.models import Channel


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
