"""What somebody typed, as plain words: however it is shouted, stretched, decorated or abbreviated."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_READ = 4096  # characters; WhatsApp takes no more
_SPELLED = re.compile(r"(?<![a-z0-9])[a-z](?:[ .]{1,3}[a-z]){3,14}(?![a-z0-9])")  # P.A.R.A.R
_STRETCHED = re.compile(r"([^\W\d_])\1+")
_TOKEN = re.compile(r"[a-z0-9]+|[.?,]")
_ENDS = str.maketrans({"\n": ".", "!": ".", ";": ".", "…": ".", "\r": "."})
_JOINERS = frozenset(" \t*_~-'\"’‘`´“”/")
_SHORT_FORMS = {
    **dict.fromkeys(("n", "naum", "nn"), "nao"),
    **dict.fromkeys(("vc", "vcs", "vces", "voce", "ces"), "voces"),
    **dict.fromkeys(("pro", "pros", "pras", "p"), "pra"),
    **dict.fromkeys(("qro", "kero"), "quero"),
    "q": "que",
    "eh": "e",
    "tah": "ta",
}


def squeeze(word: str) -> str:
    """The word with each letter that is repeated written once: `paraaar` and `parar` become equal."""
    return _STRETCHED.sub(r"\1", word)


def any_of(words: str) -> str:
    """A pattern for any of these words, given as people write them but without accents.

    An underscore stands for the space within a phrase, a final `*` for any ending.
    """
    parts = [
        squeeze(word).replace("_", " ").replace("*", r"[a-z]{0,12}")
        for word in sorted(words.split(), key=len, reverse=True)
    ]
    return rf"\b(?:{'|'.join(parts)})\b"


# Neither adds to a wish nor takes from it.
_POLITE = re.compile(
    any_of(
        """
        por_favor por_gentileza por_obsequio por_fvr pfv pfvr pfvo pf fvr please plis pls favor
        muito_obrigado muito_obrigada mas_obrigado mas_obrigada obrigado obrigada obg obgd brigado brigada
        desde_ja agradeco agradecido agradecida grato grata valeu vlw bom_dia boa_tarde boa_noite ola oi oie
        opa alo tudo_bem tudo_bom desculpe desculpa desculpem com_licenca prezados prezado senhores senhor
        senhora sr sra moco moca gente pessoal galera urgente urgentemente imediatamente agora_mesmo ja logo
        ok okay ta ta_bom entao ai viu ne hein so_isso pelo_amor_de_deus de_uma_vez pra_sempre para_sempre
        definitivamente de_verdade serio meu_deus k kkk rs rsrs haha
        """
    )
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Lower-case words without accents, each separated by one space; a comma is a word of its own."""

    words: str
    is_question: bool


def read_sentences(text: str) -> list[Sentence]:
    """The sentences of a text, without greetings, thanks and pleas. Cost is linear in the text."""
    marked = _mark(_without_accents(text[:MAX_READ])[:MAX_READ])
    joined = _SPELLED.sub(lambda spelled: spelled.group().replace(" ", "").replace(".", ""), marked)
    found: list[Sentence] = []
    words: list[str] = []
    for word in [*_TOKEN.findall(joined), "."]:
        if word not in ".?":
            words.append(_SHORT_FORMS.get(squeeze(word), squeeze(word)))
            continue
        sentence = _tidy(" ".join(words))
        words = []
        if sentence:
            found.append(Sentence(sentence, word == "?"))
        elif word == "?" and found:
            found[-1] = Sentence(found[-1].words, True)
    return found


def _without_accents(text: str) -> str:
    """Lower-case, without accents and invisible characters, and ornamental alphabets as letters."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in folded if unicodedata.category(char) not in ("Mn", "Cf"))


def _mark(plain: str) -> str:
    """Sentences end in a stop or a question mark; emoji and the like part them as a comma does."""
    marked = plain.replace("e-mail", "email").translate(_ENDS)
    return "".join(
        char
        if char in ".?," or "a" <= char <= "z" or "0" <= char <= "9"
        else " "
        if char in _JOINERS
        else ","
        for char in marked
    )


def _tidy(sentence: str) -> str:
    """Take out what is polite, and the commas that are left over."""
    kept: list[str] = []
    for word in _POLITE.sub(" ", sentence).split():
        if word != "," or (kept and kept[-1] != ","):
            kept.append(word)
    while kept and kept[-1] == ",":
        kept.pop()
    return " ".join(kept)
