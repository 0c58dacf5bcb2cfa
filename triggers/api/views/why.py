"""`/api/conversations/{id}/why`: why a trigger did or did not fire for a conversation."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from renum import clock
from renum.api.schema import answer
from renum.api.views import TenantView
from renum.conversations.selectors import get_conversation
from renum.errors import InvalidInput
from triggers import selectors
from triggers.api.serializers import WhySerializer
from triggers.explain import explain


class WhyView(TenantView):
    @extend_schema(
        operation_id="conversations_why",
        parameters=[OpenApiParameter("trigger", {"type": "string", "format": "uuid"}, required=True)],
        responses=answer("WhyAnswer", why=WhySerializer()),
    )
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Why a trigger did or did not fire for this conversation, and what would change that."""
        conversation = get_conversation(self.client.id, conversation_id)
        trigger = selectors.get_trigger(self.client.id, _trigger_id(request))
        why = explain(selectors.load_case(self.client, trigger, conversation, clock.now()))
        return Response({"success": True, "why": WhySerializer(why).data})


def _trigger_id(request: Request) -> UUID:
    try:
        return UUID(request.query_params.get("trigger", ""))
    except ValueError as error:
        raise InvalidInput(details={"trigger": ["Informe o id de um gatilho."]}) from error
