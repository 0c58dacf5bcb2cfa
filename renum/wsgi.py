"""The web process. Webhooks, of which there are very many, do without what only people need."""

import os
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import ResolverMatch, get_resolver

from renum.api.body import hear_out

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "renum.settings")

WEBHOOKS = "/webhooks/"


class WebhookHandler:
    """Django's handling of one request, less what webhooks do not need, which costs more than their work.

    HTTPS and its headers are as everywhere. There are no sessions, messages, CSRF, static files or signals,
    so the views look after their database connections; and the host's name is not checked, since no answer
    contains it.
    """

    def __init__(self) -> None:
        self._answer = convert_exception_to_response(self._serve)
        self._security = SecurityMiddleware(lambda _: HttpResponse())

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = WSGIRequest(environ)
        response: Any = self._security.process_request(request) or self._answer(request)
        content: bytes = response.content
        if response.status_code >= 400:  # else its body was read
            hear_out(environ)
        headers = [
            *response.items(),
            *self._security_headers(request.is_secure()),
            ("Content-Length", str(len(content))),
        ]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [content]  # not the response, whose end would be a signal

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        match = _resolve(request.path_info)
        return match.func(request, *match.args, **match.kwargs)  # type: ignore[no-any-return]

    @cache  # noqa: B019 - lives as long as the process
    def _security_headers(self, is_secure: bool) -> list[tuple[str, str]]:
        """What every answer is given, over HTTPS or not."""
        scheme = "https" if is_secure else "http"
        request = WSGIRequest({"REQUEST_METHOD": "POST", "wsgi.url_scheme": scheme, "wsgi.input": BytesIO()})
        bare = HttpResponse(headers={"Content-Type": ""})
        headers = self._security.process_response(request, bare).items()
        return [(name, value) for name, value in headers if name != "Content-Type"]


@lru_cache(maxsize=1024)
def _resolve(path: str) -> ResolverMatch:
    return get_resolver().resolve(path)


def _dispatcher() -> Callable[..., Iterable[bytes]]:
    everything, webhooks = get_wsgi_application(), WebhookHandler()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(WEBHOOKS):
            return webhooks(environ, start_response)
        answer = everything(environ, start_response)
        hear_out(environ)
        return answer

    return application


application = _dispatcher()
