"""How an e-mail address is looked up; how it is checked is the affair of what sends mails."""

from __future__ import annotations

from uuid import UUID

from renum.security.blind_index import blind_index


def email_index(client_id: UUID, address: str) -> str:
    """The blind index of an address among the client's. Its case does not count."""
    return blind_index(client_id, "email", address.strip().lower())
