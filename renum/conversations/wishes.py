"""Does somebody want our messages to stop, or to come again?

A stop word counts alone, or a verb with what is to stop: messages. "Tem como parar a dor?" is a patient.
Whatever may be meant otherwise is for a person to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from renum.conversations import wish_rules as rules
from renum.conversations.plain_words import Sentence, read_sentences

SHORT = 300  # characters; a longer text says more than that, so a person reads it
_LONE_WORDS = 6


class Wish(StrEnum):
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    UNCLEAR = "unclear"
    NONE = "none"


def recognize_wish(text: str) -> Wish:
    """Tell what a contact's text asks of our sending. Pure; its work is linear in the text."""
    sentences = read_sentences(text)
    if not sentences:
        return Wish.NONE
    said_once = len({one.words for one in sentences}) == 1
    is_short = len(text) <= SHORT
    alone = _said_alone(sentences[-1]) if said_once and is_short else None
    if alone is not None:
        return alone
    errands = sum(len(rules.ERRAND.findall(one.words)) for one in sentences)
    found = {wish for one in sentences for wish in _wishes_in(one, errands)} - {Wish.NONE}
    if any(_said_alone(one) is Wish.OPT_OUT for one in sentences):
        found.add(Wish.UNCLEAR)  # a stop word, and more
    if not found:
        return Wish.NONE
    if not is_short or (Wish.OPT_IN in found and len(found) > 1):
        return Wish.UNCLEAR
    return next(wish for wish in Wish if wish in found)


def _said_alone(sentence: Sentence) -> Wish | None:
    """What the words ask that need no object; None if there are others."""
    words = [word for word in sentence.words.split() if word != ","]
    if len(words) > _LONE_WORDS:
        return None
    bare = " ".join(words)
    if rules.LONE_OUT.fullmatch(bare):
        return Wish.UNCLEAR if sentence.is_question else Wish.OPT_OUT
    if rules.LONE_IN.fullmatch(bare):
        return Wish.OPT_IN
    return Wish.UNCLEAR if rules.LONE_UNCLEAR.fullmatch(bare) else None


def _wishes_in(sentence: Sentence, errands: int) -> Iterator[Wish]:
    """What each verb with its object asks; complaints count only where there is none.

    `errands`: how many are in the whole text, for an agent who would not hear of them after an opt-out.
    """
    is_heard = False
    for kinds, judge in (
        (rules.ORDERS, _judge_order),
        (rules.REFUSALS, _judge_refusal),
        (rules.RETURNS, _judge_return),
    ):
        for match in (found for rule in kinds for found in rule.finditer(sentence.words)):
            is_heard = True
            wish = judge(sentence, match)
            has_errand = errands > len(rules.ERRAND.findall(match.group()))
            yield Wish.UNCLEAR if wish is Wish.OPT_OUT and has_errand else wish
    if not is_heard and any(_complains(sentence.words, rule) for rule in rules.COMPLAINTS):
        yield Wish.UNCLEAR


def _judge_order(sentence: Sentence, match: re.Match[str]) -> Wish:
    before, order = sentence.words[: match.start()], match.group()
    if rules.NEGATED.search(before):
        # "Não para de mandar mensagem" asks for more, or has had enough.
        return Wish.UNCLEAR if sentence.is_question or order.startswith("para ") else Wish.NONE
    if rules.OWN.search(before) and order.startswith(("parar de", "deixar de")) and "receb" not in order:
        return Wish.NONE
    is_asked = rules.REQUEST.search(before + order) or rules.COMMAND.match(order)
    if sentence.is_question and not is_asked:
        return Wish.UNCLEAR
    return _unless_limited(sentence, match)


def _judge_refusal(sentence: Sentence, match: re.Match[str]) -> Wish:
    after = sentence.words[match.end() :]
    if rules.FOR_NOW.search(after) and "mais" not in match.group():
        return Wish.UNCLEAR
    return _unless_limited(sentence, match)


def _judge_return(sentence: Sentence, match: re.Match[str]) -> Wish:
    before = sentence.words[: match.start()]
    if rules.NEGATED.search(before):
        return Wish.NONE
    is_asked = not sentence.is_question or rules.REQUEST.search(before + match.group())
    return Wish.OPT_IN if is_asked and not rules.HYPOTHESIS.search(before) else Wish.UNCLEAR


def _unless_limited(sentence: Sentence, match: re.Match[str]) -> Wish:
    """An opt-out, unless it is somebody else's, or of only some of the messages."""
    before, after = sentence.words[: match.start()], sentence.words[match.end() :]
    unsure = rules.HYPOTHESIS.search(before) or rules.LIMITED.search(after)
    return Wish.UNCLEAR if unsure else Wish.OPT_OUT


def _complains(words: str, rule: re.Pattern[str]) -> bool:
    return any(not rules.NEGATED.search(words[: found.start()]) for found in rule.finditer(words))
