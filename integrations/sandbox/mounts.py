"""The registry of the HTTP mounts: a provider's stand-in is a module beside this one, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from . import evolution, sendgrid, supabase, uazapi
from .context import Refused


@dataclass(frozen=True)
class Mount:
    """`word_refusal` gives a refusal of a path the shape of this provider's errors."""

    add_routes: Callable[[web.UrlDispatcher], None]
    word_refusal: Callable[[Refused, str], web.Response]


MOUNTS = {
    evolution.MOUNT: Mount(evolution.add_routes, evolution.word_refusal),
    uazapi.MOUNT: Mount(uazapi.add_routes, uazapi.word_refusal),
    sendgrid.MOUNT: Mount(sendgrid.add_routes, sendgrid.word_refusal),
    supabase.MOUNT: Mount(supabase.add_routes, supabase.word_refusal),
}


def mount_of(path: str) -> str:
    """The first segment of a path; a mount, if it is in `MOUNTS`."""
    return path.lstrip("/").partition("/")[0]


def word_refusal(refused: Refused, path: str) -> web.Response:
    """Answer a refusal as the provider would, or in the sandbox's own words outside every mount."""
    mount = MOUNTS.get(mount_of(path))
    return mount.word_refusal(refused, path) if mount else refused.as_response()
