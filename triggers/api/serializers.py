"""What the API reads and shows of triggers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from renum.api.serializers import StrictBooleanField, StrictCharField, StrictSerializer
from triggers.models import AutomationPolicy, Trigger, TriggerExecution
from triggers.reasons import sentence_of

# --- Triggers -----------------------------------------------------------------------------------------


class TriggerWriteSerializer(StrictSerializer):
    """The brief's body. The three parts are validated together by `triggers.schemas`."""

    name = StrictCharField(max_length=255)
    description = StrictCharField(max_length=5000, required=False, allow_null=True, allow_blank=True)
    trigger_type = serializers.ChoiceField(choices=Trigger.Type.choices)
    trigger_config = serializers.DictField()
    condition_type = StrictCharField(max_length=50, default="always")
    condition_config = serializers.DictField(default=dict, allow_null=True)
    action_type = StrictCharField(max_length=50)
    action_config = serializers.DictField()

    def validate_condition_config(self, value: dict[str, Any] | None) -> dict[str, Any]:
        return value or {}


class TriggerUpdateSerializer(TriggerWriteSerializer):
    """What is not named stays as it is."""

    active = StrictBooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, partial=True, **kwargs)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Informe ao menos um campo.")
        return attrs


class TriggerDraftSerializer(TriggerWriteSerializer):
    """A trigger that is not saved needs no name."""

    name = StrictCharField(max_length=255, required=False)


class ToggleSerializer(StrictSerializer):
    active = StrictBooleanField()


class TriggerCreatedSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = ("id", "name", "active", "created_at")
        read_only_fields = fields


class TriggerUpdatedSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = ("id", "name", "updated_at")
        read_only_fields = fields


class TriggerToggledSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = ("id", "active")
        read_only_fields = fields


class TriggerListItemSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = ("id", "name", "active", "execution_count", "last_executed_at")
        read_only_fields = fields


class TriggerSerializer(serializers.ModelSerializer[Trigger]):
    class Meta:
        model = Trigger
        fields = (
            "id",
            "name",
            "description",
            "active",
            "trigger_type",
            "trigger_config",
            "condition_type",
            "condition_config",
            "action_type",
            "action_config",
            "execution_count",
            "last_executed_at",
            "created_at",
            "updated_at",
            "active_since",
            "paused_reason",
        )
        read_only_fields = fields


class RecipeBodySerializer(serializers.Serializer[Any]):
    """A body that `POST /api/triggers` takes as it is."""

    name = serializers.CharField()
    description = serializers.CharField()
    trigger_type = serializers.CharField()
    trigger_config = serializers.DictField()
    condition_type = serializers.CharField()
    condition_config = serializers.DictField()
    action_type = serializers.CharField()
    action_config = serializers.DictField()


class RecipeSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    trigger = RecipeBodySerializer()


# --- Simulation ---------------------------------------------------------------------------------------


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    reason = serializers.CharField()


class StepPreviewSerializer(serializers.Serializer[Any]):
    """`texts`: by part of the message. `reason_code`: why it would not be said."""

    number = serializers.IntegerField()
    action_type = serializers.CharField()
    texts = serializers.DictField(child=serializers.CharField())
    reason_code = serializers.CharField()
    problem = serializers.CharField()


class SampleSerializer(serializers.Serializer[Any]):
    conversation_id = serializers.UUIDField(allow_null=True)
    event_id = serializers.UUIDField(allow_null=True)
    steps = StepPreviewSerializer(many=True)


class SimulationSerializer(serializers.Serializer[Any]):
    """`more`: there are more than were counted. `next_slot_at`: of a trigger by the calendar."""

    condition_met = serializers.BooleanField()
    action_would_execute = serializers.BooleanField()
    affected_conversations = serializers.IntegerField()
    estimated_messages = serializers.IntegerField()
    more = serializers.BooleanField()
    next_slot_at = serializers.DateTimeField(allow_null=True)
    reasons = ReasonSerializer(many=True)
    sample = SampleSerializer(many=True)


# --- Executions ---------------------------------------------------------------------------------------


class ExecutionSerializer(serializers.ModelSerializer[TriggerExecution]):
    """`steps`: a receipt for each action. `values_seen`: what the condition looked at, masked."""

    trigger_id = serializers.UUIDField()
    conversation_id = serializers.UUIDField(allow_null=True)
    reason = serializers.SerializerMethodField()
    result = serializers.DictField(allow_null=True)
    steps = serializers.ListField(child=serializers.DictField())
    values_seen = serializers.DictField()

    class Meta:
        model = TriggerExecution
        fields = (
            "id",
            "trigger_id",
            "conversation_id",
            "event_id",
            "occurrence",
            "state",
            "reason_code",
            "reason",
            "condition_met",
            "action_executed",
            "result",
            "steps",
            "values_seen",
            "error_message",
            "execution_time_ms",
            "cause",
            "executed_at",
            "created_at",
        )
        read_only_fields = fields

    def get_reason(self, execution: TriggerExecution) -> str:
        return sentence_of(execution.reason_code, execution.error_message or "")


class ExecutionFilterSerializer(StrictSerializer):
    state = serializers.ChoiceField(choices=TriggerExecution.State.choices, required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class RetriedSerializer(serializers.ModelSerializer[TriggerExecution]):
    class Meta:
        model = TriggerExecution
        fields = ("id", "state")
        read_only_fields = fields


# --- Why ----------------------------------------------------------------------------------------------


class DueSerializer(serializers.Serializer[Any]):
    """`moment`: that QUANDO counts from, or of the event. `due_at`: when it is, or was, due."""

    field = serializers.CharField(allow_null=True)
    moment = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    is_due = serializers.BooleanField()


class ConditionPartSerializer(serializers.Serializer[Any]):
    """A comparison, or a tree of `parts`, which are of this form too. `seen`: masked where it is personal."""

    type = serializers.CharField()
    text = serializers.CharField()
    met = serializers.BooleanField()
    field = serializers.CharField(allow_null=True)
    expected = serializers.JSONField(allow_null=True)
    seen = serializers.JSONField(allow_null=True)
    parts = serializers.ListField(child=serializers.DictField())


class WhySerializer(serializers.Serializer[Any]):
    fired = serializers.BooleanField()
    answer = serializers.CharField()
    reason_code = serializers.CharField()
    due = DueSerializer()
    condition = ConditionPartSerializer(allow_null=True)
    what_would_change = serializers.ListField(child=serializers.CharField())
    executions = ExecutionSerializer(many=True)


# --- The switch for all -------------------------------------------------------------------------------


class AutomationPolicySerializer(serializers.ModelSerializer[AutomationPolicy]):
    updated_at = serializers.DateTimeField(allow_null=True)  # null while it was never set

    class Meta:
        model = AutomationPolicy
        fields = ("paused", "updated_at")
        read_only_fields = fields


class AutomationPolicyPatchSerializer(StrictSerializer):
    paused = StrictBooleanField()
