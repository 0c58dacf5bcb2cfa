"""For which conversations a trigger is due now, whether it is saved or not."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from renum.conversations.models import Conversation
from triggers.schemas import Parts


def population(
    client_id: UUID, parts: Parts, now: datetime, *, active_since: datetime
) -> QuerySet[Conversation]:
    """The client's conversations for which QUANDO is due and SE is true."""
    due = parts.when.filter(now, active_since)
    return Conversation.objects.filter(client_id=client_id).filter(due, parts.filter(now))
