"""What an agent says it did: each such deed needs a tool's receipt before it may be said.

Read is Portuguese as agents write it: the first person, and passives that tell of something done. Not read
is what others did, what will or could be done, what is denied, asked or quoted, what a company does as a
rule, and what is going on ("estou enviando").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from agent_tools.guards import lexicon
from agent_tools.guards.deeds import Deed, Setting, deed_of
from agent_tools.guards.lexicon import plain_words
from agent_tools.guards.sentences import read_sentences
from agent_tools.guards.tellings import Telling, tellings

__all__ = ["Claim", "Deed", "find_claims", "unproven"]

_JUST_NOW = plain_words(
    "pronto prontinho prontinha feito sucesso acabei acabamos acabo acabou acaba agora agorinha"
)
_TO = plain_words("para ao")
_DATED = plain_words("ontem anteontem passado passada")
# What tools of ours do is proved by their receipts; of other deeds, rows can tell.
_TOLD_BY_ROWS = frozenset({Deed.SCHEDULED, Deed.OTHER})


@dataclass(frozen=True, slots=True)
class Claim:
    """A deed, the plain words that claim it, and the deeds of which each proves it."""

    deed: Deed
    words: str
    proved_by: frozenset[Deed]


def find_claims(text: str) -> tuple[Claim, ...]:
    """What the text says was done, in the order of its words. Cost is linear in the text."""
    found: list[Claim] = []
    for sentence in read_sentences(text):
        for told in tellings(sentence):
            if claim := _read(told):
                found.append(claim)
    return tuple(found)


def unproven(text: str, proven: Collection[Deed]) -> tuple[Claim, ...]:
    """The claims of the text that none of these deeds proves."""
    known = frozenset(proven)
    return tuple(claim for claim in find_claims(text) if claim.proved_by.isdisjoint(known))


def _read(told: Telling) -> Claim | None:
    if told.verb is None:
        deed, setting = Deed.LOOKED_UP, None
    else:
        setting = Setting(told.verb, told.before, told.after, told.is_state)
        if (named := deed_of(setting)) is None:
            return None
        deed = named
    words = (*told.before[-5:], told.word, *told.after[:6])
    return Claim(deed, " ".join(words), _proofs(deed, told, setting))


def _proofs(deed: Deed, told: Telling, setting: Setting | None) -> frozenset[Deed]:
    if told.word == "feito" and not told.after and setting and not setting.has(lexicon.DEALING):
        # "Feito!": of something; who reads it knows of the message that came before it.
        return frozenset(Deed) - {Deed.MESSAGE_SENT}
    proofs = {deed}
    if setting and deed is Deed.MESSAGE_SENT:
        if not setting.has(lexicon.MESSAGE):
            proofs.add(Deed.MAIL_SENT)
        if setting.reaches(lexicon.TEAM, _TO):
            proofs.add(Deed.HANDED_OVER)
    is_row = deed in _TOLD_BY_ROWS or not _DATED.isdisjoint(told.near)
    if told.is_state and is_row and _JUST_NOW.isdisjoint(told.near):
        proofs.add(Deed.ROWS_FOUND)
    return frozenset(proofs)
