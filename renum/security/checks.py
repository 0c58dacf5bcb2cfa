"""Refuse to start with settings that would undo the protections."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security)
def refuse_unsafe_production(**_: Any) -> list[checks.CheckMessage]:
    """Loopback targets and missing keys are for development only."""
    environment = settings.ENVIRONMENT
    problems: list[checks.CheckMessage] = []
    if environment.production and environment.allow_loopback:
        problems.append(
            checks.Error("RENUM_ALLOW_LOOPBACK is on in production.", hint="Unset it.", id="renum.E001")
        )
    if environment.production and not environment.public_url.startswith("https://"):
        problems.append(
            checks.Error("RENUM_PUBLIC_URL must start with https:// in production.", id="renum.E002")
        )
    return problems
