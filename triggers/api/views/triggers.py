"""`/api/triggers`."""

from __future__ import annotations

from typing import Any
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
    RecipeSerializer,
    ToggleSerializer,
    TriggerCreatedSerializer,
    TriggerListItemSerializer,
    TriggerSerializer,
    TriggerToggledSerializer,
    TriggerUpdatedSerializer,
    TriggerUpdateSerializer,
    TriggerWriteSerializer,
)
from triggers.recipes import recipes_for

MAX_LISTED = 200
EDITABLE = (
    "name",
    "description",
    "active",
    "trigger_type",
    "trigger_config",
    "condition_type",
    "condition_config",
    "action_type",
    "action_config",
)
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

    @extend_schema(
        operation_id="triggers_update",
        request=TriggerUpdateSerializer,
        responses=answer("TriggerUpdatedAnswer", trigger=TriggerUpdatedSerializer()),
    )
    def put(self, request: Request, trigger_id: UUID) -> Response:
        """Change what is named; it holds from the next sweep, within a minute."""
        serializer = TriggerUpdateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        trigger = selectors.get_trigger(self.client.id, trigger_id, for_update=True)
        values: dict[str, Any] = {name: getattr(trigger, name) for name in EDITABLE}
        trigger = services.update_trigger(trigger, **{**values, **serializer.validated_data})
        return Response({"success": True, "trigger": TriggerUpdatedSerializer(trigger).data})

    @extend_schema(
        operation_id="triggers_delete",
        responses={200: answer("TriggerDeletedAnswer", message=serializers.CharField())},
    )
    def delete(self, request: Request, trigger_id: UUID) -> Response:
        """Delete a trigger and its executions; what it sent stays."""
        services.delete_trigger(selectors.get_trigger(self.client.id, trigger_id))
        return Response({"success": True, "message": "Trigger deleted successfully"})


class TriggerToggleView(TenantView):
    @extend_schema(
        operation_id="triggers_toggle",
        request=ToggleSerializer,
        responses=answer("TriggerToggledAnswer", trigger=TriggerToggledSerializer()),
    )
    def patch(self, request: Request, trigger_id: UUID) -> Response:
        """Switch a trigger on or off. Switched on, it looks at all that holds already."""
        serializer = ToggleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        trigger = selectors.get_trigger(self.client.id, trigger_id)
        services.switch_triggers([trigger], active=serializer.validated_data["active"])
        trigger = selectors.get_trigger(self.client.id, trigger_id)
        return Response({"success": True, "trigger": TriggerToggledSerializer(trigger).data})


class RecipeListView(TenantView):
    @extend_schema(
        operation_id="triggers_recipes",
        responses=answer("RecipeListAnswer", recipes=RecipeSerializer(many=True)),
    )
    def get(self, request: Request) -> Response:
        """Ready examples: bodies that can be posted as they are."""
        recipes = recipes_for(selectors.owner_email(self.client))
        return Response({"success": True, "recipes": RecipeSerializer(recipes, many=True).data})


def _non_negative(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput(details={name: ["Use um número inteiro."]})
    return int(text)
