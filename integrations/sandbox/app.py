"""The HTTP side of the sandbox: the providers' mounts, and `/_sandbox/` for those who watch them."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from .context import BODY_LIMIT_BYTES, SANDBOX, Refused, Sandbox, read_json
from .demo_database import DATABASE, DemoDatabase
from .faults import Faults, InvalidFault
from .gateway import answer_errors_in_json, journal_and_misfortune
from .inbound import post_connection, post_inbound
from .journal import CAPACITY, Journal
from .mounts import MOUNTS
from .webhooks import Webhooks

_PAGE = Path(__file__).with_name("page.html")


def create_app(
    state: Path | None = None, webhook_secret: str | None = None, database_url: str | None = None
) -> web.Application:
    """Build the application with an empty journal.

    `state` is the file that remembers the webhook's registration over restarts; `webhook_secret` signs v1
    webhooks whose registration brought no secret (default: the variable UAZAPI_WEBHOOK_SECRET);
    `database_url` is where the stand-in for Supabase keeps its tables (default: DATABASE_OWNER_URL, else
    DATABASE_URL; empty: it is unavailable).
    """
    if webhook_secret is None:
        webhook_secret = os.environ.get("UAZAPI_WEBHOOK_SECRET", "")
    if database_url is None:
        database_url = os.environ.get("DATABASE_OWNER_URL") or os.environ.get("DATABASE_URL", "")
    faults, posted = Faults(), Journal()
    app = web.Application(
        middlewares=[answer_errors_in_json, journal_and_misfortune], client_max_size=BODY_LIMIT_BYTES
    )
    app[SANDBOX] = Sandbox(Journal(), posted, faults, Webhooks(faults, posted, state), webhook_secret)
    app[DATABASE] = DemoDatabase(database_url)
    app.cleanup_ctx.append(_open_webhooks)
    app.router.add_get("/", _redirect_to_page)
    app.router.add_get("/_sandbox", _redirect_to_page)
    app.router.add_get("/_sandbox/", show_page)
    app.router.add_get("/_sandbox/health", show_health)
    app.router.add_get("/_sandbox/journal", list_journal)
    app.router.add_delete("/_sandbox/journal", clear_journal)
    app.router.add_get("/_sandbox/posted", list_posted)
    app.router.add_post("/_sandbox/inbound", post_inbound)
    app.router.add_post("/_sandbox/connection", post_connection)
    app.router.add_get("/_sandbox/faults", list_faults)
    app.router.add_post("/_sandbox/faults", add_faults)
    app.router.add_delete("/_sandbox/faults", clear_faults)
    for mount in MOUNTS.values():
        mount.add_routes(app.router)
    return app


async def show_page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(_PAGE)


async def show_health(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy"})


async def list_journal(request: web.Request) -> web.Response:
    return _listed(request, request.app[SANDBOX].journal)


async def list_posted(request: web.Request) -> web.Response:
    """List the webhooks that we posted, in the journal's format; `path` is the masked URL."""
    return _listed(request, request.app[SANDBOX].posted)


async def clear_journal(request: web.Request) -> web.Response:
    request.app[SANDBOX].journal.clear()
    request.app[SANDBOX].posted.clear()
    return web.Response(status=204)


async def list_faults(request: web.Request) -> web.Response:
    return web.json_response(request.app[SANDBOX].faults.list_pending())


async def add_faults(request: web.Request) -> web.Response:
    faults = request.app[SANDBOX].faults
    try:
        faults.add(await read_json(request))
    except InvalidFault as exc:
        raise Refused(400, str(exc)) from exc
    return web.json_response(faults.list_pending(), status=201)


async def clear_faults(request: web.Request) -> web.Response:
    request.app[SANDBOX].faults.clear()
    return web.Response(status=204)


def _listed(request: web.Request, journal: Journal) -> web.Response:
    query = request.query
    limit = query.get("limit", str(CAPACITY))
    if not (re.fullmatch("[0-9]{1,5}", limit) and 0 < int(limit) <= CAPACITY):
        raise Refused(400, f"limit must be a number from 1 to {CAPACITY}")
    entries = journal.list_entries(query.get("provider", ""), query.get("path", ""), int(limit))
    return web.json_response(entries)


async def _redirect_to_page(request: web.Request) -> web.Response:
    raise web.HTTPFound("/_sandbox/")


async def _open_webhooks(app: web.Application) -> AsyncIterator[None]:
    await app[SANDBOX].webhooks.open()
    yield
    await app[SANDBOX].webhooks.close()
