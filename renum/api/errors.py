"""One table from error to HTTP status, and one handler that builds the envelope of every failure."""

from __future__ import annotations

import math
import sys
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback
from rest_framework_simplejwt.exceptions import InvalidToken

from renum import clock, errors

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.DomainError], int] = {
    errors.InvalidInput: 400,
    errors.Unprocessable: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.RateLimited: 429,
    errors.UpstreamFailed: 502,
    errors.Unavailable: 503,
    errors.DomainError: 500,
}


class PayloadTooLarge(drf.APIException):
    status_code = 413
    default_detail = f"O corpo da requisição excede {settings.MAX_BODY_BYTES // 1024} KiB."
    default_code = "PAYLOAD_TOO_LARGE"


# DRF's own exceptions: class -> (code, sentence). The first match in this order wins.
_FRAMEWORK: list[tuple[type[Exception], str, str]] = [
    (PayloadTooLarge, "PAYLOAD_TOO_LARGE", str(PayloadTooLarge.default_detail)),
    (drf.ParseError, "INVALID_JSON", "O corpo da requisição não é JSON válido."),
    (drf.ValidationError, "VALIDATION_ERROR", "Dados inválidos."),
    (InvalidToken, "INVALID_TOKEN", "Token inválido ou expirado."),
    (drf.NotAuthenticated, "NOT_AUTHENTICATED", "Autenticação necessária."),
    (drf.AuthenticationFailed, "INVALID_TOKEN", "Token inválido ou expirado."),
    (drf.PermissionDenied, "PERMISSION_DENIED", "Você não tem permissão para esta ação."),
    (drf.NotFound, "NOT_FOUND", "Não encontrado."),
    (drf.MethodNotAllowed, "METHOD_NOT_ALLOWED", "Método não permitido neste endereço."),
    (drf.NotAcceptable, "NOT_ACCEPTABLE", "Formato de resposta não disponível."),
    (drf.UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "Envie o corpo como application/json."),
    (drf.Throttled, "RATE_LIMIT_EXCEEDED", "Muitas requisições. Aguarde um pouco e tente novamente."),
]


def envelope(code: str, message: str, details: Any = None) -> dict[str, Any]:
    """The brief's error body."""
    return {
        "success": False,
        "error": message,
        "error_code": code,
        "details": details or {},
        "timestamp": clock.iso(clock.now()),
    }


def status_of(error: errors.DomainError) -> int:
    """HTTP status of a domain error: that of its nearest class in the table."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def domain_response(error: errors.DomainError) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Body, status and headers of a domain error."""
    headers = {"Retry-After": str(max(1, math.ceil(error.retry_after)))} if error.retry_after else {}
    return envelope(error.code, error.message, error.details), status_of(error), headers


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook. Every failure rolls back what the request wrote so far."""
    set_rollback()
    exc = _translate(exc)
    if isinstance(exc, errors.DomainError):
        body, status, headers = domain_response(exc)
        return Response(body, status=status, headers=headers)
    if isinstance(exc, drf.APIException):
        return _framework_response(exc)
    view = context.get("view")
    log.error("api_request_failed", view=type(view).__name__, exc_info=exc)
    return Response(envelope("INTERNAL_ERROR", "Erro interno. Nossa equipe foi avisada."), status=500)


def _translate(exc: Exception) -> Exception:
    if isinstance(exc, Http404):
        return drf.NotFound()
    if isinstance(exc, PermissionDenied):
        return drf.PermissionDenied()
    if isinstance(exc, RequestDataTooBig):
        return PayloadTooLarge()
    if isinstance(exc, SuspiciousOperation):
        return drf.ParseError()
    if isinstance(exc, OperationalError | InterfaceError):
        log.error("database_unavailable", exc_info=exc)
        return errors.Unavailable()
    return exc


def _framework_response(exc: drf.APIException) -> Response:
    code, message = next(
        ((code, message) for cls, code, message in _FRAMEWORK if isinstance(exc, cls)),
        ("BAD_REQUEST", "Requisição inválida."),
    )
    details: Any = {}
    if isinstance(exc, drf.ValidationError):
        details = exc.detail if isinstance(exc.detail, dict) else {"non_field_errors": exc.detail}
    headers: dict[str, str] = {}
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = str(exc.auth_header)  # type: ignore[attr-defined]
    return Response(envelope(code, message, details), status=exc.status_code, headers=headers)


# --- Django's own error pages: JSON under /api/ and /webhooks/, HTML elsewhere ---------------------


def _is_machine(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/webhooks/", "/health", "/metrics"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_machine(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return JsonResponse(envelope("PAYLOAD_TOO_LARGE", str(PayloadTooLarge.default_detail)), status=413)
    return JsonResponse(envelope("BAD_REQUEST", "Requisição inválida."), status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_machine(request):
        return defaults.permission_denied(request, exception)
    return JsonResponse(envelope("PERMISSION_DENIED", "Você não tem permissão para esta ação."), status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_machine(request):
        return defaults.page_not_found(request, exception)
    return JsonResponse(envelope("NOT_FOUND", "Endereço não encontrado."), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if not _is_machine(request):
        return defaults.server_error(request)
    # The transaction of the request is opened and committed outside of the view and its handler.
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        body, status, _ = domain_response(errors.Unavailable())
        return JsonResponse(body, status=status)
    return JsonResponse(envelope("INTERNAL_ERROR", "Erro interno. Nossa equipe foi avisada."), status=500)
