"""What every failure under /api/ looks like."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def assert_envelope(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """Check the brief's error body; returns it."""
    assert response["Content-Type"].split(";")[0] == "application/json"
    body = response.json()
    assert response.status_code == status, body
    assert set(body) == {"success", "error", "error_code", "details", "timestamp"}
    assert body["success"] is False
    assert isinstance(body["error"], str) and body["error"].strip()
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", body["error_code"])
    assert isinstance(body["details"], dict)
    assert INSTANT.fullmatch(body["timestamp"])
    at = datetime.strptime(body["timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert "Traceback" not in response.content.decode()
    if code:
        assert body["error_code"] == code
    return dict(body)
