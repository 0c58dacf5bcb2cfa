"""Where a sentence tells that something was done, by the form of a verb and the words around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent_tools.guards import lexicon
from agent_tools.guards.clauses import REACH, Place, is_condition
from agent_tools.guards.lexicon import LEXICON, Form, Kind, Verb, is_adjective, plain_words
from agent_tools.guards.questions import Question
from agent_tools.guards.sentences import Sentence

_MINE, _STATE = False, True
_ADVERBS = plain_words(
    """já tudo sim devidamente também agora hoje ontem aqui aí bem só logo novamente automaticamente
    corretamente toda todo então te lhe me nos ainda mesmo agorinha o a os as"""
)
_WAS = plain_words("foi foram ficou ficaram")
_IS = plain_words("está estão ta tão encontra encontram segue seguem continua")
_HAVE = plain_words("tenho temos tinha tínhamos havia havíamos")
_LEFT = plain_words("deixei deixamos")
_HAS = plain_words("tem têm possui")
_JUST = plain_words("acabei acabamos acabo terminei terminamos")
_JUST_THEY = plain_words("acabou acabaram acaba acabam terminou")
_MANAGED = plain_words("consegui pude")
_BY = plain_words("por pelo pela pelos pelas")
_GOT = plain_words("recebi recebemos vi vimos vejo chegou obrigado obrigada")
_SAY = plain_words("disse contou falou mencionou informou comentou escreveu relatou avisou explicou")
_YOURS = plain_words(
    "seu sua seus suas você vocês te lhe lhes senhora senhor ontem hoje agora agorinha teu tua"
)
_ONCE = plain_words("assim depois logo")
_THIS = plain_words("este esta esse essa")
_ARTICLES = plain_words("o a esse essa este esta")
_ALWAYS = plain_words(
    """sempre geralmente normalmente após todas todos todo toda cada mediante enquanto quando caso até
    diariamente semanalmente mensalmente antes costumamos durante apenas somente"""
)
_PRESENT_TOO = plain_words("incluí concluí substituí")
_OPENERS = plain_words(
    """pronto prontinho prontinha ok certo feito já tudo perfeito show beleza blz sim claro legal ótimo
    maravilha então oi olá bom boa notícia opa obrigado anotado fechado joia ta também aqui agora e"""
)
_DETERMINERS = plain_words("seu sua o a nova novo teu tua esse essa este esta dois duas")
_NO_NAMES = plain_words(
    """com sem antes que para até após depois ser eh são está estar foi tem for seja todo toda cada não nem
    se caso uma quando por em pode deve será quer precisa"""
)
_FOLLOW = plain_words(
    """com para no na ao a às em hoje agora amanhã dia ontem nesta neste e aqui te lhe desde novamente
    conforme segunda terça quarta quinta sexta sábado domingo viu por pelo pela o"""
)
_WITH_WHOM = plain_words("sucesso o a os as êxito dr dra você nosso nossa seu sua um uma prioridade")
_FINITE = plain_words(
    """eh são tem têm chega chegam pode podem deve devem custa custam precisa precisam fica ficam segue sai
    saem paga pagam leva levam vale valem será serão veio vieram está estão garante passa ganha recebe
    funciona vence dura garantem vai vão"""
)


@dataclass(frozen=True, slots=True)
class Telling:
    """A verb that says, within its clause, that something was done; `is_state`: not by whom."""

    verb: Verb | None  # None: "consta", a record is quoted
    word: str
    before: Sequence[str]
    after: Sequence[str]
    near: Sequence[str]  # of the sentence
    is_state: bool


def tellings(sentence: Sentence) -> Iterator[Telling]:
    """The verbs of the sentence that tell of deeds."""
    question = Question(sentence)
    for at, word in enumerate(sentence.words):
        if word in ("consta", "constam"):
            place = Place(sentence.words, at)
            if place.is_plain and not question.covers(at, is_mine=False):
                yield _telling(place, None, _STATE)
        elif word in LEXICON:
            verb, form = LEXICON[word]
            place = Place(sentence.words, at)
            is_state = _tells(place, verb, form)
            if is_state is not None and not question.covers(at, is_mine=not is_state):
                yield _telling(place, verb, is_state)


def _telling(place: Place, verb: Verb | None, is_state: bool) -> Telling:
    near = place.words[max(0, place.at - 2 * REACH) : place.at + 2 * REACH]
    return Telling(verb, place.words[place.at], place.before, place.after, near, is_state)


def _tells(place: Place, verb: Verb, form: Form) -> bool | None:
    """Whether it tells of a state or of one's own deed; None if it tells of nothing done."""
    if form is Form.DONE:
        return _participle_tells(place, verb)
    if not place.is_plain:
        return None
    if form is Form.ME:
        return _MINE if _is_past(place) else None
    if form is Form.US:
        return _MINE if _is_told_of_once(place, place.at) else None
    return _by_us(place, place.at) if form is Form.THEY else _infinitive_tells(place)


