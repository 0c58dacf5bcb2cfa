"""The yardstick: the least that a durable, signed webhook can be. The HMAC, one committed INSERT, 200."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import uuid
from collections.abc import Iterable
from typing import Any

import psycopg

TABLE = "CREATE TABLE bare_inbox (id uuid PRIMARY KEY, body bytea NOT NULL)"
_INSERT = "INSERT INTO bare_inbox (id, body) VALUES (%s, %s)"
_SECRET = os.environ.get("BENCH_SECRET", "").encode()
_local = threading.local()


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0)
    connection: psycopg.Connection[Any] = _local.connection
    return connection


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    given = environ.get("HTTP_X_WEBHOOK_SIGNATURE", "").removeprefix("sha256=")
    if not hmac.compare_digest(given, hmac.new(_SECRET, body, hashlib.sha256).hexdigest()):
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return [b""]
    _connection().execute(_INSERT, (uuid.uuid4(), body))
    answer = b'{"success": true}'
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
