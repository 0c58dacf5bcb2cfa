"""Nothing is kept for longer than a client's rules say: old rows go in batches, a client at a time.

Apps register which of their rows grow old. What is unfinished stays, whatever its age, and so do
contacts and conversations.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from django.db.models import Model, Q

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import ConversationPolicy

log = structlog.get_logger(__name__)

BATCH = 1000  # rows a transaction
RUN_SECONDS = 30.0  # less than a queue may go without its canary


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `model` go that `may_go`, once `at` is older than the policy's `days`.

    `at` is a field with an index on (client, at), so that finding nothing costs next to nothing.
    """

    model: type[Model]
    at: str
    days: str
    may_go: Q = field(default_factory=Q)

    @property
    def table(self) -> str:
        return self.model._meta.db_table


_RULES: dict[str, Rule] = {}


def register_rule(rule: Rule) -> None:
    """Add to the registry; called once an app is ready."""
    _RULES[rule.table] = rule


def all_rules() -> list[Rule]:
    """Which rows grow old, in the order of registration."""
    return list(_RULES.values())


def apply_retention(*, beginning_with: UUID | None = None, run_seconds: float = RUN_SECONDS) -> UUID | None:
    """Delete what is too old, client by client, for up to `run_seconds`.

    Returns the client to go on with, or None when all are done. Can be stopped at any moment, and
    repeated: each batch is a transaction of its own.
    """
    stop_at = time.monotonic() + run_seconds
    deleted: Counter[str] = Counter()
    for number, (client_id, policy) in enumerate(_clients(beginning_with)):
        done = (number == 0 or time.monotonic() < stop_at) and _apply_to(client_id, policy, deleted, stop_at)
        if not done:
            log.info("retention_goes_on", client_id=str(client_id), **deleted)
            return client_id
    log.info("retention_applied", **deleted)
    return None


def _apply_to(client_id: UUID, policy: ConversationPolicy, deleted: Counter[str], stop_at: float) -> bool:
    """Delete what is too old of one client's; False if time ran out first."""
    for rule in all_rules():
        count = BATCH
        while count == BATCH:
            count = _delete_batch(client_id, policy, rule)
            deleted[rule.table] += count
            if count == BATCH and time.monotonic() >= stop_at:
                return False
    return True


def _clients(beginning_with: UUID | None) -> list[tuple[UUID, ConversationPolicy]]:
    """The clients that are left to do, with their rules."""
    with service_scope(reason="whose rows are kept for how long"):
        clients = Client.objects.order_by("id")
        if beginning_with is not None:
            clients = clients.filter(id__gte=beginning_with)
        policies = {policy.client_id: policy for policy in ConversationPolicy.objects.all()}
        return [
            (client_id, policies.get(client_id) or ConversationPolicy(client_id=client_id))
            for client_id in clients.values_list("id", flat=True)
        ]


def _delete_batch(client_id: UUID, policy: ConversationPolicy, rule: Rule) -> int:
    """Delete the oldest rows of one kind, at most a batch of them; returns how many."""
    before = clock.now() - timedelta(days=getattr(policy, rule.days))
    with service_scope(reason="delete what is older than a client's rules"):
        rows = rule.model._default_manager.filter(client_id=client_id)
        old = rows.filter(rule.may_go, **{f"{rule.at}__lt": before}).order_by(rule.at)
        ids = list(old.values_list("pk", flat=True)[:BATCH])
        if ids:
            rows.filter(pk__in=ids).delete()
    return len(ids)
