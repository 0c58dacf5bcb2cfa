"""A word of a sentence with the clause around it, and whether that denies or supposes what it says."""

from __future__ import annotations

from collections.abc import Sequence

from agent_tools.guards.lexicon import plain_words

REACH = 12  # words of a clause that are looked at on either side
_BUT = plain_words("mas porém então pois porque todavia contudo")
_NOT = plain_words("não nunca jamais nem ninguém nenhum nenhuma nada tampouco")
_ONLY = plain_words("só somente apenas")
_CALM = plain_words("tranquilo tranquila preocupe sossegado sossegada claro certeza")
_IF = plain_words("caso talvez")
_REFLEXIVE = plain_words("não lembre trata encontra sinta")
_WHEN = plain_words("quando embora")
_BEFORE_THAT = plain_words("assim depois logo até antes sempre uma")


class Place:
    """A word of a sentence, with the clause around it."""

    def __init__(self, words: Sequence[str], at: int):
        self.words, self.at = words, at
        self.start, self.end = _start(words, at), _end(words, at)
        self.before, self.after = words[self.start : at], words[at + 1 : self.end]

    @property
    def is_plain(self) -> bool:
        """Neither denied nor supposed."""
        return not (self._is_denied or self._is_supposed)

    @property
    def _is_denied(self) -> bool:
        for back in range(self.at - 1, self.start - 1, -1):
            word = self.words[back]
            if word == "que" and (self.words[back + 1] == "ja" or self.words[max(0, back - 1)] in _CALM):
                return False  # "não se preocupe que já enviei"
            if word in _NOT and self.words[back + 1] not in _ONLY:
                return True
        return False

    @property
    def _is_supposed(self) -> bool:
        return any(is_condition(self.words, at) for at in range(self.start, self.at))

    @property
    def is_dated_by_another(self) -> bool:
        """ "Quando foi enviado", "depois que foi enviado"."""
        return any(
            word in _WHEN or (word == "que" and offset and self.before[offset - 1] in _BEFORE_THAT)
            for offset, word in enumerate(self.before)
        )


def is_condition(words: Sequence[str], at: int) -> bool:
    """ "Se", "caso", "talvez"; not the "se" of "não se preocupe" and "encontra-se"."""
    if words[at] != "se":
        return words[at] in _IF
    is_reflexive = at and words[at - 1] in _REFLEXIVE
    return not is_reflexive and words[at + 1 : at + 2] not in (("encontra",), ("encontram",))


def _start(words: Sequence[str], at: int) -> int:
    for back in range(at - 1, max(-1, at - 1 - REACH), -1):
        word = words[back]
        is_and = word == "e" and (back == 0 or words[back - 1] not in ("nao", "que"))
        if word == "," or word in _BUT or is_and:
            return back + 1
    return max(0, at - REACH)


def _end(words: Sequence[str], at: int) -> int:
    limit = min(len(words), at + 1 + REACH)
    return next((on for on in range(at + 1, limit) if words[on] == "," or words[on] in _BUT), limit)
