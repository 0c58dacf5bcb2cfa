"""Serializers that refuse what they do not know, instead of guessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields with the field's name in `details`."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["Campo desconhecido."] for name in unknown})
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """Text only: a number is a mistake, not a text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class FailureSerializer(serializers.Serializer[Any]):
    """The error envelope, for the schema."""

    success = serializers.BooleanField(default=False)
    error = serializers.CharField()
    error_code = serializers.CharField()
    details = serializers.DictField()
    timestamp = serializers.DateTimeField()


class StrictBooleanField(serializers.BooleanField):
    """`true` or `false`: a number or a text is a mistake."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
