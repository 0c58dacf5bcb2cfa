"""`/api/templates`: texts that a client wrote once."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors, services
from integrations.api.serializers import TemplateSerializer, TemplateWriteSerializer
from integrations.models import MessageTemplate
from renum.api.schema import answer
from renum.api.views import TenantView

TEMPLATE_ANSWER = answer("TemplateAnswer", template=TemplateSerializer())


def _shown(template: MessageTemplate, status: int = 200) -> Response:
    return Response({"success": True, "template": TemplateSerializer(template).data}, status=status)


class TemplateListView(TenantView):
    @extend_schema(
        operation_id="templates_list",
        responses=answer(
            "TemplateListAnswer",
            templates=TemplateSerializer(many=True),
            total=serializers.IntegerField(),
        ),
    )
    def get(self, request: Request) -> Response:
        """All templates by name."""
        shown = TemplateSerializer(selectors.list_templates(self.client.id), many=True).data
        return Response({"success": True, "templates": shown, "total": len(shown)})

    @extend_schema(
        operation_id="templates_create", request=TemplateWriteSerializer, responses={201: TEMPLATE_ANSWER}
    )
    def post(self, request: Request) -> Response:
        """Save a template; its `{{ variables }}` are checked and listed."""
        serializer = TemplateWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return _shown(services.create_template(self.client.id, **serializer.validated_data), 201)


class TemplateItemView(TenantView):
    @extend_schema(operation_id="templates_get", responses=TEMPLATE_ANSWER)
    def get(self, request: Request, template_id: UUID) -> Response:
        """One template."""
        return _shown(selectors.get_template(self.client.id, template_id))

    @extend_schema(
        operation_id="templates_replace", request=TemplateWriteSerializer, responses=TEMPLATE_ANSWER
    )
    def put(self, request: Request, template_id: UUID) -> Response:
        """Write the template anew."""
        return self._change(request, template_id, partial=False)

    @extend_schema(operation_id="templates_patch", request=TemplateWriteSerializer, responses=TEMPLATE_ANSWER)
    def patch(self, request: Request, template_id: UUID) -> Response:
        """Change some of the template."""
        return self._change(request, template_id, partial=True)

    @extend_schema(
        operation_id="templates_delete",
        responses={200: answer("TemplateDeletedAnswer", message=serializers.CharField())},
    )
    def delete(self, request: Request, template_id: UUID) -> Response:
        """Delete the template; messages made from it stay as they are."""
        selectors.get_template(self.client.id, template_id).delete()
        return Response({"success": True, "message": "Template deleted successfully"})

    def _change(self, request: Request, template_id: UUID, *, partial: bool) -> Response:
        template = selectors.get_template(self.client.id, template_id)
        serializer = TemplateWriteSerializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return _shown(services.change_template(template, serializer.validated_data))
