"""What all kinds of connections have in common: configure, status and test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import providers, selectors, services
from integrations.api.serializers import IntegrationSerializer
from integrations.delivery import limits
from integrations.errors import IntegrationDisabled, MessageFailed
from integrations.models import Integration
from renum.api.schema import answer
from renum.api.views import NetworkView
from renum.errors import InvalidInput

MESSAGE = serializers.CharField(required=False, help_text="what is wrong, where something is")
CONFIGURE_ANSWER = answer("IntegrationAnswer", integration=IntegrationSerializer(), message=MESSAGE)
TEST_ANSWER = answer(
    "ConnectionTestAnswer", message=serializers.CharField(), latency_ms=serializers.IntegerField()
)


def configure_schema(*types: str) -> dict[str, Any]:
    """The request body of `configure`: one shape for each provider, told apart by `provider`."""
    shapes = []
    for type_ in types:
        for kind in providers.of_type(type_):
            shape = providers.get(kind).settings.model_json_schema()
            shape["title"] = providers.get(kind).title
            shape["properties"] = {"provider": {"type": "string", "enum": [kind]}, **shape["properties"]}
            shapes.append(shape)
    return {"application/json": {"oneOf": shapes}}


class ConfigureView(NetworkView):
    """Test the connection and put it into use; nothing changes if the test fails."""

    types: ClassVar[tuple[str, ...]]
    shown: ClassVar[type[serializers.Serializer[Any]]] = IntegrationSerializer

    def configure(self, request: Request) -> Response:
        if not isinstance(request.data, Mapping):
            raise InvalidInput(details={"non_field_errors": ["Envie um objeto."]})
        values = dict(request.data)
        kind = self._kind(values)
        integration = services.configure(self.scope, self.client.id, kind, values, cause=self.asked_by)
        body = {"success": True, "integration": self.shown(integration).data}
        # The credentials are right, and yet something may be missing: a QR code, a table, the webhook.
        return Response(body | ({"message": integration.last_error} if integration.last_error else {}))

    def _kind(self, values: dict[str, Any]) -> str:
        kinds = [kind for type_ in self.types for kind in providers.of_type(type_)]
        kind = values.pop("provider", None)
        if kind is None:
            return self.default_kind(values)
        if kind not in kinds:
            raise InvalidInput(details={"provider": [f"Use um de: {', '.join(kinds)}."]})
        return str(kind)

    def default_kind(self, values: Mapping[str, Any]) -> str:
        """The provider meant by a body that names none."""
        return providers.of_type(self.types[0])[0]


class ConnectionView(NetworkView):
    """A view that uses one of the client's connections of its types."""

    types: ClassVar[tuple[str, ...]]

    def find(self, *, must_be_enabled: bool = True) -> Integration:
        """The client's connection, in the order of `types`; raises `IntegrationNotFound` or `…Disabled`."""
        from_query = self.request.query_params.get("provider")
        with self.scope():
            integration = selectors.find_connection(self.client.id, self.types, from_query)
        if must_be_enabled and not integration.enabled:
            raise IntegrationDisabled
        return integration

    def test(self) -> services.Checked:
        limits.admit(self.client.id, "test")
        integration = self.find()
        checked = services.check_integration(self.scope, integration)
        if not checked.health.connected:
            raise MessageFailed(checked.health.detail or None, code="CONNECTION_FAILED")
        return checked


def tested(checked: services.Checked, **more: Any) -> Response:
    return Response(
        {
            "success": True,
            "message": "Connection successful",
            **more,
            "latency_ms": checked.latency_ms,
        }
    )
