"""`GET /health`: what works right now, by trying it. `GET /metrics`: that and more, in figures."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from renum import clock, errors
from renum.api.errors import domain_response
from renum.health import checks, metrics


@require_GET
@transaction.non_atomic_requests
def health(request: HttpRequest) -> JsonResponse:
    """200 and `healthy` when all services are up, else 503 and `degraded`."""
    database, served = checks.database_up(), checks.served_queues()
    up = {
        "database": database,
        "redis": served is not None,
        "celery": served is not None and all(served.values()),
    }
    healthy = all(up.values())
    return JsonResponse(
        {
            "status": "healthy" if healthy else "degraded",
            "services": {name: "up" if is_up else "down" for name, is_up in up.items()},
            "timestamp": clock.iso(clock.now()),
        },
        status=200 if healthy else 503,
    )


@require_GET
@transaction.non_atomic_requests
def show_metrics(request: HttpRequest) -> HttpResponse:
    """The figures for Prometheus, if it brings the token; while none is set there is no such page."""
    token = settings.ENVIRONMENT.metrics_token.get_secret_value()
    if not token:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        body, status, _headers = domain_response(errors.Unauthenticated())
        return JsonResponse(body, status=status, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
