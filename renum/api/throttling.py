"""Exact rate limits on Redis, shared by all processes.

With Redis down or hanging every use is allowed, and Redis is not asked again for a while: limits
protect, they do not decide.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from renum.errors import RateLimited

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
PAUSE_SECONDS = 5
# Short, because many requests wait for one answer; and asked twice only where a connection had gone stale.
_OPTIONS = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
_MAX_REMEMBERED = 10_000
_paused_until = 0.0
_asking = threading.Lock()  # so that who waited while Redis hung need not find out again
# Until when nobody need be asked about an allowance that is used up: no use is given back before.
_used_up: dict[str, float] = {}

# A moving window like that of `limits`, which however asks once for each use. KEYS: the allowances; ARGV:
# the window in ms, and as JSON for each use its key's number, limit and request. Answers 0, or the ms
# to wait, for each use; a refused request uses up nothing more. Each key is looked at and written once.
_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, refused, waits, seen = tonumber(ARGV[1]), {}, {}, {}
for use, asked in ipairs(cjson.decode(ARGV[2])) do
  local key, limit, request = KEYS[asked[1]], asked[2], asked[3]
  waits[use] = 0
  if not refused[request] then
    local used = seen[key]
    if not used then
      local oldest = redis.call('LINDEX', key, -1)
      while oldest and tonumber(oldest) <= now - window do
        redis.call('RPOP', key)
        oldest = redis.call('LINDEX', key, -1)
      end
      used = {oldest = oldest or now, count = redis.call('LLEN', key), new = {}}
      seen[key] = used
    end
    if used.count < limit then
      used.count = used.count + 1
      table.insert(used.new, now)
    else
      waits[use] = used.oldest + window - now
      refused[request] = true
    end
  end
end
for key, used in pairs(seen) do
  if #used.new > 0 then
    redis.call('LPUSH', key, unpack(used.new))
    redis.call('PEXPIRE', key, window)
  end
end
return waits
"""


class Allowance(NamedTuple):
    """So many uses in any 60 s, counted under a name."""

    name: str
    per_minute: int


@cache
def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(RedisStorage(settings.REDIS_URL, **settings.REDIS_OPTIONS))


@cache
def _item(rate: str) -> RateLimitItem:
    return parse(rate)


@cache
def _script() -> Script:
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    one = Redis.from_url(settings.REDIS_URL, **_OPTIONS, retry=retry, single_connection_client=True)
    return one.register_script(_COUNT)


def spend(rate: str, *identifiers: str) -> None:
    """Count one use of `rate` (such as "10/minute"); raises `RateLimited` when it is used up."""
    item = _item(rate)
    if time.monotonic() < _paused_until:
        return
    try:
        if _limiter().hit(item, *identifiers):
            return
        reset_at = _limiter().get_window_stats(item, *identifiers).reset_time
    except RedisError as error:
        _pause(error)
        return
    raise RateLimited(retry_after=max(1.0, reset_at - time.time()))


def use(*allowances: Allowance) -> None:
    """Count one use of each allowance, in order; raises `RateLimited` at the first that is used up."""
    if wait := use_all([allowances])[0]:
        raise RateLimited(retry_after=wait)


def use_all(requests: Sequence[Sequence[Allowance]]) -> list[float]:
    """Count what each request uses, all at once; returns the seconds that each has to wait, 0 for none.

    A request's allowances are used in order, up to the first that is used up.
    """
    waits = [_known_wait(allowances) for allowances in requests]
    uses = [
        (number, allowance)
        for number, allowances in enumerate(requests)
        if not waits[number]
        for allowance in allowances
    ]
    for (number, allowance), wait in zip(uses, _count(uses), strict=True):
        if wait:
            waits[number] = wait
            _remember(allowance, wait)
    return waits


def refuse_if_used_up(allowance: Allowance) -> None:
    """Raise `RateLimited` if this process knows the allowance to be used up; asks nobody."""
    if wait := _known_wait([allowance]):
        raise RateLimited(retry_after=wait)


def forget() -> None:
    """Know nothing of Redis and of what is used up, as a process that has just begun."""
    global _paused_until
    _paused_until = 0.0
    _used_up.clear()


def _known_wait(allowances: Sequence[Allowance]) -> float:
    if not _used_up:
        return 0.0
    now = time.monotonic()
    return max([0.0, *(_used_up.get(allowance.name, 0.0) - now for allowance in allowances)])


def _count(uses: list[tuple[int, Allowance]]) -> list[float]:
    if not uses:
        return []
    numbers: dict[str, int] = {}
    asked = [
        (numbers.setdefault(allowance.name, len(numbers) + 1), allowance.per_minute, number)
        for number, allowance in uses
    ]
    keys = [f"renum:used:{name}" for name in numbers]
    arguments: list[int | str] = [1000 * WINDOW_SECONDS, json.dumps(asked)]
    with _asking:
        if time.monotonic() < _paused_until:
            return [0.0] * len(uses)
        try:
            waits = _script()(keys=keys, args=arguments)
        except RedisError as error:
            _pause(error)
            return [0.0] * len(uses)
    return [wait / 1000 for wait in waits]


def _remember(allowance: Allowance, wait: float) -> None:
    if len(_used_up) >= _MAX_REMEMBERED:
        _used_up.clear()
    _used_up[allowance.name] = time.monotonic() + wait
    if wait >= 1:  # afterwards uses come back one by one, and each is gone at once
        log.warning("allowance_used_up", kind=allowance.name.partition(":")[0], seconds=round(wait))


def _pause(error: RedisError) -> None:
    global _paused_until
    _paused_until = time.monotonic() + PAUSE_SECONDS
    log.warning("limits_not_counted", reason=type(error).__name__)
