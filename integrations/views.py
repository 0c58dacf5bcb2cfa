"""The unsubscribe link of automated mails: one click for mail programs (RFC 8058), a page for people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations.delivery.unsubscribe import read_token
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Channel
from renum.conversations.services import suppress
from renum.events.cause import Cause

PAGE = "unsubscribe.html"


@csrf_exempt  # the mail program's POST comes from nowhere; the signed token is its proof
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """POST bars the address; GET only asks, since mail scanners open every link."""
    named = read_token(token)
    if named is None:
        return render(request, PAGE, {"state": "invalid"}, status=404)
    client_id, address_index = named
    with service_scope(reason="unsubscribe"):
        client = Client.objects.filter(id=client_id).first()
        if client is None:
            return render(request, PAGE, {"state": "invalid"}, status=404)
        if request.method != "POST":
            return render(request, PAGE, {"state": "ask", "client": client.name})
        cause = Cause().then("unsubscribe", address_index[:12])
        suppress(client_id, Channel.EMAIL, address_index, "unsubscribe", cause=cause)
    return render(request, PAGE, {"state": "done", "client": client.name})
