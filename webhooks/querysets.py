"""The inbox's queue."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from renum import clock
from webhooks.models import InboundEvent


def claim_pending(limit: int) -> tuple[list[InboundEvent], bool]:
    """Lock up to `limit` due events, oldest first, for the transaction under way.

    An event whose chat has an earlier one that is pending elsewhere (locked by another worker, or
    waiting for its next attempt) is left for later, so that a chat is processed in order. Returns
    the events, and whether some were left because another worker holds what comes before them.
    """
    now = clock.now()
    locked = list(
        InboundEvent.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=InboundEvent.State.PENDING, next_attempt_at__lte=now)
        .exclude(Exists(_earlier_in_chat().filter(next_attempt_at__gt=now)))
        .select_related("integration", "client")
        .order_by("received_at", "id")[:limit]
    )
    ids = [event.id for event in locked]
    blocked = set(
        InboundEvent.objects.filter(id__in=ids)
        .filter(Exists(_earlier_in_chat().exclude(id__in=ids)))
        .values_list("id", flat=True)
    )
    return [event for event in locked if event.id not in blocked], bool(blocked)


def _earlier_in_chat() -> QuerySet[InboundEvent]:
    """The pending events of the outer event's chat that came before it. Some events have no chat."""
    return InboundEvent.objects.filter(
        Q(received_at__lt=OuterRef("received_at"))
        | Q(received_at=OuterRef("received_at"), id__lt=OuterRef("id")),
        integration_id=OuterRef("integration_id"),
        chat_index=OuterRef("chat_index"),
        state=InboundEvent.State.PENDING,
    ).exclude(chat_index="")
