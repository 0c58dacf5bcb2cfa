"""What becomes of a doubt whether two contacts are one person, once somebody has looked."""

from __future__ import annotations

from renum import clock
from renum.conversations.models import IdentityDoubt


def settle_doubt(doubt: IdentityDoubt) -> bool:
    """They are two people, and stay apart; the same doubt does not come up again. False if settled before."""
    open_ones = IdentityDoubt.objects.filter(id=doubt.id, client_id=doubt.client_id, resolved_at=None)
    return bool(open_ones.update(resolved_at=clock.now()))
