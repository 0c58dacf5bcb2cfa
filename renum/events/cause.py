"""The chain that led to an effect: event → trigger → message → echo → event …"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from renum.errors import Conflict

MAX_DEPTH = 16


class CauseLoop(Conflict):
    """A automação foi interrompida porque voltaria a acionar a si mesma."""

    code = "CAUSE_LOOP"


@dataclass(frozen=True, slots=True)
class Cause:
    """Links `kind:id`, oldest first. Immutable; each effect extends the chain of its cause."""

    chain: tuple[str, ...] = ()

    def then(self, kind: str, identifier: UUID | str) -> Cause:
        """Extend the chain; raises `CauseLoop` at depth 16, or when a trigger comes up again."""
        link = f"{kind}:{identifier}"
        if len(self.chain) >= MAX_DEPTH or (kind == "trigger" and link in self.chain):
            raise CauseLoop(details={"chain": list(self.chain), "next": link})
        return Cause((*self.chain, link))

    def noting(self, kind: str, identifier: UUID | str) -> Cause:
        """Extend the chain for a record of what has happened already, which no limit can prevent."""
        return Cause((*self.chain, f"{kind}:{identifier}"))

    def followed_by(self, other: Cause) -> Cause:
        """This chain, and then the other's: for what came of the first because of the second."""
        return Cause((*self.chain, *other.chain))

    def as_list(self) -> list[str]:
        return list(self.chain)
