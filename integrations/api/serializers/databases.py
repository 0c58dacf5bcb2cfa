"""A structured read of a client's own database."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from renum.api.serializers import StrictCharField, StrictSerializer

MAX_ROWS = 200


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
