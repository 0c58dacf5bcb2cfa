"""A text as the sentences that somebody says in it, word by word, without what it quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent_tools.guards.lexicon import LEXICON, LONGEST_FORM, plain_words
from agent_tools.guards.plain import fold, shown, squeeze

_IS = re.compile(r"\bé\b", re.IGNORECASE)
_WRAPPED = re.compile(r"(?<=[^\W_])[ \t]*\r?\n[ \t]*(?=[^\W\d_])")
_GAP = r"(?: ?[._*·|/\-] ?| )"
_SPELLED = re.compile(rf"(?<![a-z0-9])(?:[a-z]{_GAP}){{3,}}[a-z](?![a-z0-9])")
_MAIL_WORD = re.compile(r"\be[ \-‐‑–]?mail(s?)\b|\bcorreio eletronico\b|\bimeio\b")
_QUOTED = re.compile(r"\"([^\"]{1,300})\"|(?<![a-z0-9])'([^'\n]{1,300})'(?![a-z0-9])")
_TOKEN = re.compile(r"[a-z0-9]+|[@.?,]")
_STOP_IN_WORD = re.compile(r"(?<=[a-z0-9])[.:](?=[a-z0-9])|(?<=\d),(?=\d)")
_LEFT_OUT = str.maketrans(dict.fromkeys("*~`^"))
_QUOTES = str.maketrans(dict.fromkeys("“”„«»″", '"') | dict.fromkeys("‘’´", "'"))
_MARKS = str.maketrans({"!": ".", ";": ".", "…": ".", "\n": ".", "\r": ".", "。": "."})
_JOINERS = frozenset(" \t-_/'\"$\u2010\u2011\u00a0")
_AROUND = 80  # characters before a quotation in which it is introduced

_INTRODUCES = plain_words(
    """disse diz falou escreveu mencionou comentou respondeu perguntou pediu digite responda escreva
    selecione escolha clique toque aperte botão opção aparecer aparece aparecerá verá ver mostra mensagem
    status etapa tela palavra frase termo termos significa título expressão dizendo disseram"""
)
_SHORT_FORMS = {
    **dict.fromkeys(("n", "naum", "nn"), "nao"),
    **dict.fromkeys(("vc", "vce", "oce"), "voce"),
    **dict.fromkeys(("vcs", "vces"), "voces"),
    **dict.fromkeys(("pro", "pros", "pra", "pras", "p"), "para"),
    **dict.fromkeys(("zap", "wpp", "wats", "whats"), "whatsap"),
    **dict.fromkeys(("tah", "to"), "ta"),
    "jah": "ja",
    "q": "que",
    "tb": "tambem",
    "tbm": "tambem",
    "hj": "hoje",
    "msg": "mensagem",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """Plain words; a comma, and whatever else parts clauses, is a word of its own."""

    words: tuple[str, ...]
    is_question: bool


def read_sentences(text: str) -> list[Sentence]:
    """The sentences of a text. Cost is linear in its length."""
    unwrapped = _WRAPPED.sub(lambda gap: " " if _goes_on(text, gap.end()) else "\n", text)
    # "É" and "e" would be one word without accents.
    plain = fold(_IS.sub("eh", shown(unwrapped.translate(_QUOTES).translate(_LEFT_OUT))))
    plain = _SPELLED.sub(_join, _MAIL_WORD.sub(r"email\1", plain))
    plain = _MAIL_WORD.sub(r"email\1", plain)
    marked = _mark(_without_quotations(plain))
    found: list[Sentence] = []
    words: list[str] = []
    for word in [*_TOKEN.findall(marked), "."]:
        if word not in ".?":
            words.append(_plain(word))
        elif words:
            found.append(Sentence(tuple(words), word == "?"))
            words = []
    return found


def _goes_on(text: str, at: int) -> bool:
    """Whether a line is the end of a sentence that was wrapped, by its first letter."""
    return text[at].islower()


def _plain(word: str) -> str:
    short = squeeze(word)
    return _SHORT_FORMS.get(short, short)


def _join(spelled: re.Match[str]) -> str:
    """Spelled-out letters as words: they are parted where verbs of deeds begin and end."""
    squeezed = squeeze("".join(char for char in spelled.group() if char.isalpha()))
    parts, start, at = [], 0, 0
    while at < len(squeezed):
        ends = range(min(len(squeezed), at + LONGEST_FORM), at + 4, -1)
        end = next((end for end in ends if squeezed[at:end] in LEXICON), 0)
        if end:
            parts += [squeezed[start:at], squeezed[at:end]]
            start = at = end
        else:
            at += 1
    return " ".join([*parts, squeezed[start:]]).strip()


def _without_quotations(plain: str) -> str:
    def read(quoted: re.Match[str]) -> str:
        before = plain[max(0, quoted.start() - _AROUND) : quoted.start()]
        introduced = any(squeeze(word) in _INTRODUCES for word in re.findall("[a-z]+", before))
        return ", " if introduced else f" {quoted.group(1) or quoted.group(2)} "

    return _QUOTED.sub(read, plain)


def _mark(plain: str) -> str:
    """Sentences end in a stop or a question mark; emoji and the like part clauses as a comma does."""
    joined = _STOP_IN_WORD.sub(" ", plain).translate(_MARKS)
    return "".join(
        char
        if char in ".?,@" or "a" <= char <= "z" or "0" <= char <= "9"
        else " "
        if char in _JOINERS
        else ","
        for char in joined
    )
