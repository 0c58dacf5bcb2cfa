"""`/api/delivery-policy`: when this client's messages may leave."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors, services
from integrations.api.serializers import PolicyPatchSerializer, PolicySerializer
from renum.api.schema import answer
from renum.api.views import TenantView

POLICY_ANSWER = answer("DeliveryPolicyAnswer", policy=PolicySerializer())


class DeliveryPolicyView(TenantView):
    @extend_schema(operation_id="delivery_policy_get", responses=POLICY_ANSWER)
    def get(self, request: Request) -> Response:
        """Quiet hours, holidays, the cap for each contact, and the switch that stops all sending."""
        policy = selectors.get_policy(self.client.id)
        return Response({"success": True, "policy": PolicySerializer(policy).data})

    @extend_schema(
        operation_id="delivery_policy_patch", request=PolicyPatchSerializer, responses=POLICY_ANSWER
    )
    def patch(self, request: Request) -> Response:
        """Change some of the rules; what waited because of them is judged again at once."""
        serializer = PolicyPatchSerializer(selectors.get_policy(self.client.id), data=request.data)
        serializer.is_valid(raise_exception=True)
        policy = services.change_policy(self.client.id, serializer.validated_data, cause=self.asked_by)
        return Response({"success": True, "policy": PolicySerializer(policy).data})
