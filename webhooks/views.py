"""`POST /webhooks/<provider>[/<key>]`: verify, store, 200. Nothing else happens in the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import HttpHeaders
from django.views.decorators.csrf import csrf_exempt

from renum import clock
from renum.api.body import read_body
from renum.api.client_address import counted_address
from renum.api.errors import PayloadTooLarge, domain_response, envelope
from renum.api.parsers import parse_json
from renum.api.throttling import Allowance, refuse_if_used_up, use
from renum.errors import DomainError
from webhooks import endpoints, receiving
from webhooks.endpoints import Endpoint
from webhooks.errors import RETRY_SECONDS, InvalidPayload, InvalidSignature, ProcessingFailed
from webhooks.parsers import uazapi
from webhooks.signatures import (
    EVOLUTION_SECRET,
    HEADER,
    SENDGRID_SIGNATURE,
    SENDGRID_TIMESTAMP,
    same_as_any,
    verify_sendgrid,
    verify_v1,
)

log = structlog.get_logger(__name__)

# Each time somebody changed the integration between our reading it and our storing what it sent.
ATTEMPTS = 5

# From the settings whose secrets are good now to the payload; raises `InvalidSignature`, `InvalidPayload`.
Verify = Callable[[list[Any]], Any]


@dataclass(slots=True)
class _Post:
    """A request with its raw body. `source`: what its address may use."""

    request: HttpRequest
    body: bytes
    source: Allowance

    def header(self, name: str) -> str:
        # Not `request.headers`, which begins by collecting and naming them all.
        return str(self.request.META.get(HttpHeaders.to_wsgi_name(name), ""))


@csrf_exempt
@transaction.non_atomic_requests
def receive_uazapi(request: HttpRequest, key: str | None = None) -> HttpResponse:
    """Take in one event; the key may come in `X-API-Key` instead, or the token in the body alone."""
    return _answer(request, lambda post: _receive_uazapi(post, key))


@csrf_exempt
@transaction.non_atomic_requests
def receive_evolution(request: HttpRequest, key: str) -> HttpResponse:
    """Take in what one instance tells."""
    return _answer(request, lambda post: _receive_evolution(post, key))


@csrf_exempt
@transaction.non_atomic_requests
def receive_sendgrid(request: HttpRequest, key: str) -> HttpResponse:
    """Take in a batch of events."""
    return _answer(request, lambda post: _receive_sendgrid(post, key))


def _answer(request: HttpRequest, receive: Callable[[_Post], None]) -> HttpResponse:
    """200 means committed. Everything else is the error envelope, and nothing is stored.

    401 `INVALID_SIGNATURE` (unknown key, wrong token or signature, old timestamp: alike from
    outside), 400 `INVALID_PAYLOAD`, 413, 405, 429, 503 `PROCESSING_FAILED` when it could not be stored.
    """
    if request.method != "POST":
        body = envelope("METHOD_NOT_ALLOWED", "Método não permitido neste endereço.")
        return JsonResponse(body, status=405, headers={"Allow": "POST"})
    try:
        with receiving.expected():
            receive(_open(request))
    except RequestDataTooBig:
        return JsonResponse(envelope("PAYLOAD_TOO_LARGE", str(PayloadTooLarge.default_detail)), status=413)
    except DomainError as error:
        return _refusal(error)
    except (OperationalError, InterfaceError) as error:
        log.error("webhook_not_stored", reason=type(error).__name__)
        return _refusal(ProcessingFailed(retry_after=RETRY_SECONDS))
    done = f'{{"success": true, "processed_at": "{clock.iso(clock.now())}"}}'
    return HttpResponse(done.encode(), content_type="application/json")


def _refusal(error: DomainError) -> HttpResponse:
    body, status, headers = domain_response(error)
    return JsonResponse(body, status=status, headers=headers)


def _open(request: HttpRequest) -> _Post:
    """Read the body; raises `RequestDataTooBig`, and `RateLimited` where nobody need be asked."""
    body = read_body(request)
    name = f"webhooks:address:{counted_address(request.META)}"
    source = Allowance(name, settings.ENVIRONMENT.webhooks_per_minute_address)
    refuse_if_used_up(source)
    return _Post(request, body, source)


def _receive_uazapi(post: _Post, key: str | None) -> None:
    payload, malformed = _decode(post.body)
    token = payload.get("token") if isinstance(payload, dict) else None

    def verify(accepted: list[Any]) -> Any:
        if malformed:
            raise InvalidPayload
        _verify_uazapi(post, payload, token, accepted)
        return payload

    if key := key or post.header("X-API-Key"):
        _receive_by_key(post, "uazapi", key, verify)
    elif isinstance(token, str) and token:
        _receive(post, verify, None, partial(endpoints.find_by_token, "uazapi", token))
    else:
        _receive(post, verify, None, lambda: None)


def _receive_evolution(post: _Post, key: str) -> None:
    def verify(accepted: list[Any]) -> Any:
        secrets = [one.webhook_secret.get_secret_value() for one in accepted if one.webhook_secret]
        # Without a secret the address alone tells who it is; but a predecessor without one proves nothing.
        if accepted[0].webhook_secret and not same_as_any(post.header(EVOLUTION_SECRET), secrets):
            raise InvalidSignature
        payload, malformed = _decode(post.body)
        if malformed:
            raise InvalidPayload
        return payload

    _receive_by_key(post, "evolution", key, verify)


def _receive_sendgrid(post: _Post, key: str) -> None:
    def verify(accepted: list[Any]) -> Any:
        public_keys = [one.webhook_public_key for one in accepted if one.webhook_public_key]
        signature, timestamp = post.header(SENDGRID_SIGNATURE), post.header(SENDGRID_TIMESTAMP)
        verify_sendgrid(public_keys, post.body, signature, timestamp, clock.now())
        payload, malformed = _decode(post.body)
        if malformed or not isinstance(payload, list) or not all(isinstance(one, dict) for one in payload):
            raise InvalidPayload
        return payload

    _receive_by_key(post, "sendgrid", key, verify)


def _receive_by_key(post: _Post, provider: str, key: str, verify: Verify) -> None:
    found = endpoints.recall(provider, key)
    _receive(post, verify, found, partial(endpoints.find_by_key, provider, key))


def _receive(
    post: _Post, verify: Verify, endpoint: Endpoint | None, find: Callable[[], Endpoint | None]
) -> None:
    """Verify and store. `endpoint`, which may be out of date, saves asking the database by `find`."""
    uncounted, client_id = [post.source], None
    for _ in range(ATTEMPTS):
        if is_fresh := endpoint is None:
            use(*uncounted)
            uncounted.clear()
            endpoint = find()
        if endpoint is None:
            raise InvalidSignature
        try:
            payload = verify(endpoint.accepted(clock.now()))
            rows = receiving.as_rows(endpoint, payload, post.body)
        except DomainError:
            if is_fresh:
                raise
            endpoint = None  # refused by what may be out of date: not a verdict
            continue
        if client_id != endpoint.client_id:
            uncounted.append(receiving.allowance_of_client(endpoint))
            client_id = endpoint.client_id
        if receiving.take_in(endpoint, rows, uncounted):
            return
        endpoint = None
    raise ProcessingFailed(retry_after=RETRY_SECONDS)


def _decode(body: bytes) -> tuple[Any, bool]:
    try:
        return parse_json(body, mend=True), False
    except ValueError:
        return None, True


def _verify_uazapi(post: _Post, payload: Any, token: Any, accepted: list[Any]) -> None:
    """The v1 payload is signed; the real product signs nothing, but sends its token in the body."""
    if uazapi.is_v1(payload):
        verify_v1(payload, post.body, post.header(HEADER), endpoints.v1_secrets(accepted), clock.now())
    elif token is not None or uazapi.is_go(payload):
        tokens = [one.api_token.get_secret_value() for one in accepted]
        if not isinstance(token, str) or not same_as_any(token, tokens):
            raise InvalidSignature
