"""`/api/conversation-policy`: how this client's conversations are handled."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from renum.api.schema import answer
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.api.views import TenantView
from renum.conversations import policies
from renum.conversations.models import ConversationPolicy


class SecondsField(serializers.FloatField):
    """A number; not a text, which might say `nan`."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, str | bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class ConversationPolicySerializer(serializers.ModelSerializer[ConversationPolicy]):
    updated_at = serializers.DateTimeField(allow_null=True)  # null while the rules are the defaults

    class Meta:
        model = ConversationPolicy
        fields = (
            "burst_quiet_seconds",
            "burst_max_seconds",
            "handover_minutes",
            "opt_out_text",
            "opt_in_text",
            "message_days",
            "event_days",
            "inbox_days",
            "updated_at",
        )
        read_only_fields = fields


class ConversationPolicyPatchSerializer(StrictSerializer):
    """An empty text sends no confirmation. Days are those for which rows are kept."""

    burst_quiet_seconds = SecondsField(min_value=0, max_value=60, required=False)
    burst_max_seconds = SecondsField(min_value=0, max_value=300, required=False)
    handover_minutes = serializers.IntegerField(min_value=0, max_value=1440, required=False)
    opt_out_text = StrictCharField(max_length=500, allow_blank=True, required=False)
    opt_in_text = StrictCharField(max_length=500, allow_blank=True, required=False)
    message_days = serializers.IntegerField(min_value=30, max_value=policies.MAX_DAYS, required=False)
    event_days = serializers.IntegerField(min_value=30, max_value=policies.MAX_DAYS, required=False)
    inbox_days = serializers.IntegerField(min_value=7, max_value=policies.MAX_DAYS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        quiet, longest = (
            attrs.get(name, getattr(self.instance, name))
            for name in ("burst_quiet_seconds", "burst_max_seconds")
        )
        if longest < quiet:
            raise serializers.ValidationError({"burst_max_seconds": [policies.BURST_ORDER]})
        return attrs


POLICY_ANSWER = answer("ConversationPolicyAnswer", policy=ConversationPolicySerializer())


class ConversationPolicyView(TenantView):
    @extend_schema(operation_id="conversation_policy_get", responses=POLICY_ANSWER)
    def get(self, request: Request) -> Response:
        """Bursts, takeovers by people, texts of opt-outs, and for how long rows are kept."""
        return _answer(policies.policy_of(self.client.id))

    @extend_schema(
        operation_id="conversation_policy_patch",
        request=ConversationPolicyPatchSerializer,
        responses=POLICY_ANSWER,
    )
    def patch(self, request: Request) -> Response:
        """Change some of the rules; they hold from now on."""
        known = policies.policy_of(self.client.id)
        serializer = ConversationPolicyPatchSerializer(known, data=request.data)
        serializer.is_valid(raise_exception=True)
        changes = serializer.validated_data
        return _answer(policies.change_policy(self.client.id, changes, cause=self.asked_by))


def _answer(policy: ConversationPolicy) -> Response:
    shown = ConversationPolicySerializer(policy).data
    return Response({"success": True, "policy": shown})
