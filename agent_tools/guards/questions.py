"""What part of a sentence is asked, rather than told."""

from __future__ import annotations

from agent_tools.guards.clauses import REACH
from agent_tools.guards.lexicon import plain_words
from agent_tools.guards.sentences import Sentence

_ASKING = plain_words("qual quais quando quem onde quanto quantos quantas será como você vocês ou")
_GOT_IT = plain_words("recebeu chegou viu conseguiu pode")
# What is put after a statement; of those in the second list, only after a comma.
_TAGS = ("ok", "viu", "ta", "ta bom", "ne", "combinado", "beleza", "blz", "certo", "tudo bem", "hein")
_TAGS_APART = (
    "pode ser",
    "tudo certo",
    "correto",
    "confere",
    "isso",
    "nao eh",
    "entao",
    "fechado",
    "bom",
    "sim",
    "legal",
)
_CONFIRMING = frozenset({"ne", "certo", "correto", "confere", "isso", "nao eh", "entao", "tudo certo"})


class Question:
    """The part of a sentence that its question mark belongs to."""

    def __init__(self, sentence: Sentence):
        words = sentence.words
        self._words, self._begins, self._confirms = words, len(words), False
        if sentence.is_question:
            tag = _tag_of(words)
            self._confirms = tag in _CONFIRMING
            if not tag:
                self._begins = _last_clause(words)

    def covers(self, at: int, *, is_mine: bool) -> bool:
        """Whether the word at this place is asked. What one did oneself one seldom asks."""
        if at < self._begins:
            return self._confirms and not is_mine
        return not (is_mine and not _GOT_IT.isdisjoint(self._words[at : at + REACH]))


def _tag_of(words: tuple[str, ...]) -> str:
    spoken = [word for word in words[-4:] if word != ","]
    for length in (2, 1):
        tag = " ".join(spoken[-length:])
        is_apart = len(words) > length and words[-length - 1] == ","
        if tag in _TAGS or (is_apart and tag in _TAGS_APART):
            return tag
    return ""


def _last_clause(words: tuple[str, ...]) -> int:
    """Where the clause that ends in the question mark begins; earlier if it only goes on with one."""
    comma = max((at for at, word in enumerate(words) if word == ","), default=-1)
    if comma >= 0 and (words[comma + 1 : comma + 2] == ("ou",) or not _ASKING.isdisjoint(words[:comma])):
        return 0
    return comma + 1