# --- Finite verbs ---------------------------------------------------------------------------------------


def _is_past(place: Place) -> bool:
    """ "Incluí" and "inclui" are one word without accents."""
    if place.words[place.at] not in _PRESENT_TOO:
        return True
    if "eu" in place.before or "ja" in place.before:
        return True
    return not place.before and not (_YOURS | _THIS).isdisjoint(place.after[:2])


def _is_told_of_once(place: Place, at: int) -> bool:
    """ "Enviamos" is what was done, or what is always done: by what else is said."""
    if "ja" in place.before:
        return True
    if _is_rule(place.words, at):
        return False
    if not _YOURS.isdisjoint((*place.before, *place.after)):
        return True
    after = place.words[at + 1 : place.end]
    if after[:1] == ("com",) and not lexicon.TEAM.isdisjoint(after[:4]):
        return True
    has_one = len(after) > 1 and after[0] in _ARTICLES and not after[1].endswith("s")
    return has_one and lexicon.BY_POST.isdisjoint(after)


def _is_rule(words: Sequence[str], at: int) -> bool:
    near = words[max(0, at - 3 * REACH) : at + 2 * REACH]
    if not _ALWAYS.isdisjoint(near):
        return True
    if any(is_condition(words, earlier) for earlier in range(max(0, at - 3 * REACH), at)):
        return True
    for one, two in pairwise(near):
        if (one in _ONCE and two in ("que", "do", "da")) or (
            one == "em" and (two.isdecimal() or two in ("dois", "tres", "poucos", "poucas", "minutos"))
        ):
            return True
    return False


def _by_us(place: Place, at: int) -> bool | None:
    """Of us: "a gente mandou", "nossa equipe já agendou". What others did is no claim."""
    for back in range(at - 1, max(place.start - 1, at - 6), -1):
        word = place.words[back]
        if word in lexicon.OURS:
            if word == "gente":
                return _MINE if place.words[back - 1] == "a" and back else None
            return None if _is_reported(place) or "que" in place.before else _STATE
        if word not in _ADVERBS and word not in lexicon.TEAM and word not in ("de", "do", "da"):
            return None
    return None


def _infinitive_tells(place: Place) -> bool | None:
    """ "Acabei de enviar", "consegui agendar"."""
    back = place.at - 1
    while back >= place.start and place.words[back] in _ADVERBS:
        back -= 1
    if back < place.start:
        return None
    word = place.words[back]
    if word in _MANAGED:
        return _MINE
    if word == "conseguimos":
        return _MINE if _is_told_of_once(place, place.at) else None
    if word != "de" or back == place.start:
        return None
    word = place.words[back - 1]
    if word in _JUST:
        return _MINE
    return _by_us(place, back - 1) if word in _JUST_THEY else None


# --- Participles ----------------------------------------------------------------------------------------


