"""Settings of a Supabase project, or of any PostgREST behind the same gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from integrations.providers.base import Token
from integrations.providers.tables import DatabaseSettings


def _project_of(url: str) -> str:
    """People paste the project's address, or that of its API."""
    return url.rstrip("/").removesuffix("/rest/v1").rstrip("/")


class SupabaseSettings(DatabaseSettings):
    """`supabase_key`: a secret or publishable key (`sb_…`), or a legacy JWT (`eyJ…`).

    `schema_name`: one that the project exposes; `public` means the project's default.
    """

    supabase_url: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_project_of)]
    supabase_key: Token
