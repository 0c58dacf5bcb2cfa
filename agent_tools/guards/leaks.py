"""What must not leave in an answer: credentials, and the agent's own instructions, however they are dressed.

Found are the words themselves, also spelled out, reversed or encoded, the last even twice. A paraphrase or a
translation of the instructions is not found: nothing secret belongs in them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from enum import StrEnum

from agent_tools.guards.encodings import readings
from agent_tools.guards.plain import fold, shown

RUN = 8  # words: shorter runs are ordinary courtesy
SHORTEST_SECRET = 6
_SURE = 12  # letters and digits that nobody writes by chance, whatever stands between them
_ANCHOR = 12  # letters by which a run is looked for

_CREDENTIALS = re.compile(
    r"""
    -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY
    | \b sk-[A-Za-z0-9_-]{20}
    | \b [sr]k_(?:live|test)_[A-Za-z0-9]{16}
    | \b SG\.[\w-]{16,64}\.[\w-]{16}
    | \b sb_secret_\w{4}
    | (?<![\w-]) eyJ[\w-]{10,4096}\.eyJ[\w-]{10,8192}\.[\w-]{10}
    | \b (?:AKIA|ASIA)[0-9A-Z]{16} \b
    | \b gh[pousr]_[A-Za-z0-9]{30}
    | \b github_pat_\w{22}
    | \b glpat-[\w-]{20}
    | \b xox[abeoprs]-[A-Za-z0-9-]{10}
    | \b AIza[\w-]{35}
    """,
    re.VERBOSE | re.ASCII,
)
_LOGIN_IN_URL = re.compile(r"\b[a-z][a-z0-9+.]{1,20}://[^\s:/@]{0,100}:[^\s/@]{1,200}@", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""(?<![\w?&-])(?P<what>senha|password|secret|client[_ ]secret|(?:api|access|auth)[_ -]?(?:key|token)
    |token|chave\ (?:da|de)\ api|chave\ secreta|bearer)["']?
    (?:\ ?[:=]\ ?|\ [ée]\ |\ )["']?(?P<value>[^\s"'<>]{10,200})""",
    re.VERBOSE | re.IGNORECASE,
)
_SPELLED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_](?![^\W_])){5,}")
_WORD, _NOT_PLAIN = re.compile(r"[a-z0-9]+"), re.compile(r"[^a-z0-9]+")


class Leak(StrEnum):
    """What would be given away."""

    SECRET = "secret"  # noqa: S105
    PROMPT = "prompt"


def find_leak(text: str, *, prompt: str, secrets: Collection[str] = ()) -> Leak | None:
    """What the text gives away, a secret before the prompt; None if nothing.

    `secrets`: values that nobody may read; those under 6 characters are not looked for.
    """
    texts = list(readings(text))
    if any(_shows_credentials(one) for one in texts):
        return Leak.SECRET
    turned = [one for read in texts for one in _turns(read)]
    hidden = [_Secret(value) for value in secrets if len(value) >= SHORTEST_SECRET]
    if hidden and any(_shows_any(hidden, one) for one in turned):
        return Leak.SECRET
    instructions = _Prompt(prompt)
    return Leak.PROMPT if any(instructions.is_in(one) for one in turned) else None


def _turns(text: str) -> Iterator[str]:
    """The text folded: as it stands, reversed, with its words in reverse order; and each as ROT13."""
    for read in (text, codecs.decode(text, "rot13")):
        plain = fold(read)
        yield plain
        yield plain[::-1]
        yield " ".join(reversed(plain.split()))


# --- Secrets ------------------------------------------------------------------------------------------


def _shows_credentials(text: str) -> bool:
    plain = shown(text)
    if _CREDENTIALS.search(plain) or _LOGIN_IN_URL.search(plain):
        return True
    return any(_is_credential(found["what"], found["value"]) for found in _ASSIGNED.finditer(plain))


def _is_credential(what: str, value: str) -> bool:
    """A value that no person chose and no customer is told; links and codes of six digits are."""
    if "://" in value or not (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        return False
    if what.casefold() == "senha":
        is_mixed = any(map(str.isupper, value)) and any(map(str.islower, value))
        return is_mixed and any(not char.isalnum() for char in value.rstrip(".,;!?)"))
    return len(value) >= 16


class _Secret:
    def __init__(self, value: str):
        self.value = fold(value).strip()
        self.plain = _NOT_PLAIN.sub("", self.value)
        is_mixed = not (self.plain.isdecimal() or self.plain.isalpha())
        # A short word is found by chance across others: "casado" in "casa do".
        self.is_sure = len(self.plain) >= (_SURE if not is_mixed else SHORTEST_SECRET + 2)


def _shows_any(secrets: list[_Secret], text: str) -> bool:
    joined = _NOT_PLAIN.sub("", text)
    spelled = [_NOT_PLAIN.sub("", run) for run in _SPELLED.findall(text)]
    return any(_shows(secret, text, joined, spelled) for secret in secrets)


def _shows(secret: _Secret, text: str, joined: str, spelled: list[str]) -> bool:
    if not secret.value:
        return False
    if secret.value.isdecimal():
        return bool(re.search(rf"(?<!\d){re.escape(secret.value)}(?!\d)", text))
    if secret.value in text:
        return True
    if len(secret.plain) < SHORTEST_SECRET:
        return False
    return (secret.is_sure and secret.plain in joined) or any(secret.plain in run for run in spelled)


# --- The prompt ---------------------------------------------------------------------------------------


class _Prompt:
    """Runs of the prompt's words, as letters without anything between them.

    Words with digits do not count: hours and prices are what customers ask for.
    """

    def __init__(self, prompt: str):
        words = _words(fold(prompt))
        length = min(RUN, len(words))
        runs = {"".join(words[at : at + length]) for at in range(len(words) - length + 1)} - {""}
        self._whole = " ".join(words) if runs and min(map(len, runs)) < _ANCHOR else ""
        self._by_anchor: dict[str, set[str]] = {}
        for run in runs:
            if len(run) >= _ANCHOR:
                self._by_anchor.setdefault(run[:_ANCHOR], set()).add(run)

    def is_in(self, text: str) -> bool:
        words = _words(text)
        letters = "".join(words)
        at = 0
        for word in words:
            runs = self._by_anchor.get(letters[at : at + _ANCHOR])
            if runs and any(letters.startswith(run, at) for run in runs):
                return True
            at += len(word)
        return bool(self._whole) and f" {self._whole} " in f" {' '.join(words)} "


def _words(folded: str) -> list[str]:
    return [word for word in _WORD.findall(folded.replace("r$", " ")) if word.isalpha()]
