"""What people ask of our sending, over a corpus of what they write."""

from __future__ import annotations

import random
import time
import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renum.conversations.tests.wishes_corpus import CORPUS
from renum.conversations.wishes import SHORT, Wish, recognize_wish


def _mistakes(change: Callable[[str], str]) -> str:
    """Every sentence of the corpus that is misread once it is changed so, one a line."""
    heard = [(wish, group, change(text)) for wish, group, text in CORPUS]
    return "\n".join(
        f"{recognize_wish(text).name} for {wish.name} ({group}): {text}"
        for wish, group, text in heard
        if recognize_wish(text) is not wish
    )


def test_the_corpus_is_read_as_it_is_meant() -> None:
    assert _mistakes(str) == ""


def test_the_corpus_is_large_and_holds_each_sentence_once() -> None:
    assert len(CORPUS) >= 250
    assert Counter(text for _wish, _group, text in CORPUS).most_common(1)[0][1] == 1
    of_each = Counter(wish for wish, _group, _text in CORPUS)
    assert min(of_each.values()) >= 20 and of_each[Wish.NONE] >= 100, of_each


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.title,
        _without_accents,
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: f"  {text} \n",
        lambda text: f"{text} 😡🙏🏽" if text[-1] != "?" else f"🙏🏽 {text}",
        lambda text: f"*{text}*",
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: "\u200b".join(text),
        lambda text: f"Olá, bom dia! {text}",
        lambda text: f"{text}, por favor" if text[-1] not in "?.!" else f"Por favor, {text}",
    ],
    ids=range(1, 13),
)
def test_dress_changes_no_meaning(change: Callable[[str], str]) -> None:
    assert _mistakes(change) == ""


def test_in_a_long_text_nothing_is_decided_without_a_person() -> None:
    story = "Ontem eu estive na clínica e gostei muito do atendimento da recepção. " * 5
    assert len(story) > SHORT
    assert recognize_wish(story) is Wish.NONE
    for wish in (
        "Parem de me mandar mensagens",
        "Não quero mais receber mensagens",
        "Quero voltar a receber",
    ):
        assert recognize_wish(f"{story}{wish}") is Wish.UNCLEAR
        assert recognize_wish(f"{wish}. {story}") is Wish.UNCLEAR
    assert recognize_wish("parar " * 60) is not Wish.OPT_OUT


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_gets_an_answer(text: str) -> None:
    assert recognize_wish(text) in Wish


def test_hostile_texts_cost_no_more_than_others() -> None:
    """4,096 characters of what makes rules go back and forth, and all that Unicode unfolds."""
    sentence = "não quero mais me receber as suas essas parem de mandar lista da tira meu para , se"
    words = sentence.split()
    shuffled = random.Random(7)
    hostile = [
        *(f"{word} " * 4096 for word in words),
        *("".join(f"{shuffled.choice(words)} " for _ in range(2048)) for _ in range(5)),
        "parem de " + "me mais as " * 1500,
        "não quero mais receber " * 400,
        "a" * 4096,
        "p." * 2048,
        "p.a.r." * 1000,
        "\ufdfa" * 4096,
        "a" + "\u0301" * 4095,
        "?" * 4096,
        "." * 4096,
        "😡" * 4096,
        "n " * 2048,
        "\x00\u2028\ud800" * 1000,
    ]
    slow = []
    for text in hostile:
        started = time.process_time()
        recognize_wish(text[:4096])
        if (spent := time.process_time() - started) > 0.25:
            slow.append((round(spent, 2), text[:30]))
    assert slow == []
