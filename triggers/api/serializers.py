from __future__ import annotations

from typing import Any

from rest_framework import serializers

from renum.api.serializers import StrictCharField, StrictSerializer
from triggers.models import Trigger


class TriggerWriteSerializer(StrictSerializer):
    """The brief's body. The three parts are validated together by `triggers.schemas`."""

    name = StrictCharField(max_length=255)
    description = StrictCharField(max_length=5000, required=False, allow_null=True, allow_blank=True)
    trigger_type = serializers.ChoiceField(choices=Trigger.Type.choices)
    trigger_config = serializers.DictField()
    condition_type = StrictCharField(max_length=50, default="always")
    condition_config = serializers.DictField(default=dict, allow_null=True)
    action_type = StrictCharField(max_length=50)
    action_config = serializers.DictField()

    def validate_condition_config(self, value: dict[str, Any] | None) -> dict[str, Any]:
        return value or {}


class TriggerCreatedSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = ("id", "name", "active", "created_at")
        read_only_fields = fields


class TriggerListItemSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = ("id", "name", "active", "execution_count", "last_executed_at")
        read_only_fields = fields


class TriggerSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = (
            "id",
            "name",
            "description",
            "active",
            "trigger_type",
            "trigger_config",
            "condition_type",
            "condition_config",
            "action_type",
            "action_config",
            "execution_count",
            "last_executed_at",
            "created_at",
        )
        read_only_fields = fields
