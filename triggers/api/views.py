"""`/api/triggers`."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from renum.api.schema import answer
from renum.api.views import TenantView
from renum.errors import InvalidInput
from triggers import selectors, services
from triggers.api.serializers import (
    TriggerCreatedSerializer,
    TriggerListItemSerializer,
    TriggerSerializer,
    TriggerWriteSerializer,
)

MAX_LISTED = 200
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class TriggerListView(TenantView):
    @extend_schema(
        operation_id="triggers_list",
        parameters=[
            OpenApiParameter("active", bool),
            OpenApiParameter("limit", int, description=f"At most {MAX_LISTED}"),
            OpenApiParameter("offset", int),
        ],
        responses=answer(
            "TriggerListAnswer",
            triggers=TriggerListItemSerializer(many=True),
            total=serializers.IntegerField(),
        ),
    )
    def get(self, request: Request) -> Response:
        """The client's triggers, the newest first."""
        active = request.query_params.get("active")
        if active is not None and active.lower() not in _BOOLEANS:
            raise InvalidInput(details={"active": ["Use true ou false."]})
        found = selectors.list_triggers(
            self.client.id, active=None if active is None else _BOOLEANS[active.lower()]
        )
        offset = _non_negative(request, "offset", 0)
        limit = min(_non_negative(request, "limit", 50), MAX_LISTED)
        return Response(
            {
                "success": True,
                "triggers": TriggerListItemSerializer(found[offset : offset + limit], many=True).data,
                "total": found.count(),
            }
        )

    @extend_schema(
        operation_id="triggers_create",
        request=TriggerWriteSerializer,
        responses={201: answer("TriggerCreatedAnswer", trigger=TriggerCreatedSerializer())},
    )
    def post(self, request: Request) -> Response:
        """Create a trigger, switched on."""
        serializer = TriggerWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        trigger = services.create_trigger(self.client.id, **serializer.validated_data)
        return Response({"success": True, "trigger": TriggerCreatedSerializer(trigger).data}, status=201)


class TriggerView(TenantView):
    @extend_schema(
        operation_id="triggers_get", responses=answer("TriggerAnswer", trigger=TriggerSerializer())
    )
    def get(self, request: Request, trigger_id: UUID) -> Response:
        """One trigger with all its parts."""
        trigger = selectors.get_trigger(self.client.id, trigger_id)
        return Response({"success": True, "trigger": TriggerSerializer(trigger).data})


def _non_negative(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput(details={name: ["Use um número inteiro."]})
    return int(text)
