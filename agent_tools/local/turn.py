"""A turn as the local model sees it: what was asked, which tools there are, and what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agent_tools.local.tools import Call, Tool
from agent_tools.local.words import Clause, Word, read_clauses, read_words

SEND, MAIL = "send_whatsapp_message", "send_email"
TABLE, NAMED, SQL = "query_database", "run_named_query", "query_sql"
STATUS, INTENT, PERSON = "change_status", "detect_intent", "request_human"
READING = (TABLE, NAMED, SQL)

# Said instead of what was not let through.
NOT_CONFIRMED = (
    "Não foi possível confirmar isso por aqui. Se preferir, peça para falar com uma pessoa da equipe."
)


@dataclass(frozen=True)
class Turn:
    """`uses`: this turn's calls with their answers; `is_correction`: the last words were not let through."""

    text: str
    tools: Mapping[str, Tool] = field(default_factory=dict)
    uses: tuple[tuple[Call, dict[str, Any]], ...] = ()
    is_correction: bool = False

    @cached_property
    def words(self) -> list[Word]:
        return read_words(self.text)

    @cached_property
    def clauses(self) -> list[Clause]:
        return read_clauses(self.words)

    def answers_of(self, *names: str) -> list[dict[str, Any]]:
        """What these tools answered, in order."""
        return [answer for call, answer in self.uses if call.name in names]

    def call(
        self, name: str, needed: Mapping[str, Any], wished: Mapping[str, Any] | None = None
    ) -> Call | None:
        """A call of the tool, if it is bound and takes these arguments."""
        tool = self.tools.get(name)
        return tool.call(needed, wished) if tool else None
