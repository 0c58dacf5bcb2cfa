"""The console's pages about connections, the rules of sending, and what left."""

from integrations.admin.integrations import IntegrationAdmin
from integrations.admin.outbound import DeliveryAttemptAdmin, OutboundMessageAdmin
from integrations.admin.policies import DeliveryPolicyAdmin, SendingSwitchAdmin
from integrations.admin.templates import MessageTemplateAdmin

__all__ = [
    "DeliveryAttemptAdmin",
    "DeliveryPolicyAdmin",
    "IntegrationAdmin",
    "MessageTemplateAdmin",
    "OutboundMessageAdmin",
    "SendingSwitchAdmin",
]
