"""`POST /webhooks/<provider>[/<key>]`: verify, store, 200. Nothing else happens in the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.errors import IntegrationUnreadable
from integrations.models import Integration
from renum import clock
from renum.accounts.scope import service_scope
from renum.api.body import read_body
from renum.api.errors import PayloadTooLarge, domain_response, envelope
from renum.api.parsers import parse_json
from renum.errors import DomainError
from webhooks import services
from webhooks.errors import InvalidPayload, InvalidSignature, ProcessingFailed
from webhooks.parsers import uazapi
from webhooks.signatures import (
    EVOLUTION_SECRET,
    HEADER,
    SENDGRID_SIGNATURE,
    SENDGRID_TIMESTAMP,
    same,
    verify_sendgrid,
    verify_v1,
)

log = structlog.get_logger(__name__)


@csrf_exempt
@transaction.non_atomic_requests
def receive_uazapi(request: HttpRequest, key: str | None = None) -> JsonResponse:
    """Take in one event; the key may come in `X-API-Key` instead, or the token in the body alone."""
    return _answer(request, lambda: _receive_uazapi(request, key))


@csrf_exempt
@transaction.non_atomic_requests
def receive_evolution(request: HttpRequest, key: str) -> JsonResponse:
    """Take in what one instance tells."""
    return _answer(request, lambda: _receive_evolution(request, key))


@csrf_exempt
@transaction.non_atomic_requests
def receive_sendgrid(request: HttpRequest, key: str) -> JsonResponse:
    """Take in a batch of events."""
    return _answer(request, lambda: _receive_sendgrid(request, key))


def _answer(request: HttpRequest, receive: Callable[[], None]) -> JsonResponse:
    """200 means committed. Everything else is the error envelope, and nothing is stored.

    401 `INVALID_SIGNATURE` (unknown key, wrong token or signature, old timestamp: alike from
    outside), 400 `INVALID_PAYLOAD`, 413, 405, 503 `PROCESSING_FAILED` when it could not be stored.
    """
    if request.method != "POST":
        body = envelope("METHOD_NOT_ALLOWED", "Método não permitido neste endereço.")
        return JsonResponse(body, status=405, headers={"Allow": "POST"})
    try:
        receive()
    except RequestDataTooBig:
        return JsonResponse(envelope("PAYLOAD_TOO_LARGE", str(PayloadTooLarge.default_detail)), status=413)
    except DomainError as error:
        return _refusal(error)
    except (OperationalError, InterfaceError) as error:
        log.error("webhook_not_stored", reason=type(error).__name__)
        return _refusal(ProcessingFailed())
    return JsonResponse({"success": True, "processed_at": clock.iso(clock.now())})


def _refusal(error: DomainError) -> JsonResponse:
    body, status, headers = domain_response(error)
    return JsonResponse(body, status=status, headers=headers)


def _receive_uazapi(request: HttpRequest, key: str | None) -> None:
    body = read_body(request)
    key = key or request.headers.get("X-API-Key")
    payload, malformed = _decode(body)
    token = payload.get("token") if isinstance(payload, dict) else None
    with service_scope(reason="take in a webhook"):
        integration = services.find_integration("uazapi", key, token if isinstance(token, str) else None)
        if integration is None:
            raise InvalidSignature
        if malformed:
            raise InvalidPayload
        try:
            _verify(request, integration, payload, body, token)
        except IntegrationUnreadable as error:  # ours to mend: the provider shall try again
            raise ProcessingFailed from error
        services.take_in(integration, payload, body)


def _receive_evolution(request: HttpRequest, key: str) -> None:
    body = read_body(request)
    with service_scope(reason="take in a webhook"):
        integration = services.find_integration("evolution", key)
        if integration is None:
            raise InvalidSignature
        try:
            secret = integration.settings.webhook_secret
        except IntegrationUnreadable as error:  # ours to mend: the provider shall try again
            raise ProcessingFailed from error
        given = request.headers.get(EVOLUTION_SECRET, "")
        if secret is not None and not same(given, secret.get_secret_value()):
            raise InvalidSignature
        payload, malformed = _decode(body)
        if malformed:
            raise InvalidPayload
        services.take_in(integration, payload, body)


def _receive_sendgrid(request: HttpRequest, key: str) -> None:
    body = read_body(request)
    with service_scope(reason="take in a webhook"):
        integration = services.find_integration("sendgrid", key)
        if integration is None:
            raise InvalidSignature
        try:
            public_key = integration.settings.webhook_public_key
        except IntegrationUnreadable as error:  # ours to mend: the provider shall try again
            raise ProcessingFailed from error
        signature, timestamp = (
            request.headers.get(name, "") for name in (SENDGRID_SIGNATURE, SENDGRID_TIMESTAMP)
        )
        verify_sendgrid(public_key or "", body, signature, timestamp, clock.now())
        payload, malformed = _decode(body)
        if malformed or not isinstance(payload, list) or not all(isinstance(one, dict) for one in payload):
            raise InvalidPayload
        services.take_in(integration, payload, body)


def _decode(body: bytes) -> tuple[Any, bool]:
    try:
        return parse_json(body, mend=True), False
    except ValueError:
        return None, True


def _verify(request: HttpRequest, integration: Integration, payload: Any, body: bytes, token: Any) -> None:
    """The v1 payload is signed; the real product signs nothing, but sends its token in the body."""
    config = integration.settings
    header = request.headers.get(HEADER, "")
    if uazapi.is_v1(payload):
        verify_v1(payload, body, header, _secrets(config), clock.now())
    elif (token is not None or uazapi.is_go(payload)) and not _is_token(config, token):
        raise InvalidSignature


def _is_token(config: Any, token: Any) -> bool:
    return isinstance(token, str) and same(token, config.api_token.get_secret_value())


def _secrets(config: Any) -> list[str]:
    """The secrets that may have signed: the integration's own, or else the installation's."""
    own = config.webhook_secret.get_secret_value() if config.webhook_secret else ""
    shared = settings.ENVIRONMENT.uazapi_webhook_secret.get_secret_value()
    return [secret for secret in (own or shared,) if secret]
