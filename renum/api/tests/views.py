"""Views that fail in every way, and the project's own, for the tests of the envelope."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from rest_framework import exceptions as drf
from rest_framework.request import Request
from rest_framework.response import Response

from renum import errors
from renum.api.views import NetworkView, TenantView
from renum.conversations.models import Suppression
from renum.urls import handler400, handler403, handler404, handler500
from renum.urls import urlpatterns as project

SECRET = "segredo-5511999998888"

FAILURES: dict[str, Any] = {
    "runtime": lambda: RuntimeError(SECRET),
    "key": lambda: KeyError(SECRET),
    "assertion": lambda: AssertionError(SECRET),
    "recursion": lambda: RecursionError(SECRET),
    "domain": lambda: errors.DomainError(),
    "operational": lambda: OperationalError(SECRET),
    "interface": lambda: InterfaceError(SECRET),
    "unavailable": lambda: errors.Unavailable(),
    "upstream": lambda: errors.UpstreamFailed(),
    "conflict": lambda: errors.Conflict(),
    "limited": lambda: errors.RateLimited(retry_after=2.4),
    "throttled": lambda: drf.Throttled(wait=7.2),
    "invalid": lambda: errors.InvalidInput(details={"x": ["y"]}),
    "validation": lambda: drf.ValidationError(["y"]),
    "forbidden": lambda: errors.Forbidden(),
    "denied": lambda: PermissionDenied(),
    "drf-denied": lambda: drf.PermissionDenied(),
    "absent": lambda: errors.NotFound(),
    "http404": lambda: Http404(SECRET),
    "suspicious": lambda: SuspiciousOperation(SECRET),
}


class WriteAndFail(TenantView):
    def post(self, request: Request, failure: str) -> Response:
        Suppression.objects.create(client=self.client, channel="whatsapp", address_index="x", reason="x")
        if failure == "none":
            return Response({"success": True})
        raise FAILURES[failure]()


class WriteInScopeAndFail(NetworkView):
    def post(self, request: Request, failure: str) -> Response:
        with self.scope():
            Suppression.objects.create(client=self.client, channel="whatsapp", address_index="x", reason="x")
            if failure == "none":
                return Response({"success": True})
            raise FAILURES[failure]()


def plain(request: HttpRequest, failure: str) -> HttpResponse:
    raise FAILURES[failure]()


urlpatterns = [
    path("api/write/<str:failure>", WriteAndFail.as_view()),
    path("api/network/<str:failure>", WriteInScopeAndFail.as_view()),
    path("api/plain/<str:failure>", plain),
    path("elsewhere/<str:failure>", plain),
    *project,
]

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
