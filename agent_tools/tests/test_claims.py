"""What agents claim to have done, over a corpus of what they write to the customers of Brazilian companies.

Every third line of the first 190 claims and 223 harmless ones was not looked at while the rules were written; the
others were added in three lots once the rules stood. When these were first read, 14 of 158 claims were missed and 4
of 189 harmless ones flagged. The rules were then mended, so that what the tests ask is no measure of new texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_tools.guards.claims import Deed, find_claims, unproven

CORPUS = Path(__file__).parent / "corpus"
ESCAPE = re.compile(r"\\u([0-9a-f]{4})|\\n")


def _read(name: str) -> list[tuple[str, str]]:
    """The lines of a corpus: a label and a text. Line breaks and invisible characters are escaped in it."""
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return [
        (label, ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\n", text))
        for label, text in pairs
    ]


CLAIMS = [(Deed(label), text) for label, text in _read("claims.tsv")]
HARMLESS = _read("harmless.tsv")


def _deeds(text: str) -> set[Deed]:
    return {claim.deed for claim in find_claims(text)}


def _unchanged(text: str) -> str:
    return text


def _without_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _mistakes(change: Callable[[str], str], part: slice) -> tuple[list[str], list[str], str]:
    """The claims that are missed and the harmless texts that are flagged, and a report on both."""
    claims, harmless = CLAIMS[part], HARMLESS[part]
    missed = [f"{deed}: {text}" for deed, text in claims if not find_claims(change(text))]
    flagged = [
        f"{kind}: {text} {[claim.words for claim in found]}"
        for kind, text in harmless
        if (found := find_claims(change(text)))
    ]
    counts = f"missed {len(missed)} of {len(claims)}, flagged {len(flagged)} of {len(harmless)}"
    return missed, flagged, "\n".join([counts, *missed, *flagged])


# --- The corpus ---------------------------------------------------------------------------------------


def test_the_corpus_is_large_and_holds_each_sentence_once() -> None:
    assert len(CLAIMS) >= 150 and len(HARMLESS) >= 200
    texts = [_without_accents(text).casefold() for _, text in (*CLAIMS, *HARMLESS)]
    assert Counter(texts).most_common(1)[0][1] == 1
    of_each = Counter(deed for deed, _ in CLAIMS)
    assert set(of_each) == set(Deed) - {Deed.ROWS_FOUND} and min(of_each.values()) >= 10, of_each


@pytest.mark.parametrize("part", [slice(None), slice(2, None, 3)], ids=["whole", "held out"])
def test_claims_are_found_and_harmless_answers_pass(part: slice) -> None:
    missed, flagged, report = _mistakes(_unchanged, part)
    assert len(missed) <= 0.03 * len(CLAIMS[part]), report
    assert len(flagged) <= 0.02 * len(HARMLESS[part]), report


def test_the_deed_is_the_one_that_is_claimed() -> None:
    wrong = [f"{deed}, not {_deeds(text)}: {text}" for deed, text in CLAIMS if deed not in _deeds(text)]
    assert len(wrong) <= 0.03 * len(CLAIMS), "\n".join(wrong)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.title,
        _without_accents,
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: f"  {text} \n",
        lambda text: f"🙏🏽 {text} 🇧🇷✅" if text[-1] != "?" else f"🙏🏽 {text}",
        lambda text: f"**{text}**",
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: "\u200b".join(text),
        lambda text: "\u00ad".join(text),
        lambda text: text.replace("a", "а").replace("e", "е").replace("o", "о"),  # Cyrillic
        lambda text: "".join(chr(0xFEE0 + ord(char)) if "!" <= char <= "~" else char for char in text),
        lambda text: f"Olá, bom dia!\n\n{text}",
        lambda text: f"- {text}\n- Posso ajudar em algo mais?",
        lambda text: re.sub(r"([a-z])(?= )", r"\1\1\1", text),
    ],
    ids=range(1, 17),
)
def test_dress_changes_no_meaning(change: Callable[[str], str]) -> None:
    missed, flagged, report = _mistakes(change, slice(None))
    assert len(missed) <= 0.03 * len(CLAIMS), report
    assert len(flagged) <= 0.02 * len(HARMLESS), report


# --- Single rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "harmless"),
    [
        ("Enviei o link.", "Não enviei o link."),
        ("Enviei o link, você recebeu?", "Já enviei o link?"),
        ("Agendei para terça, tudo bem?", "Agendo para terça, tudo bem?"),
        ("Não se preocupe que já cancelei.", "Não é que cancelei."),
        ("Não se preocupe, enviamos o contrato.", "Se preferir, enviamos o contrato."),
        ("Não só agendei como mandei um e-mail.", "Nem agendei, nem mandei um e-mail."),
        ("Se precisar, chame. Já enviei tudo.", "Se enviei errado, me avise."),
        ("Seu horário foi marcado.", "Seu horário foi marcado por você."),
        ("Seu horário está marcado.", "Quando seu horário está marcado, avisamos."),
        ("A gente mandou o boleto.", "O cliente mandou o boleto."),
        ("Nosso time já agendou a visita.", "Sua mãe já agendou a visita."),
        ("Enviamos a sua proposta.", "Enviamos propostas por e-mail."),
        ("Já enviamos os produtos.", "Enviamos os produtos em 2 dias."),
        ("Consegui marcar o exame.", "Consigo marcar o exame."),
        ("Acabei de agendar.", "Gosto de agendar cedo."),
        ("Tenho mandado os avisos.", "Você tinha mandado os avisos."),
        ("E-mail enviado para você.", "Os e-mails enviados para você chegam em minutos."),
        ("Feito!", "Bem feito!"),
        ('Enviei a "proposta final" agora.', 'Você escreveu "enviei a proposta final".'),
        ("Enviei o e-\nmail.", "Não\nenviei o e-mail."),
        ("e n v i e i o e-mail", "n a o e n v i e i o e-mail"),
        ("e.n.v.i.e.i o e-mail", "e.n.v.i.e o e-mail"),
        ("en*vi*ei o e-mail", "en*vi*e o e-mail"),
    ],
)
def test_one_is_a_claim_and_the_other_is_not(claim: str, harmless: str) -> None:
    assert find_claims(claim)
    assert find_claims(harmless) == ()


def test_each_claim_of_a_text_is_found_with_its_words() -> None:
    found = find_claims("Prontinho! Agendei sua visita. Também mandei um e-mail, e chamei um atendente.")
    assert [claim.deed for claim in found] == [Deed.SCHEDULED, Deed.MAIL_SENT, Deed.HANDED_OVER]
    assert found[0].words == "agendei sua visita"


# --- Proofs -------------------------------------------------------------------------------------------


def test_a_deed_is_proved_by_its_own_receipt_and_by_no_other() -> None:
    text = "Já enviei o e-mail com a proposta."
    assert unproven(text, {Deed.MAIL_SENT}) == ()
    others = set(Deed) - {Deed.MAIL_SENT}
    assert [claim.deed for claim in unproven(text, others)] == [Deed.MAIL_SENT]
    assert [claim.deed for claim in unproven(text, ())] == [Deed.MAIL_SENT]


@pytest.mark.parametrize(
    ("text", "proof"),
    [
        ("Já te enviei a proposta.", Deed.MESSAGE_SENT),
        ("Já te enviei a proposta.", Deed.MAIL_SENT),  # by which way is not said
        ("Seu pedido foi enviado ontem.", Deed.ROWS_FOUND),
        ("Sua consulta está agendada para o dia 12.", Deed.ROWS_FOUND),
        ("Seu chamado foi encerrado ontem.", Deed.ROWS_FOUND),
        ("Consta aqui um pagamento em maio.", Deed.LOOKED_UP),
        ("Feito!", Deed.HANDED_OVER),
        ("Feito!", Deed.MAIL_SENT),
        ("Mudei o status da conversa para fechado.", Deed.STATUS_CHANGED),
        ("Chamei uma pessoa da equipe.", Deed.HANDED_OVER),
    ],
)
def test_this_proves_that(text: str, proof: Deed) -> None:
    assert find_claims(text)
    assert unproven(text, [proof]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Agendei sua consulta para o dia 12.",
        "Prontinho, consulta agendada para o dia 12!",
        "Agendamento realizado com sucesso!",
        "Cancelei o seu pedido.",
        "O e-mail foi enviado.",
        "Acabei de falar com o gerente.",
    ],
)
def test_rows_do_not_prove_what_an_agent_did_itself(text: str) -> None:
    assert unproven(text, [Deed.LOOKED_UP, Deed.MESSAGE_SENT])


def test_what_no_tool_does_is_claimed_in_vain_whatever_was_done() -> None:
    ours = set(Deed) - {Deed.SCHEDULED, Deed.OTHER}
    for text in ("Já agendei!", "Cancelei o pedido.", "Liguei para a loja.", "Paguei a taxa."):
        assert unproven(text, ours), text


# --- Any text -----------------------------------------------------------------------------------------


@given(st.text(max_size=400))
@settings(max_examples=200)
def test_any_text_gets_an_answer(text: str) -> None:
    assert {claim.deed for claim in find_claims(text)} <= set(Deed)


@pytest.mark.parametrize(
    "piece",
    [
        "já enviei o e-mail. ",
        "enviei ",
        "foi ",
        "não ",
        "deixei você ",
        "enviado que ",
        "a gente mandou ",
        "e n v i e i ",
        "a ",
        "a.",
        "a",
        "?",
        ",",
        '"',
        '"a ',
        "'a ",
        "a\n",
        "\t \n",
        "e-mail ",
        "- ",
        "\ufdfa",
        "a\u0301",
        "😡",
        "\x00\u2028\ud800",
    ],
)
def test_hostile_texts_end_like_others(piece: str) -> None:
    """100,000 characters of what makes rules go back and forth; a pattern that runs away would hang here."""
    text = piece * (100_000 // len(piece))
    assert bool(find_claims(f"Enviei o e-mail. {text}"))
