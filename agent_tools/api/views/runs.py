"""`/api/agents/runs` and `/api/agents/{id}/ask`: what agents did, and asking one to do something."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from agent_tools import selectors, services
from agent_tools.api.serializers import (
    AgentRunDetailSerializer,
    AgentRunSerializer,
    AskSerializer,
    RunFilterSerializer,
)
from agent_tools.models import UNFINISHED, AgentRun
from integrations.api.idempotency import PARAMETER, hold_key, idempotency_key
from integrations.api.prefer import wait_seconds
from integrations.delivery import limits
from renum.api.pagination import KeysetPagination
from renum.api.schema import answer
from renum.api.views import NetworkView, TenantView

POLL_SECONDS = 0.05


class RunPagination(KeysetPagination):
    results_key = "runs"
    ordering = ("-created_at", "-id")


class RunListView(TenantView, ListAPIView[AgentRun]):
    serializer_class = AgentRunSerializer
    pagination_class = RunPagination

    @extend_schema(
        operation_id="agents_runs",
        parameters=[
            OpenApiParameter("agent", str, description="an agent's name"),
            OpenApiParameter("state", enum=AgentRun.State.values),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What the client's agents did, the latest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return AgentRun.objects.none()
        query = self.request.query_params
        asked = {name: query[name] for name in ("agent", "state") if name in query}
        serializer = RunFilterSerializer(data=asked)
        serializer.is_valid(raise_exception=True)
        return selectors.list_runs(self.client.id, **serializer.validated_data).defer("answer")


class RunView(TenantView):
    @extend_schema(
        operation_id="agents_runs_get", responses=answer("AgentRunAnswer", run=AgentRunDetailSerializer())
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """One run with its steps; its answer, if it was asked for and is kept still."""
        run = selectors.get_run(self.client.id, run_id)
        return Response({"success": True, "run": AgentRunDetailSerializer(run).data})


class AskView(NetworkView):
    """202 once the request is safely on record, 200 if the run is over: how it went, or why it did not."""

    @extend_schema(
        operation_id="agents_ask",
        request=AskSerializer,
        responses={
            200: answer(
                "AgentAnsweredAnswer",
                run_id=serializers.UUIDField(),
                status=serializers.ChoiceField(AgentRun.State.choices),
                run=AgentRunDetailSerializer(),
            ),
            202: answer(
                "AgentAskedAnswer",
                run_id=serializers.UUIDField(),
                status=serializers.ChoiceField(AgentRun.State.choices),
            ),
        },
        parameters=[
            OpenApiParameter(
                "Prefer", str, OpenApiParameter.HEADER, description="`wait=5`: wait for the answer, ≤ 10 s"
            ),
            PARAMETER,
        ],
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Ask an agent for something outside of a conversation, such as a report."""
        key = idempotency_key(request)
        serializer = AskSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        limits.admit(self.client.id, "ask")
        with self.scope():
            hold_key(self.client.id, key)
            agent = selectors.get_agent(self.client.id, agent_id)
            message = serializer.validated_data["message"]
            run = services.ask_agent(agent, message, idempotency_key=key, cause=self.asked_by)
        return self._answer(run.id, wait_seconds(request.headers.get("Prefer", "")))

    def _answer(self, run_id: UUID, seconds: int) -> Response:
        """Poll for the outcome, in transactions of their own."""
        give_up_at = time.monotonic() + seconds
        while True:
            with self.scope():
                run = selectors.get_run(self.client.id, run_id)
            told = {"success": True, "run_id": str(run.id), "status": run.state}
            if run.state not in UNFINISHED:
                return Response({**told, "run": AgentRunDetailSerializer(run).data})
            if time.monotonic() >= give_up_at:
                return Response(told, status=202)
            time.sleep(POLL_SECONDS)
