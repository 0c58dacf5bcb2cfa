"""A text as words: folded for comparing, and as they were typed for what is passed on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_PIECE = re.compile(r'"[^"\n]*"|“[^“”\n]*”|(?:[^\s"“”=<>!,;?()]|(?<=\d),(?=\d))+|[<>!]=|<>|\n|\S')
_QUOTES = {'"': '"', "“": "”"}
_STOPS = frozenset(".:…")  # end a clause where they end a word
_BREAKS = frozenset({".", ",", ";", "!", "?", ":", "\n", "(", ")", "mas", "porem"})
_NEGATIONS = frozenset({"nao", "nem", "nunca", "sem"})
_REACH = 3  # words that a negation stands before what it denies
_GAP = 2  # other words between those of a phrase
PARTICLES = frozenset({"de", "do", "da", "dos", "das"})
# Plural endings and what they are in the singular, the longest first; both sides of a comparison are stemmed.
_PLURALS = (("oes", "ao"), ("aes", "ao"), ("ais", "al"), ("eis", "el"), ("ns", "m"), ("res", "r"), ("s", ""))


@dataclass(frozen=True, slots=True)
class Word:
    """`text` as typed, `plain` folded; `start` and `end` tell where it stands, quotation marks included."""

    text: str
    plain: str
    start: int
    end: int
    is_quoted: bool = False

    @property
    def is_break(self) -> bool:
        return not self.is_quoted and self.plain in _BREAKS


@dataclass(frozen=True, slots=True)
class Clause:
    """Folded words between two breaks."""

    words: tuple[str, ...]
    is_question: bool


def listed(words: str) -> frozenset[str]:
    """Words that are written one after the other."""
    return frozenset(words.split())


def fold(text: str) -> str:
    """Lower case, without accents and invisible characters."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if unicodedata.category(char) not in ("Mn", "Cf"))


def stem(plain: str) -> str:
    """A folded word in the singular, roughly."""
    for plural, singular in _PLURALS:
        if plain.endswith(plural) and len(plain) > len(plural) + 2:
            return plain.removesuffix(plural) + singular
    return plain


def read_words(text: str) -> list[Word]:
    """The words and the punctuation of a text; what stands in double quotation marks is one word."""
    return [word for found in _PIECE.finditer(text) for word in _split(found.group(), found.start())]


def _split(piece: str, start: int) -> Iterator[Word]:
    end = start + len(piece)
    if len(piece) > 1 and _QUOTES.get(piece[0]) == piece[-1]:
        yield Word(piece[1:-1], fold(piece[1:-1]), start, end, is_quoted=True)
        return
    first, last = 0, len(piece)
    while last > 0 and not piece[last - 1].isalnum():
        last -= 1
    while first < last and not (piece[first].isalnum() or piece[first] in "+-_"):
        first += 1
    if first == last:
        yield Word(piece, fold(piece), start, end)
        return
    yield Word(piece[first:last], fold(piece[first:last]), start + first, start + last)
    if not _STOPS.isdisjoint(piece[last:]):
        stop = ":" if ":" in piece[last:] else "."
        yield Word(stop, stop, start + last, end)


def read_clauses(words: Iterable[Word]) -> list[Clause]:
    """The clauses of a text, without empty ones."""
    found: list[Clause] = []
    kept: list[str] = []
    for word in words:
        if not word.is_break:
            kept.append(word.plain)
            continue
        if kept:
            found.append(Clause(tuple(kept), word.plain == "?"))
        kept = []
    return [*found, Clause(tuple(kept), False)] if kept else found


# --- Phrases ------------------------------------------------------------------------------------------


def says(clauses: Iterable[Clause], phrases: Iterable[str], *, denied: bool = False) -> bool:
    """Whether one of the phrases is said, and not denied, unless `denied` ones count too.

    A phrase is words in this order, with up to two others between them; `a|b`: either; `a*`: any ending.
    """
    wanted = [[tuple(word.split("|")) for word in phrase.split()] for phrase in phrases]
    return any(_holds(clause.words, phrase, denied) for clause in clauses for phrase in wanted)


def _holds(words: Sequence[str], phrase: Sequence[tuple[str, ...]], denied: bool) -> bool:
    return any(
        _follows(words, start, phrase)
        and (denied or _NEGATIONS.isdisjoint(words[max(0, start - _REACH) : start]))
        for start in range(len(words))
    )


def _follows(words: Sequence[str], start: int, phrase: Sequence[tuple[str, ...]]) -> bool:
    at, room = start, 1
    for choices in phrase:
        near = range(at, min(at + room, len(words)))
        found = next((place for place in near if _is_one(words[place], choices)), None)
        if found is None:
            return False
        at, room = found + 1, 1 + _GAP
    return True


def _is_one(word: str, choices: Iterable[str]) -> bool:
    return any(word.startswith(one[:-1]) if one.endswith("*") else word == one for one in choices)


# --- Names --------------------------------------------------------------------------------------------


def mention_at(words: Sequence[Word], start: int, name: str) -> int | None:
    """Where the mention of a name such as `data_criacao` that begins here ends: "data de criação" too."""
    plain, parts = _parts_of(name)
    if start < len(words) and words[start].plain == plain:
        return start + 1
    at = start
    for part in parts:
        if at > start and at < len(words) and words[at].plain in PARTICLES and words[at].plain != part:
            at += 1
        if at >= len(words) or stem(words[at].plain) != part:
            return None
        at += 1
    return at if at > start else None


@lru_cache(maxsize=4096)
def _parts_of(name: str) -> tuple[str, tuple[str, ...]]:
    plain = fold(name)
    return plain, tuple(stem(part) for part in plain.split("_") if part)


def find_mention(words: Sequence[Word], name: str) -> tuple[int, int] | None:
    """Where a name is first mentioned, from and to."""
    plain, parts = _parts_of(name)
    begins = {plain, *parts[:1]}
    starts = [at for at, word in enumerate(words) if word.plain in begins or stem(word.plain) in begins]
    ends = ((start, mention_at(words, start, name)) for start in starts)
    return next(((start, end) for start, end in ends if end is not None), None)


def longest_mention(words: Sequence[Word], names: Iterable[str]) -> tuple[str, int, int] | None:
    """The name of most words that is mentioned, the earliest of those, with where it stands."""
    said = {stem(word.plain) for word in words} | {word.plain for word in words}
    likely = [
        name for name in sorted(names) if not said.isdisjoint((_parts_of(name)[0], *_parts_of(name)[1]))
    ]
    found = [(name, *place) for name in likely if (place := find_mention(words, name))]
    return min(
        found, key=lambda one: (one[1] - one[2], -len(one[0].split("_")), one[1], one[0]), default=None
    )
