"""The months of the ledger: made ahead, and dropped whole when nobody's rules keep them any longer."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.db.models import Max

from renum.accounts.scope import service_scope
from renum.conversations.models import ConversationPolicy

log = structlog.get_logger(__name__)

MONTHS_AHEAD = 12


def keep_parts(now: datetime) -> int:
    """Make the parts of the coming year and drop those that are too old for every client; returns how many.

    What a client keeps for a shorter time goes row by row, as of every other ledger.
    """
    with service_scope(reason="keep the months of the ledger"), connection.cursor() as cursor:
        longest = ConversationPolicy.objects.aggregate(days=Max("event_days"))["days"] or 0
        days = max(longest, ConversationPolicy().event_days)  # a client without rules has the default
        cursor.execute("SELECT keep_ledger_parts(%s, %s)", [MONTHS_AHEAD, now - timedelta(days=days)])
        dropped = int(cursor.fetchone()[0])
    log.info("ledger_parts_kept", dropped=dropped)
    return dropped
