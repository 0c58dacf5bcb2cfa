"""`/api/triggers/{id}/executions` and `/api/executions`: what became of each match."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from renum.api.pagination import KeysetPagination
from renum.api.schema import answer
from renum.api.views import TenantView
from triggers import selectors
from triggers.api.serializers import ExecutionFilterSerializer, ExecutionSerializer, RetriedSerializer
from triggers.models import TriggerExecution
from triggers.retries import retry_execution

_INSTANT = {"type": "string", "format": "date-time"}


class ExecutionPagination(KeysetPagination):
    results_key = "executions"
    ordering = ("-executed_at", "-id")


class ExecutionListView(TenantView, ListAPIView[TriggerExecution]):
    serializer_class = ExecutionSerializer
    pagination_class = ExecutionPagination

    @extend_schema(
        operation_id="triggers_executions",
        parameters=[
            OpenApiParameter("state", enum=TriggerExecution.State.values),
            OpenApiParameter("since", _INSTANT, description="executed at this instant or later"),
            OpenApiParameter("until", _INSTANT, description="executed before this instant"),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The executions of a trigger, the latest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return TriggerExecution.objects.none()
        trigger = selectors.get_trigger(self.client.id, self.kwargs["trigger_id"])
        query = self.request.query_params
        asked = {name: query[name] for name in ("state", "since", "until") if name in query}
        serializer = ExecutionFilterSerializer(data=asked)
        serializer.is_valid(raise_exception=True)
        return selectors.list_executions(self.client.id, trigger.id, **serializer.validated_data)


class ExecutionView(TenantView):
    @extend_schema(
        operation_id="executions_get", responses=answer("ExecutionAnswer", execution=ExecutionSerializer())
    )
    def get(self, request: Request, execution_id: UUID) -> Response:
        """One execution: what was seen, what was done, and why not."""
        execution = selectors.get_execution(self.client.id, execution_id)
        return Response({"success": True, "execution": ExecutionSerializer(execution).data})


class ExecutionRetryView(TenantView):
    @extend_schema(
        operation_id="executions_retry",
        request=None,
        responses={202: answer("ExecutionRetriedAnswer", execution=RetriedSerializer())},
    )
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Carry on with one that failed; actions that were done are not repeated."""
        execution = retry_execution(self.client.id, execution_id)
        return Response({"success": True, "execution": RetriedSerializer(execution).data}, status=202)
