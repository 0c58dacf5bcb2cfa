"""OpenAPI: every operation can answer with the error envelope."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

from renum.api.serializers import FailureSerializer


class EnvelopeSchema(AutoSchema):
    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        failure = self._get_response_for_code(FailureSerializer, "default", direction=direction)
        failure["description"] = "Failure"
        bodies.setdefault("default", failure)
        return bodies


def answer(name: str, **members: Any) -> Any:
    """Describe a success body `{success, **members}` for the schema, as component `name`."""
    from drf_spectacular.utils import inline_serializer
    from rest_framework import serializers

    return inline_serializer(name, {"success": serializers.BooleanField(), **members})
