"""A client's rules for its conversations: read anywhere, changed in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from renum.conversations.models import ConversationPolicy
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event

MAX_DAYS = 3650  # for which anything is kept
BURST_ORDER = "Espere no máximo ao menos o tempo que se espera por mais mensagens."


def policy_of(client_id: UUID) -> ConversationPolicy:
    """The client's rules; the defaults, unsaved, for one that never changed any."""
    found = ConversationPolicy.objects.filter(client_id=client_id).first()
    return found or ConversationPolicy(client_id=client_id)


def change_policy(client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> ConversationPolicy:
    """Set some of a client's rules, on record."""
    policy, _ = ConversationPolicy.objects.select_for_update().get_or_create(client_id=client_id)
    for name, value in changes.items():
        setattr(policy, name, value)
    policy.save()
    record_event(
        client_id, Event.Kind.CONVERSATION_POLICY_CHANGED, cause=cause, data={"fields": sorted(changes)}
    )
    return policy
