"""`/api/integrations/email/*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import selectors, services
from integrations.api.serializers import EmailSendSerializer
from integrations.api.views.connections import (
    CONFIGURE_ANSWER,
    TEST_ANSWER,
    ConfigureView,
    ConnectionView,
    configure_schema,
    tested,
)
from integrations.api.views.sending import SEND_ANSWER, SEND_PARAMETERS, SendView
from integrations.models import Integration, OutboundMessage
from renum import clock
from renum.api.schema import answer
from renum.api.views import TenantView

TYPES = (Integration.Type.EMAIL_SMTP, Integration.Type.EMAIL_SENDGRID)


class EmailConfigureView(ConfigureView):
    types = TYPES

    @extend_schema(
        operation_id="email_configure", request=configure_schema(*TYPES), responses=CONFIGURE_ANSWER
    )
    def post(self, request: Request) -> Response:
        """Connect e-mail by SMTP or SendGrid; with both, SendGrid stands in for SMTP while that fails."""
        return self.configure(request)

    def default_kind(self, values: Mapping[str, Any]) -> str:
        return "sendgrid" if "api_key" in values else "smtp"


class EmailStatusView(TenantView):
    @extend_schema(
        operation_id="email_status",
        responses=answer(
            "EmailStatusAnswer",
            status=serializers.ChoiceField(Integration.Status.choices),
            provider=serializers.CharField(),
            fallback=serializers.CharField(allow_null=True),
            last_tested_at=serializers.DateTimeField(allow_null=True),
            from_email=serializers.CharField(),
            messages_sent_today=serializers.IntegerField(),
            rate_limit_remaining=serializers.IntegerField(),
        ),
    )
    def get(self, request: Request) -> Response:
        """The connection that mails leave through, what stands in for it, and today's use of both."""
        known = selectors.connections_of(self.client.id, TYPES)
        first, *others = sorted(known, key=lambda one: not one.enabled)
        usages = [selectors.usage_today(one, self.client) for one in known]
        return Response(
            {
                "success": True,
                "status": first.status,
                "provider": first.provider,
                "fallback": next((one.provider for one in others if one.enabled), None),
                "last_tested_at": clock.iso(first.last_tested_at),
                "from_email": first.settings.from_email,
                "messages_sent_today": sum(usage.sent_today for usage in usages),
                "rate_limit_remaining": sum(usage.remaining for usage in usages),
            }
        )


class EmailTestView(ConnectionView):
    types = TYPES

    @extend_schema(operation_id="email_test", request=None, responses=TEST_ANSWER)
    def post(self, request: Request) -> Response:
        """Log in at the mail server, or at SendGrid; `?provider=` names one of two connections."""
        return tested(self.test())


class EmailSendView(SendView):
    @extend_schema(
        operation_id="email_send",
        request=EmailSendSerializer,
        responses={200: SEND_ANSWER, 202: SEND_ANSWER},
        parameters=SEND_PARAMETERS,
    )
    def post(self, request: Request) -> Response:
        """Queue an e-mail: one mail, to all of its recipients."""
        return self.send(request, EmailSendSerializer(data=request.data))

    def enqueue(self, data: dict[str, Any], idempotency_key: str) -> OutboundMessage:
        return services.send_mail(
            self.client.id, **data, idempotency_key=idempotency_key, cause=self.asked_by
        )
