"""What an operation of agents is: its name, what it takes, and what it does for a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent_tools.models import DataAccess
from agent_tools.sessions import Session


class Arguments(BaseModel):
    """What the model chooses. Client, conversation and limits are bound on the server."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`run`: for a session, checked arguments and the number of this use, what goes into the receipt; it
    raises `DomainError`, with nothing done.

    `about`: one sentence for the model. `detail`: what it may further know about this client's. `access`:
    how far into the client's database an agent must see to have it. `offered`: whether there is anything
    here that it could do. `door`: whose rate it is counted under.
    """

    name: str
    about: str
    arguments: type[Arguments]
    run: Callable[[Session, Any, int], dict[str, Any]]
    needs_conversation: bool = False
    access: DataAccess = DataAccess.NONE
    detail: Callable[[Session], str] = field(default=lambda session: "")
    offered: Callable[[Session], bool] = field(default=lambda session: True)
    door: str = ""

    def describe(self, session: Session) -> str:
        """What the model is told of it."""
        return " ".join(filter(None, (self.about, self.detail(session))))
