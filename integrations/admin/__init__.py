"""The console's pages about connections and what left through them."""

from integrations.admin.integrations import IntegrationAdmin
from integrations.admin.outbound import DeliveryAttemptAdmin, OutboundMessageAdmin

__all__ = ["DeliveryAttemptAdmin", "IntegrationAdmin", "OutboundMessageAdmin"]
