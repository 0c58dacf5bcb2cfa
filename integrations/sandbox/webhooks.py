"""Posting to the webhook that was registered last, again and again on anything but a 2xx as Uazapi does."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
from yarl import URL

from .faults import Faults
from .journal import Journal
from .masking import masked, masked_text, masked_url

logger = logging.getLogger(__name__)

Dialect = Literal["go", "v1"]

MAX_ATTEMPTS = 3  # the `attempts` that Uazapi's own error list shows
RETRY_PAUSE_SECONDS = 0.5
ATTEMPT_TIMEOUT_SECONDS = 15

INBOUND = frozenset({"wasNotSentByApi", "fromMeNo", "isGroupNo"})
FROM_PHONE = frozenset({"wasNotSentByApi", "fromMeYes", "isGroupNo"})
API_ECHO = frozenset({"wasSentByApi", "fromMeYes", "isGroupNo"})
RECEIPT: frozenset[str] = frozenset()  # excludeMessages does not suppress receipts

# One element per delivery: its attempts, `{status, body}` or `{status: null, error}`, oldest first.
Deliveries = list[list[dict[str, Any]]]


@dataclass(frozen=True)
class Registration:
    dialect: Dialect
    url: str
    secret: str = ""
    events: tuple[str, ...] = ("messages", "messages_update")
    excluded: tuple[str, ...] = ()
    enabled: bool = True

    def wants(self, event: str, traits: frozenset[str]) -> bool:
        return self.enabled and event in self.events and traits.isdisjoint(self.excluded)


class Webhooks:
    """Knows one registration, the latest across dialects, and remembers it in `state` if a file is given."""

    def __init__(self, faults: Faults, posted: Journal, state: Path | None = None) -> None:
        self._faults = faults
        self._posted = posted
        self._state = state
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.registration = _load_registration(state) if state else None

    async def open(self) -> None:
        # A connection each: a restarted receiver must not look like a failed attempt on a stale one.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT_SECONDS),
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def register(self, registration: Registration) -> None:
        self.registration = registration
        if self._state is not None:
            _save_registration(self._state, registration)

    def post_later(self, event: dict[str, Any], *, phone: str, after_seconds: float) -> None:
        """Post in the background, to the webhook that is registered now."""
        if self.registration is None:
            return
        registration = self.registration
        self.run_later(after_seconds, lambda: self.post(event, registration, phone=phone))

    def run_later(self, seconds: float, post: Callable[[], Awaitable[Any]]) -> None:
        """Post in the background, unless we are closed before."""

        async def wait_and_post() -> None:
            await asyncio.sleep(seconds)
            await post()

        task = asyncio.create_task(wait_and_post())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def post(self, event: dict[str, Any], registration: Registration, *, phone: str) -> Deliveries:
        """Deliver one event of Uazapi's."""
        data = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        return await self.post_bytes("uazapi", registration.url, data, masked(event), phone=phone)

    async def post_bytes(
        self,
        provider: str,
        url: str,
        data: bytes,
        shown: Any,
        *,
        headers: dict[str, str] | None = None,
        phone: str = "",
        final: frozenset[int] = frozenset(),
    ) -> Deliveries:
        """Deliver one body of JSON, more than once if a `duplicate` fault says so. `shown` is journaled.

        On a status in `final` it is not tried again.
        """
        fault = self._faults.take_for_webhook(URL(url).path, phone)
        copies = 1 + (fault.copies if fault else 0)
        sent = {"Content-Type": "application/json", **(headers or {})}
        posts = [self._deliver(provider, url, data, shown, sent, final) for _ in range(copies)]
        return list(await asyncio.gather(*posts))

    async def _deliver(
        self,
        provider: str,
        url: str,
        data: bytes,
        shown: Any,
        headers: dict[str, str],
        final: frozenset[int],
    ) -> list[dict[str, Any]]:
        entry = self._posted.add(provider, "POST", masked_url(url), shown)
        attempts: list[dict[str, Any]] = []
        while len(attempts) < MAX_ATTEMPTS:
            if attempts:
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
            attempts.append(await self._attempt(url, data, headers))
            status = attempts[-1]["status"]
            if status is not None and 200 <= status < 300:
                entry.outcome = f"delivered:{status}"
                break
            entry.outcome = "unreachable" if status is None else f"failed:{status}"
            if status in final:
                break
        return attempts

    async def _attempt(self, url: str, data: bytes, headers: dict[str, str]) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("Webhooks.open() was not awaited")
        try:
            async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as response:
                return {"status": response.status, "body": _parsed(await response.text(errors="replace"))}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            return {"status": None, "error": masked_text(f"{type(exc).__name__}: {exc}")}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _load_registration(path: Path) -> Registration | None:
    try:
        stored = json.loads(path.read_text())
        lists = {key: tuple(stored[key]) for key in ("events", "excluded")}
        return Registration(**{**stored, **lists})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as exc:
        logger.warning("sandbox: ignoring the unreadable state file %s (%s)", path, type(exc).__name__)
        return None


def _save_registration(path: Path, registration: Registration) -> None:
    """Replace the file as a whole, readable by its owner alone: the URL and the secret are credentials."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(registration), file)
        draft.replace(path)
    except OSError as exc:
        logger.warning("sandbox: cannot write the state file %s: %s", path, exc.strerror)
