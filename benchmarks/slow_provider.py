"""A WhatsApp provider in a process of its own that takes 50 ms for each message, and forgets it."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from aiohttp import web

SECONDS = 0.05
_numbers = count(1)


async def _send(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(SECONDS)
    return web.json_response({"messageid": f"m-{next(_numbers)}", "status": "Pending"})


if __name__ == "__main__":
    application = web.Application()
    application.router.add_post("/send/text", _send)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
