"""The inbox's queue."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from renum import clock
from webhooks.models import InboundEvent


def claim_pending(limit: int) -> list[InboundEvent]:
    """Lock up to `limit` due events, oldest first, for the transaction under way.

    An event whose chat has an earlier one that is pending elsewhere (locked by another worker, or
    waiting for its next attempt) is left for later, so that a chat is processed in order.
    """
    locked = list(
        InboundEvent.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=InboundEvent.State.PENDING, next_attempt_at__lte=clock.now())
        .select_related("integration", "client")
        .order_by("received_at", "id")[:limit]
    )
    ids = [event.id for event in locked]
    elsewhere = InboundEvent.objects.filter(
        Q(received_at__lt=OuterRef("received_at"))
        | Q(received_at=OuterRef("received_at"), id__lt=OuterRef("id")),
        integration_id=OuterRef("integration_id"),
        chat_index=OuterRef("chat_index"),
        state=InboundEvent.State.PENDING,
    ).exclude(id__in=ids)
    blocked = set(
        InboundEvent.objects.filter(id__in=ids)
        .exclude(chat_index="")
        .filter(Exists(elsewhere))
        .values_list("integration_id", "chat_index")
    )
    return [event for event in locked if (event.integration_id, event.chat_index) not in blocked]
