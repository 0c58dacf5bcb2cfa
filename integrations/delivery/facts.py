"""Gather what the gate decides by, for a batch of messages at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID

from django.db.models import Count

from integrations.delivery.gate import Facts
from integrations.delivery.quiet import QuietTimes
from integrations.models import DeliveryPolicy, DeliveryState, Integration, OutboundMessage, SendingSwitch
from renum.accounts.models import Client
from renum.conversations.emails import email_index
from renum.conversations.identity import indexes_of_contacts
from renum.conversations.models import Channel
from renum.conversations.selectors import suppressed_of_clients

State = OutboundMessage.State
_DEFAULT_POLICY = DeliveryPolicy()


@dataclass(slots=True)
class Surroundings:
    """What a batch has in common; counts move on with each message that is let through.

    The connection's row of an integration that has none yet stands for a closed breaker.
    """

    now: datetime
    all_paused: bool
    policies: dict[UUID, DeliveryPolicy]
    states: dict[UUID, DeliveryState]
    suppressed: set[str]
    names: dict[UUID, set[str]]  # the blind indexes of all names of a contact
    sent_today: Counter[UUID] = field(default_factory=Counter)
    sent_to: dict[tuple[UUID, str], list[datetime]] = field(default_factory=dict)

    def facts_of(self, row: OutboundMessage, addressees: Sequence[str] = ()) -> Facts:
        """What the gate decides by; `addressees` are a mail's, of whom one that is not barred is enough."""
        policy = self.policies.get(row.client_id, _DEFAULT_POLICY)
        state = self.states.get(row.integration_id)
        conversation = row.conversation
        lately = self.sent_to.get((row.client_id, row.recipient_index), [])
        return Facts(
            not_after=row.not_after,
            client_active=row.client.status == Client.Status.ACTIVE,
            integration_enabled=row.integration.enabled,
            suppressed=(
                len(self.barred(row, addressees)) == len(set(addressees))
                if addressees
                else self._has_opted_out(row) and not row.confirms_opt_out
            ),
            sent_today=self.sent_today[row.integration_id],
            daily_limit=row.integration.daily_limit,
            day_ends_at=day_bounds(row.client, self.now)[1],
            proactive=is_proactive(row),
            all_paused=self.all_paused,
            client_paused=policy.paused,
            number_paused=row.integration.paused,
            breaker_open_until=state.open_until if state else None,
            new_chat=conversation is not None and conversation.last_inbound_at is None,
            new_chats_blocked_until=state.new_chats_blocked_until if state else None,
            quiet=quiet_times(policy, row.client) if row.channel in policy.quiet_channels else None,
            sent_to_contact=len(lately),
            contact_cap=policy.contact_cap,
            contact_free_at=_free_at(lately, policy),
            next_proactive_at=state.next_proactive_at if state else None,
        )

    def _has_opted_out(self, row: OutboundMessage) -> bool:
        """Whether the recipient is barred under any of their names."""
        names = self.names.get(row.conversation.contact_id, set()) if row.conversation else set()
        return not self.suppressed.isdisjoint({row.recipient_index, *names})

    def barred(self, row: OutboundMessage, addresses: Iterable[str]) -> frozenset[str]:
        """Which of a mail's addresses must not be written to."""
        return frozenset(one for one in addresses if email_index(row.client_id, one) in self.suppressed)

    def note_sent(self, row: OutboundMessage) -> None:
        """Count a message that was let through just now, for those judged after it."""
        self.sent_today[row.integration_id] += 1
        if is_proactive(row) and (row.client_id, row.recipient_index) in self.sent_to:
            self.sent_to[(row.client_id, row.recipient_index)].append(self.now)


def gather(
    rows: Sequence[OutboundMessage], now: datetime, *, addresses: Mapping[UUID, Sequence[str]] | None = None
) -> Surroundings:
    """Look up what surrounds these rows (with integration, client and conversation selected).

    `addresses`: a mail's recipients by row id. The rows themselves count as not sent, though they are
    claimed. The caller is in a scope.
    """
    clients = {row.client_id for row in rows}
    integrations = {row.integration_id: row.integration for row in rows}
    names = indexes_of_contacts({row.conversation.contact_id for row in rows if row.conversation})
    found = Surroundings(
        now=now,
        all_paused=SendingSwitch.objects.filter(paused=True).exists(),
        policies={one.client_id: one for one in DeliveryPolicy.objects.filter(client_id__in=clients)},
        states={
            one.integration_id: one for one in DeliveryState.objects.filter(integration_id__in=integrations)
        },
        suppressed=_suppressed(rows, addresses or {}, names),
        names=names,
    )
    batch = Counter(row.integration_id for row in rows if row.state == State.SENDING)
    clients_of = {row.integration_id: row.client for row in rows}
    found.sent_today = count_used_today(clients_of, now)
    found.sent_today.subtract(batch)
    for client_id in clients:
        policy = found.policies.get(client_id)
        if policy is not None and policy.contact_cap is not None:
            _count_lately(found, client_id, policy, rows)
    return found


