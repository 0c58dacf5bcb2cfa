"""`/api/integrations/database/*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import providers, selectors, services
from integrations.api.serializers import DatabaseIntegrationSerializer, QuerySerializer
from integrations.api.views.connections import (
    MESSAGE,
    ConfigureView,
    ConnectionView,
    configure_schema,
    tested,
)
from integrations.delivery import limits
from integrations.errors import IntegrationDisabled
from integrations.models import Integration
from renum import clock
from renum.api.schema import answer
from renum.api.views import NetworkView, TenantView

TYPES = (Integration.Type.DATABASE,)


class DatabaseConfigureView(ConfigureView):
    types = TYPES
    shown = DatabaseIntegrationSerializer

    @extend_schema(
        operation_id="database_configure",
        request=configure_schema(*TYPES),
        responses=answer(
            "DatabaseIntegrationAnswer", integration=DatabaseIntegrationSerializer(), message=MESSAGE
        ),
    )
    def post(self, request: Request) -> Response:
        """Connect the company's own database, for reading the tables that it names."""
        return self.configure(request)

    def default_kind(self, values: Mapping[str, Any]) -> str:
        return "postgres" if "host" in values else super().default_kind(values)


class DatabaseStatusView(TenantView):
    @extend_schema(
        operation_id="database_status",
        responses=answer(
            "DatabaseStatusAnswer",
            status=serializers.ChoiceField(Integration.Status.choices),
            provider=serializers.CharField(),
            read_only=serializers.BooleanField(),
            sql_mode=serializers.BooleanField(),
            allowed_tables=serializers.ListField(child=serializers.CharField()),
            last_tested_at=serializers.DateTimeField(allow_null=True),
        ),
    )
    def get(self, request: Request) -> Response:
        """The connection as last seen, and what may be read through it."""
        integration = selectors.get_integration(self.client.id, Integration.Type.DATABASE)
        config = integration.settings
        return Response(
            {
                "success": True,
                "status": integration.status,
                "provider": integration.provider,
                "read_only": config.read_only,
                "sql_mode": services.has_sql_mode(integration),
                "allowed_tables": list(config.allowed_tables),
                "last_tested_at": clock.iso(integration.last_tested_at),
            }
        )


class DatabaseTestView(ConnectionView):
    types = TYPES

    @extend_schema(
        operation_id="database_test",
        request=None,
        responses=answer(
            "DatabaseTestAnswer",
            message=serializers.CharField(),
            tables_found=serializers.ListField(child=serializers.CharField()),
            latency_ms=serializers.IntegerField(),
        ),
    )
    def post(self, request: Request) -> Response:
        """Connect, and list the tables that the credentials can read."""
        checked = self.test()
        tables = services.list_tables(self.find())
        return tested(checked, tables_found=[table.name for table in tables])


class DatabaseQueryView(NetworkView):
    @extend_schema(
        operation_id="database_query",
        request=QuerySerializer,
        responses=answer(
            "QueryAnswer",
            rows=serializers.ListField(child=serializers.DictField()),
            row_count=serializers.IntegerField(),
            truncated=serializers.BooleanField(),
        ),
    )
    def post(self, request: Request) -> Response:
        """Read rows of one allowed table: columns, filters, order and limit, never SQL."""
        serializer = QuerySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        limits.admit(self.client.id, "query")
        with self.scope():
            integration = selectors.get_integration(self.client.id, Integration.Type.DATABASE)
        if not integration.enabled:
            raise IntegrationDisabled
        found = services.read_rows(integration, _select(serializer.validated_data))
        return Response(
            {
                "success": True,
                "rows": found.rows,
                "row_count": len(found.rows),
                "truncated": found.truncated,
            }
        )


def _select(data: Mapping[str, Any]) -> providers.Select:
    return providers.Select(
        table=data["table"],
        columns=tuple(data["columns"]),
        filters=tuple(
            providers.Filter(one["column"], one["operator"], one.get("value")) for one in data["filters"]
        ),
        order=tuple((one["column"], one["descending"]) for one in data["order"]),
        limit=data["limit"],
        offset=data["offset"],
    )
