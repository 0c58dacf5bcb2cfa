"""OpenAPI: every operation can answer with the error envelope."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from renum.api.serializers import FailureSerializer


class EnvelopeSchema(AutoSchema):
    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        failure = self._get_response_for_code(  # type: ignore[no-untyped-call]
            FailureSerializer, "default", direction=direction
        )
        failure["description"] = "Failure"
        bodies.setdefault("default", failure)
        return bodies


def answer(name: str, **members: Any) -> Any:
    """Describe a success body `{success, **members}` for the schema, as component `name`."""
    return inline_serializer(name, {"success": serializers.BooleanField(), **members})


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the schema what our authenticator expects."""

    target_class = "renum.accounts.authentication.ScopedJWTAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return build_bearer_security_scheme_object("Authorization", "Bearer", bearer_format="JWT")
