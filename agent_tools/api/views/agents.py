"""`/api/agents`: who acts for the client, with what, and how far it may go."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agent_tools import selectors, services
from agent_tools.api.serializers import (
    AgentSerializer,
    AgentUpdateSerializer,
    AgentWriteSerializer,
    NamedQuerySerializer,
    ToolSerializer,
)
from agent_tools.models import Agent, NamedQuery
from agent_tools.named_queries import definition_of
from agent_tools.operations import OPERATIONS
from renum.api.schema import answer
from renum.api.views import TenantView
from renum.errors import InvalidInput

log = structlog.get_logger(__name__)

AGENT_ANSWER = answer("AgentAnswer", agent=AgentSerializer())


def _shown(agent: Agent, status: int = 200) -> Response:
    return Response({"success": True, "agent": AgentSerializer(agent).data}, status=status)


class AgentListView(TenantView):
    @extend_schema(
        operation_id="agents_list",
        responses=answer(
            "AgentListAnswer", agents=AgentSerializer(many=True), total=serializers.IntegerField()
        ),
    )
    def get(self, request: Request) -> Response:
        """The client's agents by name; three are always there."""
        shown = AgentSerializer(selectors.list_agents(self.client.id), many=True).data
        return Response({"success": True, "agents": shown, "total": len(shown)})

    @extend_schema(operation_id="agents_create", request=AgentWriteSerializer, responses={201: AGENT_ANSWER})
    def post(self, request: Request) -> Response:
        """Create a further agent."""
        serializer = AgentWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        agent = services.create_agent(self.client.id, serializer.validated_data, cause=self.asked_by)
        return _shown(agent, 201)


class AgentView(TenantView):
    @extend_schema(operation_id="agents_get", responses=AGENT_ANSWER)
    def get(self, request: Request, agent_id: UUID) -> Response:
        """One agent, without its key."""
        return _shown(selectors.get_agent(self.client.id, agent_id))

    @extend_schema(operation_id="agents_update", request=AgentUpdateSerializer, responses=AGENT_ANSWER)
    def patch(self, request: Request, agent_id: UUID) -> Response:
        """Change what is named, from the next turn on. The three that all clients have keep their name."""
        serializer = AgentUpdateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        agent = selectors.get_agent(self.client.id, agent_id, for_update=True)
        return _shown(services.change_agent(agent, serializer.validated_data, cause=self.asked_by))

    @extend_schema(
        operation_id="agents_delete",
        responses={200: answer("AgentDeletedAnswer", message=serializers.CharField())},
    )
    def delete(self, request: Request, agent_id: UUID) -> Response:
        """Delete a further agent; what it did stays on record. The three that all clients have are kept."""
        agent = selectors.get_agent(self.client.id, agent_id, for_update=True)
        services.remove_agent(agent, cause=self.asked_by)
        return Response({"success": True, "message": "Agent deleted successfully"})


class ToolListView(TenantView):
    @extend_schema(
        operation_id="agents_tools", responses=answer("ToolListAnswer", tools=ToolSerializer(many=True))
    )
    def get(self, request: Request) -> Response:
        """The tools that an agent can be given."""
        tools = [
            {"name": one.name, "description": one.about, "needs_conversation": one.needs_conversation}
            for one in OPERATIONS.values()
        ]
        return Response({"success": True, "tools": ToolSerializer(tools, many=True).data})


class NamedQueryListView(TenantView):
    @extend_schema(
        operation_id="agents_queries",
        responses=answer("NamedQueryListAnswer", queries=NamedQuerySerializer(many=True)),
    )
    def get(self, request: Request) -> Response:
        """The queries that staff published for the client's agents."""
        told = [query for one in selectors.list_named_queries(self.client.id) if (query := _told(one))]
        return Response({"success": True, "queries": NamedQuerySerializer(told, many=True).data})


def _told(query: NamedQuery) -> dict[str, Any] | None:
    """The query as its users see it; None for one that cannot be run as it is stored."""
    try:
        definition = definition_of(query)
    except InvalidInput:
        log.error("named_query_unreadable", query_id=str(query.id), client_id=str(query.client_id))
        return None
    return {
        "name": query.name,
        "description": query.description,
        "parameters": [
            {"name": name, "type": one.type, "description": one.description, "choices": one.choices}
            for name, one in definition.parameters.items()
            if one.source == "model"
        ],
    }
