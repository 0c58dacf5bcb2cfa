"""`/api/integrations` and `/api/integrations/{id}`: all of a client's connections, and one of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors, services
from integrations.api.serializers import IntegrationDetailSerializer, IntegrationPatchSerializer
from integrations.models import Integration
from renum.api.schema import answer
from renum.api.views import NetworkView, TenantView

DETAIL_ANSWER = answer("IntegrationDetailAnswer", integration=IntegrationDetailSerializer())


def _shown(integration: Integration) -> Response:
    return Response({"success": True, "integration": IntegrationDetailSerializer(integration).data})


class IntegrationListView(TenantView):
    @extend_schema(
        operation_id="integrations_list",
        responses=answer(
            "IntegrationListAnswer",
            integrations=IntegrationDetailSerializer(many=True),
            total=serializers.IntegerField(),
        ),
    )
    def get(self, request: Request) -> Response:
        """All connections: what state they are in, and what was wrong last."""
        found = selectors.list_integrations(self.client.id)
        shown = IntegrationDetailSerializer(found, many=True).data
        return Response({"success": True, "integrations": shown, "total": len(shown)})


class IntegrationItemView(TenantView):
    @extend_schema(operation_id="integrations_get", responses=DETAIL_ANSWER)
    def get(self, request: Request, integration_id: UUID) -> Response:
        """One connection, without its secrets."""
        return _shown(selectors.get_integration_by_id(self.client.id, integration_id))

    @extend_schema(
        operation_id="integrations_patch", request=IntegrationPatchSerializer, responses=DETAIL_ANSWER
    )
    def patch(self, request: Request, integration_id: UUID) -> Response:
        """Change name, daily limit, pace, or whether it is enabled or paused; credentials: `configure`."""
        integration = selectors.get_integration_by_id(self.client.id, integration_id, for_update=True)
        serializer = IntegrationPatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = services.change_integration(integration, serializer.validated_data, cause=self.asked_by)
        return _shown(changed)

    @extend_schema(
        operation_id="integrations_delete",
        responses={200: answer("RemovedAnswer", message=serializers.CharField())},
    )
    def delete(self, request: Request, integration_id: UUID) -> Response:
        """Remove a connection and its credentials; what was sent through it stays on record."""
        integration = selectors.get_integration_by_id(self.client.id, integration_id, for_update=True)
        services.remove_integration(integration, cause=self.asked_by)
        return Response({"success": True, "message": "Integration deleted successfully"})


class _SwitchView(TenantView):
    enabled: bool

    def switch(self, integration_id: UUID) -> Response:
        integration = selectors.get_integration_by_id(self.client.id, integration_id, for_update=True)
        changes: dict[str, Any] = {"enabled": self.enabled}
        return _shown(services.change_integration(integration, changes, cause=self.asked_by))


class IntegrationEnableView(_SwitchView):
    enabled = True

    @extend_schema(operation_id="integrations_enable", request=None, responses=DETAIL_ANSWER)
    def post(self, request: Request, integration_id: UUID) -> Response:
        """Let the connection be used."""
        return self.switch(integration_id)


class IntegrationDisableView(_SwitchView):
    enabled = False

    @extend_schema(operation_id="integrations_disable", request=None, responses=DETAIL_ANSWER)
    def post(self, request: Request, integration_id: UUID) -> Response:
        """Stop using the connection; what is queued for it is refused. To hold it back: `paused`."""
        return self.switch(integration_id)


class IntegrationRestoreView(NetworkView):
    @extend_schema(operation_id="integrations_restore", request=None, responses=DETAIL_ANSWER)
    def post(self, request: Request, integration_id: UUID) -> Response:
        """Return to the credentials that worked last, if they still do."""
        with self.scope():
            integration = selectors.get_integration_by_id(self.client.id, integration_id)
        return _shown(services.restore_previous(self.scope, integration, cause=self.asked_by))
