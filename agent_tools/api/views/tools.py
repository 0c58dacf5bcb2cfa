"""`/api/agent/tools`: the tools for agents outside of this process, with the same checks."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agent_tools import services
from agent_tools.api.serializers import OfferedToolSerializer, SessionSerializer, ToolUseSerializer
from agent_tools.using import offered_to, receipt_of, refused
from integrations.api.idempotency import PARAMETER, idempotency_key
from renum.api.schema import answer
from renum.api.views import NetworkView
from renum.errors import DomainError


class OfferedToolsView(NetworkView):
    @extend_schema(
        operation_id="agent_tools_list",
        parameters=[
            OpenApiParameter("conversation_id", {"type": "string", "format": "uuid"}),
            OpenApiParameter("agent", str, description="an agent's name: its tools and limits hold"),
        ],
        responses=answer("OfferedToolsAnswer", tools=OfferedToolSerializer(many=True)),
    )
    def get(self, request: Request) -> Response:
        """The tools there are for an agent elsewhere, as a model is told of them."""
        query = request.query_params
        asked = {name: query[name] for name in ("conversation_id", "agent") if name in query}
        serializer = SessionSerializer(data=asked)
        serializer.is_valid(raise_exception=True)
        with self.scope():
            session = services.open_session(self.client, **serializer.validated_data)
        tools = [
            {
                "name": one.name,
                "description": one.describe(session),
                "parameters": one.arguments.model_json_schema(),
            }
            for one in offered_to(session)
        ]
        return Response({"success": True, "tools": OfferedToolSerializer(tools, many=True).data})


class ToolUseView(NetworkView):
    @extend_schema(
        operation_id="agent_tools_use",
        request=ToolUseSerializer,
        responses=answer(
            "ToolUsedAnswer",
            run_id=serializers.UUIDField(),
            result=serializers.DictField(help_text="the tool's receipt"),
        ),
        parameters=[PARAMETER],
    )
    def post(self, request: Request, tool: str) -> Response:
        """Use a tool, for the client and the conversation alone; a refusal says what may be done next."""
        key = idempotency_key(request)
        serializer = ToolUseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = dict(serializer.validated_data)
        arguments = asked.pop("arguments")
        with self.scope():
            session = services.resume_session(self.client, tool, **asked, key=key, asked_by=self.asked_by)
        try:
            receipt = receipt_of(session, tool, arguments)
        except DomainError as error:
            next_step = refused(error)["next"]
            error.details = {**error.details, "next": next_step, "run_id": str(session.run_id)}
            raise
        return Response({"success": True, "run_id": str(session.run_id), "result": receipt})
