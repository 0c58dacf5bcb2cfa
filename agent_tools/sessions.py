"""An agent at work for a client: what is bound on the server, and what it has done so far."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db.models import F

from agent_tools.models import Agent, AgentRun, AgentStep, DataAccess
from agent_tools.runs import Turn, hold_turn
from integrations.selectors import secrets_of
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import profile_scope, service_scope
from renum.conversations.models import Conversation
from renum.conversations.selectors import get_conversation
from renum.events.cause import Cause
from renum.security.blind_index import blind_index

ELSEWHERE = "external"
SEND, HAND_OVER = "send_whatsapp_message", "request_human"
FRESH = timedelta(hours=1)
OK, NOTHING_FOUND = "ok", "NOTHING_FOUND"
DONE = (OK, NOTHING_FOUND)  # outcomes of a tool that did what it was asked
MAX_NAME = AgentStep._meta.get_field("name").max_length or 100
MAX_OUTCOME = AgentStep._meta.get_field("outcome").max_length or 40
_REACH = list(DataAccess)


@dataclass(frozen=True, slots=True)
class Bound:
    """Whom the agent works for and with. No model chooses any of it."""

    client_id: UUID
    client_name: str
    profile_id: UUID
    conversation_id: UUID | None


class Session:
    """One agent's work on one run. Tools of one message may run in threads at once."""

    def __init__(
        self,
        agent: Agent,
        bound: Bound,
        *,
        run_id: UUID | None = None,
        turn: Turn | None = None,
        asked_by: Cause | None = None,
        key: Callable[[str], str] | None = None,
    ):
        """`run_id`: None: a run is recorded once the first tool is used. `key`: other idempotency keys."""
        self.agent, self.bound, self.turn = agent, bound, turn
        self.words: list[str] = []  # that were queued for the contact
        self.refusal = ""
        self._run_id, self._asked_by, self._key = run_id, asked_by or Cause(), key
        self._uses: Counter[str] = Counter()
        self._numbers: defaultdict[str, set[int]] = defaultdict(set)  # of uses that did something, or may yet
        self._lock = threading.RLock()

    @property
    def client_id(self) -> UUID:
        return self.bound.client_id

    @property
    def conversation_id(self) -> UUID | None:
        return self.bound.conversation_id

    @property
    def uses(self) -> int:
        """How often tools were used."""
        return self._uses.total()

    @property
    def since(self) -> datetime | None:
        """When the contact wrote the oldest text that this answers."""
        return self.turn.first_text_at if self.turn else None

    def scope(self) -> AbstractContextManager[None]:
        """What the client's own login may see and do: no agent may more."""
        return profile_scope(self.bound.profile_id)

    def reaches(self, access: DataAccess) -> bool:
        """Whether the agent sees into the client's database as far as that."""
        return _REACH.index(DataAccess(self.agent.data_access)) >= _REACH.index(access)

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be told to anybody: the client's credentials, and the agent's own key.

        Read anew each time, by two statements: a session of others lasts for as long as they keep it.
        """
        with self.scope():
            known = secrets_of(self.client_id)
            stored = Agent.objects.filter(id=self.agent.id, client_id=self.client_id).first()
        keys = {str(one.model_key or "") for one in (self.agent, stored) if one}
        return frozenset({*known, *keys} - {""})

    # --- On record ------------------------------------------------------------------------------------

    @property
    def run_id(self) -> UUID:
        """The run that all this is recorded under."""
        return self.begin()

    def begin(self) -> UUID:
        """Have a run, before anything is done: what a tool that refuses rolls back must not take it along."""
        with self._lock:
            if self._run_id is None:
                self._run_id = record_run_elsewhere(self.bound, self.agent.name, self._asked_by).id
            return self._run_id

    @property
    def cause(self) -> Cause:
        """The chain of causes of what the agent does."""
        asked_by = self.turn.cause if self.turn else self._asked_by
        return asked_by.then("agent_run", self.run_id)

    def hold(self) -> None:
        """Keep the turn from being taken over until what is done for it is committed; raises `TurnOver`."""
        if self.turn:
            hold_turn(self.turn)

    def hold_conversation(self) -> Conversation:
        """The session's conversation, its turn held. The caller is in the client's scope.

        Raises `TurnOver` or `ConversationNotFound`.
        """
        assert self.conversation_id, "the tool is for conversations only"
        self.hold()
        return get_conversation(self.client_id, self.conversation_id)

    def count_use(self, name: str) -> int:
        """Count a use of a tool; returns its number, the first from 1 that no other use has."""
        with self._lock:
            self._uses[name] += 1
            number = next(one for one in itertools.count(1) if one not in self._numbers[name])
            self._numbers[name].add(number)
            return number

    def give_back(self, name: str, number: int) -> None:
        """The use did nothing: its number is the next one's, so that a turn that is begun again, and is not
        refused this time, does not do under one number what it has done under another.
        """
        with self._lock:
            self._numbers[name].discard(number)

    def key_for(self, name: str, which: int | str) -> str:
        """The idempotency key of this use of a tool: the same again for a turn that is begun again."""
        return self._key(name) if self._key else f"{self._origin(name)}:{which}"

    def repeat_key(self, name: str, number: int) -> str | None:
        """Under what a use that can be undone is known again; None if each is a use of its own.

        A turn that is begun again with the same texts does not repeat it; newer texts are a new occasion.
        """
        if self._key:
            return self._key(name)
        if self.turn is None:
            return None
        texts = blind_index(self.client_id, "turn_texts", self.turn.text)[:16]
        return f"agent:{self.run_id}:{name}:{texts}:{number}"

    def _origin(self, name: str) -> str:
        # A new text may have the turn's work done anew by another run: what is no answer, which can be
        # taken back, goes by when the first of the texts came. What is asked outside of a conversation is not
        # taken over.
        if name == SEND or self.since is None or self.conversation_id is None:
            return f"agent:{self.run_id}" + ("" if name == SEND else f":{name}")
        return f"agent:{self.conversation_id}:{self.since.timestamp():.6f}:{name}"

    def note(
        self, kind: AgentStep.Kind, name: str, outcome: str, latency_ms: int, tokens: tuple[int, int] = (0, 0)
    ) -> None:
        """Record a step: metadata only."""
        run_id = self.run_id
        with service_scope(reason="record an agent's step"):  # clients do not write steps
            run = AgentRun.objects.filter(id=run_id, client_id=self.client_id)
            is_ours = self.turn is not None or kind != AgentStep.Kind.TOOL
            if not (run.exists() if is_ours else run.update(tool_calls=F("tool_calls") + 1)):
                return  # erased meanwhile
            AgentStep.objects.create(
                client_id=self.client_id,
                run_id=run_id,
                kind=kind,
                name=name[:MAX_NAME],
                outcome=outcome[:MAX_OUTCOME],
                latency_ms=latency_ms,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
            )

    def has_just_handed_over(self) -> bool:
        """Whether calling a person is the last that was done for the contact: it may still be told."""
        with service_scope(reason="what an agent has done"):
            rows = AgentStep.objects.filter(client_id=self.client_id, run_id=self.run_id, outcome__in=DONE)
            rows = rows.filter(name__in=(HAND_OVER, SEND)).order_by("-created_at", "-id")
            return rows.values_list("name", flat=True).first() == HAND_OVER

    def receipts(self) -> set[tuple[str, str]]:
        """The tools that did what they were asked in this run, in earlier attempts too, with the outcome."""
        if self._run_id is None:
            return set()
        with service_scope(reason="what an agent has done"):
            rows = AgentStep.objects.filter(
                client_id=self.client_id, run_id=self._run_id, kind=AgentStep.Kind.TOOL, outcome__in=DONE
            )
            if self.turn is None:  # a run elsewhere may go on for ever, and what it did is old news then
                rows = rows.filter(created_at__gt=clock.now() - FRESH)
            return set(rows.values_list("name", "outcome"))


def session_of(turn: Turn) -> Session:
    """The session of a claimed run."""
    bound = Bound(turn.client_id, turn.client_name, turn.profile_id, turn.conversation_id)
    return Session(turn.agent, bound, run_id=turn.run_id, turn=turn)


def session_elsewhere(
    client: Client,
    agent: Agent,
    conversation: Conversation | None = None,
    *,
    run_id: UUID | None = None,
    asked_by: Cause | None = None,
    key: Callable[[str], str] | None = None,
) -> Session:
    """The session of an agent that others run: it has the tools, and no turn of ours."""
    bound = Bound(client.id, client.name, client.profile_id, conversation.id if conversation else None)
    return Session(agent, bound, run_id=run_id, asked_by=asked_by, key=key)


def record_run_elsewhere(
    bound: Bound, agent: str, asked_by: Cause, *, run_id: UUID | None = None
) -> AgentRun:
    """The run of an agent that others run; with a `run_id`, the one that is on record already, if it is.

    Raises `ConversationNotFound` for a conversation that is gone, or another client's.
    """
    now = clock.now()
    with service_scope(reason="record an agent's work elsewhere"):  # clients do not write runs
        if bound.conversation_id:
            get_conversation(bound.client_id, bound.conversation_id)
        return AgentRun.objects.get_or_create(
            id=run_id or uuid4(),
            client_id=bound.client_id,
            defaults={
                "conversation_id": bound.conversation_id,
                "agent": agent,
                "state": AgentRun.State.DONE,
                "model": ELSEWHERE,
                "cause": asked_by.as_list(),
                "created_at": now,
                "finished_at": now,
            },
        )[0]
