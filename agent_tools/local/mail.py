"""A mail, as people ask for it: to whom, about what, saying what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent_tools.local.reading import SIGNS
from agent_tools.local.words import Word, read_clauses, says

MAX_SUBJECT = 150
SEND_VERBS = (
    "envie|enviar|envia|mande|mandar|manda|encaminhe|encaminhar|encaminha|escreva|escrever|dispare",
)
_MAIL = frozenset({"e-mail", "email", "e-mails", "emails"})
_BY = frozenset({"por", "um"})
_SUBJECT = "assunto"
_SAYING = frozenset({"dizendo", "avisando", "informando", "contando", "perguntando", "pedindo"})
_TEXT = frozenset({"texto", "mensagem", "corpo"})  # of the mail, where a colon or quotation marks follow
_TO = frozenset({"para", "a", "ao"})
_AND = frozenset({"e", ",", ";"})


@dataclass(frozen=True, slots=True)
class MailRequest:
    """`rest`: the words that are neither address nor what the mail is to say."""

    to: list[str]
    subject: str
    body: str
    rest: list[Word]


def read_mail(text: str, words: Sequence[Word]) -> MailRequest | None:
    """The mail that is asked for; None if none is. An address in the mail's own text is no recipient."""
    head, body = _part_body(text, words)
    head, subject = _part_subject(text, head)
    to, rest = _part_recipients(head)
    is_mail = bool(to) or any(word.plain in _MAIL and before.plain in _BY for before, word in pairwise(head))
    if not is_mail or not says(read_clauses(head), SEND_VERBS):
        return None
    return MailRequest(to, subject, body, [word for word in rest if word.plain not in _MAIL])


def is_address(word: Word) -> bool:
    name, _, domain = word.text.partition("@")
    return bool(name) and "." in domain and not any(map(str.isspace, word.text))


def _part_body(text: str, words: Sequence[Word]) -> tuple[list[Word], str]:
    for at, word in enumerate(words):
        begin = _body_at(words, at) if not word.is_quoted else None
        if begin is None or begin >= len(words):
            continue
        if words[begin].is_quoted:
            return [*words[:at], *words[begin + 1 :]], words[begin].text.strip()
        body = text[words[begin].start :].strip()
        return list(words[:at]), body[:1].upper() + body[1:]
    return list(words), ""


def _body_at(words: Sequence[Word], at: int) -> int | None:
    """Where the mail's text begins, if this word leads to it."""
    following = words[at + 1] if at + 1 < len(words) else None
    if following is None:
        return None
    if words[at].plain in _SAYING:
        return at + 2 if following.plain in {"que", ":"} and not following.is_quoted else at + 1
    if words[at].plain in _TEXT and following.is_quoted:
        return at + 1
    if words[at].plain in _TEXT and following.text == ":":
        return at + 2
    return None


def _part_subject(text: str, words: Sequence[Word]) -> tuple[list[Word], str]:
    at = next((at for at, one in enumerate(words) if one.plain == _SUBJECT and not one.is_quoted), None)
    if at is None:
        return list(words), ""
    begin = at + 1
    while begin < len(words) and words[begin].text == ":":
        begin += 1
    if begin < len(words) and words[begin].is_quoted:
        return [*words[:at], *words[begin + 1 :]], words[begin].text[:MAX_SUBJECT]
    end = begin
    while end < len(words) and not words[end].is_break and not _ends_subject(words, end):
        end += 1
    subject = text[words[begin].start : words[end - 1].end] if end > begin else ""
    return [*words[:at], *words[end:]], subject[:MAX_SUBJECT]


def _ends_subject(words: Sequence[Word], at: int) -> bool:
    following = words[at + 1] if at + 1 < len(words) else None
    leads = words[at].plain in {"para", "e", "com"} and following is not None
    return leads and following is not None and (is_address(following) or following.plain in {"com", "o", "a"})


def _part_recipients(words: Sequence[Word]) -> tuple[list[str], list[Word]]:
    """The addresses after "para", or all where none is; a condition on a column of addresses is none."""
    places = [at for at, word in enumerate(words) if is_address(word)]
    led = {at for at in places if at and words[at - 1].plain in _TO}
    for at in places:  # para ana@x.com, bia@x.com e caio@x.com
        if at >= 2 and words[at - 1].plain in _AND and at - 2 in led:
            led.add(at)
    chosen = sorted(led) or [at for at in places if not at or words[at - 1].text not in SIGNS]
    return (
        list(dict.fromkeys(words[at].text for at in chosen)),
        [word for at, word in enumerate(words) if at not in chosen],
    )
