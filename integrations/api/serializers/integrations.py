"""Connections as their owner sees and changes them, never with a secret."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.models import (
    Integration,
)
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.security.fields import PREFIX


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


class IntegrationPatchSerializer(StrictSerializer):
    name = StrictCharField(max_length=255, required=False)
    enabled = serializers.BooleanField(required=False)
    paused = serializers.BooleanField(required=False)
    daily_limit = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    pace_seconds = serializers.FloatField(min_value=0, max_value=3600, allow_null=True, required=False)
