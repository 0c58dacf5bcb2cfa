"""What the API reads and shows of agents, their runs and their tools."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agent_tools.defaults import ALL_TOOLS
from agent_tools.models import Agent, AgentRun, AgentStep, DataAccess
from agent_tools.services.agents import MAX_INTENTS, MAX_RECIPIENTS
from agent_tools.services.asking import MAX_REQUEST
from renum.api.serializers import StrictBooleanField, StrictCharField, StrictSerializer

MAX_KEY = 1000
MAX_ADDRESS = 320

# --- Fields -------------------------------------------------------------------------------------------


class StrictIntegerField(serializers.IntegerField):
    """A number: a text or a boolean is a mistake."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictUUIDField(serializers.UUIDField):
    """A text: a number is a mistake."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class OneLineField(StrictCharField):
    """A text without any space."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if any(character.isspace() for character in text):
            raise serializers.ValidationError("Não pode ter espaços.")
        return text


class OnceEachField(serializers.ListField):
    """A list; what comes again in it is left out."""

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


# --- Agents -------------------------------------------------------------------------------------------


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """`has_model_key`: a key is set; it is never shown."""

    has_model_key = serializers.SerializerMethodField()
    tools = serializers.ListField(child=serializers.CharField())
    active_days = serializers.ListField(child=serializers.IntegerField())
    intents = serializers.ListField(child=serializers.CharField())
    allowed_recipients = serializers.ListField(source="recipients", child=serializers.CharField())

    class Meta:
        model = Agent
        fields = (
            "id",
            "name",
            "title",
            "prompt",
            "knowledge",
            "tools",
            "data_access",
            "model",
            "has_model_key",
            "enabled",
            "answers_whatsapp",
            "model_calls",
            "tool_calls",
            "timeout_seconds",
            "replies_per_hour",
            "active_days",
            "active_from",
            "active_until",
            "intents",
            "allowed_recipients",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_has_model_key(self, agent: Agent) -> bool:
        return bool(agent.__dict__.get("model_key"))  # as stored: reading the attribute would decrypt


class AgentWriteSerializer(StrictSerializer):
    """What is not given is as for any new agent. `model_key`: write-only; null or "" clears it."""

    name = StrictCharField(max_length=40)
    title = StrictCharField(max_length=80)
    prompt = StrictCharField(max_length=20_000, trim_whitespace=False)
    knowledge = StrictCharField(max_length=20_000, allow_blank=True, trim_whitespace=False, required=False)
    tools = OnceEachField(child=serializers.ChoiceField(choices=ALL_TOOLS), max_length=len(ALL_TOOLS))
    data_access = serializers.ChoiceField(choices=DataAccess.choices, required=False)
    model = StrictCharField(max_length=100, allow_blank=True, required=False)
    model_key = OneLineField(
        max_length=MAX_KEY, allow_blank=True, allow_null=True, required=False, write_only=True
    )
    enabled = StrictBooleanField(required=False)
    answers_whatsapp = StrictBooleanField(required=False)
    model_calls = StrictIntegerField(min_value=1, max_value=20, required=False)
    tool_calls = StrictIntegerField(min_value=1, max_value=20, required=False)
    timeout_seconds = StrictIntegerField(min_value=5, max_value=90, required=False)
    replies_per_hour = StrictIntegerField(min_value=1, max_value=500, required=False)
    active_days = OnceEachField(
        child=StrictIntegerField(min_value=0, max_value=6), max_length=7, allow_empty=False, required=False
    )
    active_from = serializers.TimeField(allow_null=True, required=False)
    active_until = serializers.TimeField(allow_null=True, required=False)
    intents = OnceEachField(child=StrictCharField(max_length=40), max_length=MAX_INTENTS, required=False)
    allowed_recipients = OnceEachField(
        child=OneLineField(max_length=MAX_ADDRESS), max_length=MAX_RECIPIENTS, required=False
    )

    def validate_model_key(self, value: str | None) -> str | None:
        return value or None

    def validate_active_days(self, value: list[int]) -> list[int]:
        return sorted(value)

    def validate_allowed_recipients(self, value: list[str]) -> str | None:
        return "\n".join(value) or None


class AgentUpdateSerializer(AgentWriteSerializer):
    """What is not named stays as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, partial=True, **kwargs)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Informe ao menos um campo.")
        return attrs


class AskSerializer(StrictSerializer):
    message = StrictCharField(max_length=MAX_REQUEST)


class ToolSerializer(serializers.Serializer[Any]):
    """`needs_conversation`: it is offered within a conversation only."""

    name = serializers.CharField()
    description = serializers.CharField()
    needs_conversation = serializers.BooleanField()


# --- Named queries ------------------------------------------------------------------------------------


class ParameterSerializer(serializers.Serializer[Any]):
    """`choices`: the texts that may be given; empty: any value of the type."""

    name = serializers.CharField()
    type = serializers.CharField()
    description = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())


class NamedQuerySerializer(serializers.Serializer[Any]):
    """`parameters`: those that the model gives; who is writing fills the others."""

    name = serializers.CharField()
    description = serializers.CharField()
    parameters = ParameterSerializer(many=True)


# --- Runs ---------------------------------------------------------------------------------------------


class AgentStepSerializer(serializers.ModelSerializer[AgentStep]):
    """`outcome`: "ok", or the code of what went wrong."""

    class Meta:
        model = AgentStep
        fields = ("kind", "name", "outcome", "latency_ms", "input_tokens", "output_tokens", "created_at")
        read_only_fields = fields


class AgentRunSerializer(serializers.ModelSerializer[AgentRun]):
    """`conversation_id`: null if somebody of the client, or a trigger, asked."""

    conversation_id = serializers.UUIDField(allow_null=True)
    answer_ids = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = AgentRun
        fields: tuple[str, ...] = (
            "id",
            "conversation_id",
            "agent",
            "state",
            "reason_code",
            "model",
            "tool_calls",
            "input_tokens",
            "output_tokens",
            "latency_ms",
            "answer_ids",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class AgentRunDetailSerializer(AgentRunSerializer):
    """`answer`: to what was asked, for an hour; null otherwise."""

    answer = serializers.CharField(allow_null=True)
    steps = AgentStepSerializer(many=True)

    class Meta(AgentRunSerializer.Meta):
        fields = (*AgentRunSerializer.Meta.fields, "answer", "steps")


class RunFilterSerializer(StrictSerializer):
    agent = StrictCharField(max_length=40, required=False)
    state = serializers.ChoiceField(choices=AgentRun.State.choices, required=False)


# --- Tools for agents elsewhere -----------------------------------------------------------------------


class SessionSerializer(StrictSerializer):
    """`conversation_id`: whom the agent is talking with. `agent`: whose tools and limits hold."""

    conversation_id = StrictUUIDField(allow_null=True, default=None)
    agent = StrictCharField(max_length=40, allow_null=True, default=None)


class ToolUseSerializer(SessionSerializer):
    """`run_id`: the earlier run that this goes on with; its receipts prove what is claimed."""

    arguments = serializers.DictField(default=dict)
    run_id = StrictUUIDField(allow_null=True, default=None)


class OfferedToolSerializer(serializers.Serializer[Any]):
    """`parameters`: the JSON Schema of the arguments."""

    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.DictField()
