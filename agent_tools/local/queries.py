"""Which published query answers a question, and with which parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from agent_tools.local.tools import Query
from agent_tools.local.words import Word, find_mention, fold, listed, read_words, stem

# In names of queries, these say nothing of what they are about.
_EMPTY = frozenset(
    map(stem, listed("de do da meu minha por com para status situacao consulta lista ver um uma o a e"))
)
_SHORT = 4  # letters: shorter words of a description are not looked at


@dataclass(frozen=True, slots=True)
class Choice:
    """A query with what the words give of its parameters; `missing`: what they do not give."""

    query: Query
    parameters: dict[str, Any]
    missing: list[str]


def choose_query(words: Sequence[Word], queries: Sequence[Query], *, by_name: bool = False) -> Choice | None:
    """The query that fits the words best; `by_name`: only one whose whole name is said."""
    said = {stem(word.plain) for word in words}
    found = [(hits, _filled(query, words)) for query in queries if (hits := _hits(query, said))]
    if by_name:
        found = [one for one in found if find_mention(words, one[1].query.name)]
    best = min(found, key=_rank, default=None)
    return best[1] if best else None


def _rank(found: tuple[tuple[int, int], Choice]) -> tuple[int, int, int, int, str]:
    """By its name, then that nothing is missing, then how much is asked by, then by its description."""
    (named, described), choice = found
    return -named, len(choice.missing), -len(choice.parameters), -described, choice.query.name


def _hits(query: Query, said: set[str]) -> tuple[int, int] | None:
    """How many words of the name, and of the description, are said; None if there are none at all."""
    name = {stem(part) for part in fold(query.name).split("_")} - _EMPTY
    about = {stem(word.plain) for word in read_words(query.about) if len(word.plain) >= _SHORT} - _EMPTY
    hits = len(name & said), len(about & said)
    return hits if any(hits) else None


def _filled(query: Query, words: Sequence[Word]) -> Choice:
    given = {name: _value_of(name, kind, words) for name, kind in query.parameters.items()}
    return Choice(
        query,
        {name: value for name, value in given.items() if value is not None},
        [name for name, value in given.items() if value is None],
    )


def _value_of(name: str, kind: str, words: Sequence[Word]) -> Any:
    """What the words give for a parameter, whose type or choices stand first in `kind`."""
    if " | " in kind:
        return _choice_of(kind.split(" | "), words)
    reader = _READERS.get(kind.split(" ")[0])
    if reader is not None:
        return next((value for word in words if (value := reader(word.text)) is not None), None)
    named = find_mention(words, name)
    if named and named[1] < len(words) and not words[named[1]].is_break:
        return words[named[1]].text
    return next((word.text for word in words if word.is_quoted), None)


def _choice_of(choices: Sequence[str], words: Sequence[Word]) -> str | None:
    """The choice that is said; the last one may be followed by a description."""
    values = [*choices[:-1], choices[-1], choices[-1].split(" ")[0]]
    return next((one for one in values if find_mention(words, "_".join(one.split()))), None)


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _number(text: str) -> float | None:
    plain = text.replace(",", ".", 1)
    is_number = plain.isascii() and plain.replace(".", "", 1).isdecimal() and len(plain) < 16
    return float(plain) if is_number else None


def _date(text: str) -> str | None:
    parts = text.split("/")
    written = "-".join(reversed(parts)) if len(parts) == 3 else text
    try:
        return date.fromisoformat(written).isoformat() if len(written) == 10 else None
    except ValueError:  # it is no date
        return None


_READERS = {"integer": _integer, "number": _number, "date": _date}
