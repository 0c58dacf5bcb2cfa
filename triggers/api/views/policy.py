"""`/api/automation-policy`: the switch for all of a client's triggers."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from renum.api.schema import answer
from renum.api.views import TenantView
from triggers import policies
from triggers.api.serializers import AutomationPolicyPatchSerializer, AutomationPolicySerializer

POLICY_ANSWER = answer("AutomationPolicyAnswer", policy=AutomationPolicySerializer())


class AutomationPolicyView(TenantView):
    @extend_schema(operation_id="automation_policy_get", responses=POLICY_ANSWER)
    def get(self, request: Request) -> Response:
        """Whether all triggers are paused."""
        policy = policies.policy_of(self.client.id)
        return Response({"success": True, "policy": AutomationPolicySerializer(policy).data})

    @extend_schema(
        operation_id="automation_policy_patch",
        request=AutomationPolicyPatchSerializer,
        responses=POLICY_ANSWER,
    )
    def patch(self, request: Request) -> Response:
        """Pause all triggers, or let them go on; what became due meanwhile is then looked at."""
        serializer = AutomationPolicyPatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        policy = policies.change_policy(self.client.id, serializer.validated_data, cause=self.asked_by)
        return Response({"success": True, "policy": AutomationPolicySerializer(policy).data})