def _participle_tells(place: Place, verb: Verb) -> bool | None:
    if not place.is_plain:
        return None
    auxiliary = _auxiliary(place)
    word = place.words[place.at]
    if auxiliary in _HAVE:
        is_of_others = auxiliary in ("tinha", "havia") and not lexicon.OTHERS.isdisjoint(place.before)
        return None if word[-1] != "o" or is_of_others or place.is_dated_by_another else _MINE
    if auxiliary in _LEFT or not _LEFT.isdisjoint(place.before[-6:]):
        return _MINE
    if place.is_dated_by_another or _is_done_by_others(place) or _is_reported(place) or _was_received(place):
        return None
    if auxiliary in _WAS or auxiliary == "ser":
        return _STATE
    if auxiliary in _IS:
        is_yours = not _YOURS.isdisjoint(place.before)
        return _STATE if is_yours or not is_adjective(word) else None
    if _has_visit(place, verb):
        return _STATE
    return _STATE if _is_announced(place) else None


def _auxiliary(place: Place) -> str:
    """The verb that the participle belongs to, across adverbs; "ser" only of "acabou de ser"."""
    back = place.at - 1
    while back >= place.start and place.words[back] in _ADVERBS:
        back -= 1
    if back < place.start:
        return ""
    word = place.words[back]
    if word == "ser":
        earlier = place.words[max(0, back - 2) : back]
        return word if len(earlier) == 2 and earlier[0] in _JUST_THEY and earlier[1] == "de" else ""
    return word


def _is_done_by_others(place: Place) -> bool:
    """ "Foi enviado por você"."""
    after = place.words[place.at + 1 : place.at + 5]
    return any(one in _BY and two in lexicon.STRANGERS for one, two in pairwise(after))


def _is_reported(place: Place) -> bool:
    """ "Você disse que foi enviado", "pelo que contou"."""
    earlier = place.words[max(0, place.at - 2 * REACH) : place.at]
    return not _SAY.isdisjoint(earlier)


def _was_received(place: Place) -> bool:
    """ "Recebi a foto que foi enviada": what came from the other side."""
    earlier = place.words[max(0, place.at - REACH) : place.at]
    return "que" in earlier and not _GOT.isdisjoint(earlier)


def _has_visit(place: Place, verb: Verb) -> bool:
    """ "Você tem uma consulta marcada"."""
    if verb.kind not in (Kind.BOOK, Kind.CONFIRM):
        return False
    near = place.words[max(place.start, place.at - 5) : place.at]
    has_at = next((at for at, word in enumerate(near) if word in _HAS), None)
    return has_at is not None and not lexicon.VISIT.isdisjoint(near[has_at:])


def _is_announced(place: Place) -> bool:
    """ "E-mail enviado!", "prontinho, marcado para terça": a participle that stands for a sentence."""
    words, at = place.words, place.at
    if words[at] == "feito" and not place.after and all(word in _OPENERS for word in place.before):
        return _opens(words, place.start)
    if is_adjective(words[at]) and not (place.before and place.before[-1] in lexicon.THINGS):
        return False
    if words[at].endswith("s") and not any(word in ("seus", "suas", "tudo") for word in place.before):
        return False
    rest = place.after
    if rest and (rest[0] not in _FOLLOW or not _FINITE.isdisjoint(rest)):
        return False
    if rest and rest[0] == "com" and rest[1:2] and rest[1] not in _WITH_WHOM:
        return False  # "marcado com antecedência, sai mais barato"
    named = list(place.before)
    while named and named[0] in _OPENERS:
        named.pop(0)
    if named:
        is_name = named[0] in _DETERMINERS or named[0] in lexicon.THINGS
        return is_name and len(named) <= 6 and _NO_NAMES.isdisjoint(named) and _names_thing(named)
    if rest and rest[0] in ("o", "a") and place.end < len(words):
        return False  # "confirmado o pagamento, liberamos o acesso"
    return _opens(words, place.start)


def _names_thing(named: Sequence[str]) -> bool:
    return any(word in lexicon.THINGS for word in named)


def _opens(words: Sequence[str], start: int) -> bool:
    """Whether what stands before the clause is nothing, or only says "pronto"."""
    earlier = [word for word in words[max(0, start - REACH) : start] if word != ","]
    return all(word in _OPENERS or word in LEXICON for word in earlier)
