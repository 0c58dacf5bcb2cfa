"""What the two channels' `send` have in common: the key, the row, and the wait for its outcome."""

from __future__ import annotations

import time
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.idempotency import PARAMETER, hold_key, idempotency_key
from integrations.api.prefer import wait_seconds
from integrations.delivery import limits
from integrations.delivery.gate import Reason
from integrations.errors import MessageFailed, MessageRefused
from integrations.models import OutboundMessage
from renum import clock
from renum.api.schema import answer
from renum.api.views import NetworkView
from renum.errors import DomainError

POLL_SECONDS = 0.05
FINAL = {OutboundMessage.State.SENT, OutboundMessage.State.FAILED, OutboundMessage.State.UNKNOWN}
# What our own rules refused: the caller can act on it, the provider was not asked.
REFUSED: dict[str, str | None] = {
    **dict.fromkeys(Reason),
    Reason.OPTED_OUT: "A pessoa pediu para não receber mensagens; a mensagem não foi enviada.",
    Reason.EXPIRED: "A validade da mensagem passou antes do envio.",
    Reason.CLIENT_SUSPENDED: "A conta está suspensa; a mensagem não foi enviada.",
    Reason.INTEGRATION_DISABLED: "A integração está desativada; ative-a e envie de novo.",
    Reason.MISCONFIGURED: "A configuração não pôde ser lida; configure a integração de novo.",
}

SEND_ANSWER = answer(
    "SendAnswer",
    message_id=serializers.UUIDField(),
    status=serializers.ChoiceField(OutboundMessage.State.choices),
    sent_at=serializers.DateTimeField(allow_null=True),
)
SEND_PARAMETERS = [
    OpenApiParameter(
        "Prefer", str, OpenApiParameter.HEADER, description="`wait=5`: wait for the outcome, ≤ 10 s"
    ),
    PARAMETER,
]


class SendView(NetworkView):
    """202 once the message is safely queued, 200 if the outcome was waited for and it was sent."""

    def enqueue(self, data: dict[str, Any], idempotency_key: str) -> OutboundMessage:
        raise NotImplementedError

    def send(self, request: Request, serializer: serializers.Serializer[Any]) -> Response:
        key = idempotency_key(request)
        serializer.is_valid(raise_exception=True)
        limits.admit(self.client.id, "send")
        with self.scope():
            hold_key(self.client.id, key)
            message = self.enqueue(serializer.validated_data, key)
        message = self._wait(message, wait_seconds(request.headers.get("Prefer", "")))
        if message.state in (OutboundMessage.State.FAILED, OutboundMessage.State.UNKNOWN):
            raise _failure(message)
        return Response(
            {
                "success": True,
                "message_id": str(message.id),
                "status": message.state,
                "sent_at": clock.iso(message.sent_at),
            },
            status=200 if message.state == OutboundMessage.State.SENT else 202,
        )

    def _wait(self, message: OutboundMessage, seconds: int) -> OutboundMessage:
        """Poll for the outcome, in transactions of their own."""
        give_up_at = time.monotonic() + seconds
        while message.state not in FINAL and time.monotonic() < give_up_at:
            time.sleep(POLL_SECONDS)
            with self.scope():
                message = OutboundMessage.objects.get(id=message.id, client_id=self.client.id)
        return message


def _failure(message: OutboundMessage) -> DomainError:
    told = {"message_id": str(message.id), "status": message.state}
    if message.reason_code in REFUSED:
        return MessageRefused(REFUSED[message.reason_code], code=message.reason_code, details=told)
    unknown = message.state == OutboundMessage.State.UNKNOWN
    text = message.error_message or (
        "Não se sabe se a mensagem foi entregue; ela não será repetida sem confirmação."
        if unknown
        else MessageFailed.__doc__
    )
    return MessageFailed(
        text,
        code=message.reason_code or ("DELIVERY_UNKNOWN" if unknown else MessageFailed.code),
        details=told,
    )
