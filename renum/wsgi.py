"""The web process. Webhooks, of which there are very many, do without what only people need."""

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import ResolverMatch, get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "renum.settings")

WEBHOOKS = "/webhooks/"


class WebhookHandler:
    """Django's handling of one request, less what webhooks do not need, which costs more than their work.

    HTTPS and its headers are as everywhere. There are no sessions, messages, CSRF, static files or signals,
    so the views look after their database connections; and the host's name is not checked, since no answer
    contains it.
    """

    def __init__(self) -> None:
        serve = convert_exception_to_response(self._serve)
        self._answer = convert_exception_to_response(SecurityMiddleware(serve))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response: Any = self._answer(WSGIRequest(environ))
        content: bytes = response.content
        response.headers["Content-Length"] = str(len(content))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [content]  # not the response, whose end would be a signal

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        match = _resolve(request.path_info)
        return match.func(request, *match.args, **match.kwargs)  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def _resolve(path: str) -> ResolverMatch:
    return get_resolver().resolve(path)


def _dispatcher() -> Callable[..., Iterable[bytes]]:
    everything, webhooks = get_wsgi_application(), WebhookHandler()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        handler = webhooks if environ.get("PATH_INFO", "").startswith(WEBHOOKS) else everything
        return handler(environ, start_response)

    return application


application = _dispatcher()
