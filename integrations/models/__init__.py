"""Connections, the outbox, and the rules of sending."""

from integrations.models.connections import DeliveryState, Integration
from integrations.models.outbound import DeliveryAttempt, OutboundMessage
from integrations.models.policy import DeliveryPolicy, SendingSwitch
from integrations.models.templates import MessageTemplate

__all__ = [
    "DeliveryAttempt",
    "DeliveryPolicy",
    "DeliveryState",
    "Integration",
    "MessageTemplate",
    "OutboundMessage",
    "SendingSwitch",
]
