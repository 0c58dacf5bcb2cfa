"""`GET /health/integrations`: how many clients are connected, and how many are not. Counts only."""

from __future__ import annotations

from django.db.models import Count, Q
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from integrations.models import Integration
from renum.accounts.scope import service_scope

_GROUPS: dict[str, list[str]] = {
    "whatsapp": [Integration.Type.WHATSAPP],
    "email": [Integration.Type.EMAIL_SMTP, Integration.Type.EMAIL_SENDGRID],
    "database": [Integration.Type.DATABASE],
}


@require_GET
def integrations_health(request: HttpRequest) -> JsonResponse:
    """Clients that configured each kind of connection, those connected, and those in error."""
    with service_scope(reason="health of integrations"):
        found = {name: _count(types) for name, types in _GROUPS.items()}
    return JsonResponse(found)


def _count(types: list[str]) -> dict[str, int]:
    rows = Integration.objects.current().filter(type__in=types)

    def clients(**conditions: str) -> Count:
        return Count("client", distinct=True, filter=Q(**conditions))

    return rows.aggregate(
        configured_clients=clients(),
        connected=clients(status=Integration.Status.CONNECTED),
        errors=clients(status=Integration.Status.ERROR),
    )
