"""A contact's signed webhook → the agent's reply at the provider, one at a time, through all of `manage.py up`."""

from __future__ import annotations

import os
import random
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from dotenv import dotenv_values
from httpx import Client  # noqa: TID251  of somebody outside
from psycopg.rows import dict_row

from tests.e2e.stack import Stack, eventually, running_stack

# Turns by the seconds that an agent waits for more messages, which are no part of what is measured: with no wait,
# and with that of a client who set nothing.
TURNS = {0.0: 150, 2.0: 50}
WARM_UP = 20
CONVERSATIONS = 40  # each is answered 6 times; from 30 an hour on an agent takes them for machines
TEXT = "Oi, quero marcar um horário"
PAUSE_SECONDS = (0.3, 0.9)  # between turns, so that nothing of the last is left, out of step with beat
BUDGET = {"p50": 300.0, "p99": 1000.0}  # ms

_TURNS = """
SELECT e.received_at, e.processed_at, r.created_at AS wanted_at, r.next_attempt_at AS due_at,
       r.finished_at - r.latency_ms * interval '1 ms' AS begun_at, o.queued_at, a.started_at AS claimed_at
FROM agent_runs r
JOIN inbound_events e ON 'inbound:' || e.id = r.cause[1]
JOIN outbound_messages o ON o.id = r.answer_ids[1]
JOIN delivery_attempts a ON a.message_id = o.id
WHERE r.created_at >= %s ORDER BY r.created_at
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """When what happened. The sandbox is the provider, so its clock begins and ends a turn.

    `due_at`: when the wait for more messages is over, which begins at `wanted_at`. `queued_at`: of the answer.
    """

    posted_at: datetime
    received_at: datetime
    processed_at: datetime
    wanted_at: datetime
    due_at: datetime
    begun_at: datetime
    queued_at: datetime
    claimed_at: datetime
    arrived_at: datetime

    def stages(self) -> dict[str, float]:
        """Milliseconds of each part, without the wait for more messages; together they are the whole."""
        parts = {
            "posted, received": (self.posted_at, self.received_at),
            "a worker takes it": (self.received_at, self.processed_at),
            "understood": (self.processed_at, self.wanted_at),
            "a worker takes the run": (self.due_at, self.begun_at),
            "the agent's turn": (self.begun_at, self.queued_at),
            "the dispatcher takes the answer": (self.queued_at, self.claimed_at),
            "sent, arrived": (self.claimed_at, self.arrived_at),
        }
        return {name: (end - start).total_seconds() * 1000 for name, (start, end) in parts.items()}


def run() -> bool:
    """Print the figures; True if the budget is kept."""
    with tempfile.TemporaryDirectory(prefix="renum-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_stack(Path(folder) / "data") as stack, stack.login("alice@acme.example") as alice:
            _connect(stack, alice)
            print(f"replies: {os.cpu_count()} cores, {CONVERSATIONS} conversations, one message at a time")
            return all([_measure(stack, alice, wait, count) for wait, count in TURNS.items()])  # noqa: C419  show all


def _connect(stack: Stack, client: Client) -> None:
    connection = {
        "api_url": f"{stack.sandbox}/uazapi/v1",  # the dialect with signed webhooks
        "api_token": "demo-token",
        "phone_number": "+5511999990001",
    }
    client.post("/api/integrations/whatsapp/configure", json=connection).raise_for_status()


def _measure(stack: Stack, client: Client, wait: float, count: int) -> bool:
    client.patch("/api/conversation-policy", json={"burst_quiet_seconds": wait}).raise_for_status()
    turns = [_converse(stack, number) for number in range(WARM_UP + count)][WARM_UP:]
    rows = _rows(stack, since=turns[0][0])
    return _report(
        [
            Turn(posted_at=posted_at, arrived_at=arrived_at, **row)
            for (posted_at, arrived_at), row in zip(turns, rows, strict=True)
        ]
    )


def _converse(stack: Stack, number: int) -> tuple[datetime, datetime]:
    """Have a contact write, and wait for the answer; when the sandbox posted the one and got the other."""
    stack.forget()
    phone = f"+551198765{number % CONVERSATIONS:04}"
    stack.inbound(phone, TEXT, dialect="v1")
    (answer,) = eventually(lambda: stack.sent(to=phone), pause=0.05)
    (posted,) = stack.posted()
    time.sleep(random.uniform(*PAUSE_SECONDS))
    return datetime.fromisoformat(posted["at"]), datetime.fromisoformat(answer["at"])


def _rows(stack: Stack, since: datetime) -> list[dict[str, Any]]:
    url = dotenv_values(stack.data_dir / "stack.env")["DATABASE_URL"]
    assert url
    with psycopg.connect(url) as app:
        app.execute("SET ROLE renum_service")
        return app.cursor(row_factory=dict_row).execute(_TURNS, [since]).fetchall()


def _report(turns: list[Turn]) -> bool:
    waits = [(turn.due_at - turn.wanted_at).total_seconds() for turn in turns]
    stages = [turn.stages() for turn in turns]
    whole = _spread([sum(one.values()) for one in stages])
    print(f"  {len(turns)} turns, without their wait for more messages of {max(waits):g} s:")
    print(f"    {_shown(whole)}; budget p50 < {BUDGET['p50']:.0f}, p99 < {BUDGET['p99']:.0f} ms")
    for name in stages[0]:
        print(f"      {name:32} {_shown(_spread([one[name] for one in stages]))}")
    return all(whole[name] < budget for name, budget in BUDGET.items())


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: ordered[max(0, round(rank * len(ordered)) - 1)] for name, rank in ranks.items()}


def _shown(spread: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:4.0f}" for name, value in spread.items()) + " ms"


if __name__ == "__main__":
    raise SystemExit(not run())