def is_proactive(row: OutboundMessage) -> bool:
    """Tell whether nobody asked for the message just now."""
    return row.priority != OutboundMessage.Priority.HIGH


def quiet_times(policy: DeliveryPolicy, client: Client) -> QuietTimes:
    """The client's quiet times on its own clock."""
    region = f"BR-{policy.holiday_state}" if policy.holiday_state else "BR"
    return QuietTimes(
        zone=client.timezone,
        start=policy.quiet_start,
        end=policy.quiet_end,
        days=frozenset(policy.holidays),
        region=region if policy.national_holidays else "",
    )


def pace_of(integration: Integration, default: float) -> float:
    """The least gap between proactive messages of a number, in seconds."""
    return default if integration.pace_seconds is None else integration.pace_seconds


def day_bounds(client: Client, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of today in the client's zone, aware."""
    today = now.astimezone(client.timezone).date()
    start, end = (
        datetime.combine(day, time.min, tzinfo=client.timezone) for day in (today, today + timedelta(days=1))
    )
    return start, end


def count_sent_today(integration_id: UUID, client: Client, now: datetime) -> int:
    """How many messages left through the integration since midnight in the client's zone."""
    return OutboundMessage.objects.filter(
        client_id=client.id,
        integration_id=integration_id,
        state=State.SENT,
        sent_at__gte=day_bounds(client, now)[0],
    ).count()


def count_used_today(clients_of: Mapping[UUID, Client], now: datetime) -> Counter[UUID]:
    """How much of its daily limit each integration used: what left, may have left, or is on its way.

    `clients_of`: the integrations' clients, whose midnight counts. Three queries for each time zone.
    """
    used: Counter[UUID] = Counter()
    by_midnight: dict[datetime, list[UUID]] = defaultdict(list)
    for integration_id, client in clients_of.items():
        by_midnight[day_bounds(client, now)[0]].append(integration_id)
    for midnight, ids in by_midnight.items():
        rows = OutboundMessage.objects.filter(integration_id__in=ids).order_by()
        for counted in (
            rows.filter(state=State.SENT, sent_at__gte=midnight),
            rows.filter(state=State.UNKNOWN, finished_at__gte=midnight),
            rows.filter(state=State.SENDING),
        ):
            used.update(dict(counted.values_list("integration_id").annotate(Count("id"))))
    return used


def _suppressed(
    rows: Iterable[OutboundMessage],
    addresses: Mapping[UUID, Sequence[str]],
    names: Mapping[UUID, set[str]],
) -> set[str]:
    """Which of the rows' recipients are barred. An index names its client and its kind of address."""
    wanted: dict[str, tuple[set[UUID], set[str]]] = {}
    for row in rows:
        clients, indexes = wanted.setdefault(row.channel, (set(), set()))
        clients.add(row.client_id)
        indexes.add(row.recipient_index)
        if row.conversation:
            indexes |= names[row.conversation.contact_id]
        indexes.update(email_index(row.client_id, one) for one in addresses.get(row.id, ()))
    found: set[str] = set()
    for channel, (clients, indexes) in wanted.items():
        found |= suppressed_of_clients(clients, Channel(channel), indexes)
    return found


def _count_lately(
    found: Surroundings, client_id: UUID, policy: DeliveryPolicy, rows: Sequence[OutboundMessage]
) -> None:
    """When each recipient got what nobody asked for, within the cap's hours, oldest first."""
    own = [row for row in rows if row.client_id == client_id and is_proactive(row)]
    for index in {row.recipient_index for row in own}:
        since = found.now - timedelta(hours=policy.contact_cap_hours)
        instants = (
            OutboundMessage.objects.filter(
                client_id=client_id,
                recipient_index=index,
                state__in=[State.SENT, State.UNKNOWN],
                finished_at__gt=since,
                priority__gt=OutboundMessage.Priority.HIGH,
            )
            .order_by("finished_at")
            .values_list("finished_at", flat=True)
        )
        leaving = OutboundMessage.objects.filter(
            client_id=client_id, recipient_index=index, state=State.SENDING
        ).exclude(id__in=[row.id for row in own])
        found.sent_to[(client_id, index)] = [*instants, *[found.now] * leaving.count()]


def _free_at(lately: Sequence[datetime], policy: DeliveryPolicy) -> datetime | None:
    """When the cap has room: when the message leaves its window that fills the last place."""
    if policy.contact_cap is None or len(lately) < policy.contact_cap:
        return None
    return lately[-policy.contact_cap] + timedelta(hours=policy.contact_cap_hours)
