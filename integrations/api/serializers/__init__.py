"""What the API reads and shows."""

from integrations.api.serializers.databases import (
    QuerySerializer,
)
from integrations.api.serializers.integrations import (
    DatabaseIntegrationSerializer,
    IntegrationDetailSerializer,
    IntegrationPatchSerializer,
    IntegrationSerializer,
)
from integrations.api.serializers.ledger import (
    MessageDetailSerializer,
    MessageFilterSerializer,
    OutboundMessageSerializer,
)
from integrations.api.serializers.rules import (
    PolicyPatchSerializer,
    PolicySerializer,
    TemplateSerializer,
    TemplateWriteSerializer,
)
from integrations.api.serializers.sending import (
    EmailSendSerializer,
    WhatsAppSendSerializer,
)

__all__ = [
    "DatabaseIntegrationSerializer",
    "EmailSendSerializer",
    "IntegrationDetailSerializer",
    "IntegrationPatchSerializer",
    "IntegrationSerializer",
    "MessageDetailSerializer",
    "MessageFilterSerializer",
    "OutboundMessageSerializer",
    "PolicyPatchSerializer",
    "PolicySerializer",
    "QuerySerializer",
    "TemplateSerializer",
    "TemplateWriteSerializer",
    "WhatsAppSendSerializer",
]
