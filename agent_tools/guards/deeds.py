"""Which deed a verb tells of, by the words around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent_tools.guards import lexicon
from agent_tools.guards.lexicon import Kind, Verb, plain_words


class Deed(StrEnum):
    """What can be claimed, but for `ROWS_FOUND`, which proves it. No tool of ours proves the last two."""

    MESSAGE_SENT = "message_sent"
    MAIL_SENT = "mail_sent"
    LOOKED_UP = "looked_up"
    ROWS_FOUND = "rows_found"
    STATUS_CHANGED = "status_changed"
    HANDED_OVER = "handed_over"
    SCHEDULED = "scheduled"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Setting:
    """A verb within its clause, and whether somebody says it of what is done ("foi enviado")."""

    verb: Verb
    before: Sequence[str]
    after: Sequence[str]
    is_passive: bool

    @property
    def around(self) -> frozenset[str]:
        return frozenset((*self.before, *self.after))

    @property
    def nearest(self) -> frozenset[str]:
        """What it was done to: an object follows its verb closely, a passive's subject stands before."""
        after = frozenset(self.after[:5])
        return after | frozenset(self.before[-5:]) if self.is_passive else after

    def has(self, words: frozenset[str]) -> bool:
        return not words.isdisjoint(self.around)

    def is_near(self, words: frozenset[str]) -> bool:
        return not words.isdisjoint(self.nearest)

    def reaches(self, whom: frozenset[str], by: frozenset[str]) -> bool:
        """Whether one of these comes after such a preposition: "para o nosso time"."""
        words = [*self.before, *self.after]
        for at, word in enumerate(words):
            if word in whom:
                for back, earlier in enumerate(reversed(words[max(0, at - 4) : at]), 1):
                    # "A" and "no" are more often articles: they stand at the word, or at its possessive.
                    is_close = back == 1 or (back == 2 and words[at - 1] in _OUR)
                    if earlier in by and (earlier not in _SHORT or is_close):
                        return True
        return False


_OUR = plain_words("nossa nosso nossas nossos sua seu outra outro")
_SHORT = plain_words("a as à no na nos nas")
_TO = plain_words("para ao à a aos às no na nos nas")
_WITH = plain_words("com ao à a")
_YOURS = plain_words("seu sua seus suas você vocês te lhe teu tua")
_WRITTEN, _ONE = plain_words("mensagem whatsapp áudio"), plain_words("um uma")
_CASES = plain_words("caso contato atendimento solicitação demanda reclamação conversa pedido")
_WHO_GOES = plain_words("motoboy técnico entregador guincho caminhão")
_LISTS = plain_words("lista fila carrinho cadastro sistema observação observações pedido nome")
_MADE_TICKETS = plain_words("abrir criar reabrir protocolar")
_SAID_OF_VISITS = plain_words("antecipar adiar")
_MOVED = plain_words("alterar mudar trocar atualizar")


def deed_of(told: Setting) -> Deed | None:
    """The deed, or None if the verb tells of none here."""
    if told.is_passive and any(len(word) == 4 and word.isdecimal() for word in told.after[:3]):
        return None  # "foi entregue em 2015"
    return _READERS[told.verb.kind](told)


def _sent(told: Setting) -> Deed:
    if told.has(lexicon.MAIL):
        return Deed.MAIL_SENT
    if told.is_near(_WRITTEN) and told.is_near(_ONE):
        return Deed.MESSAGE_SENT
    if told.reaches(lexicon.TEAM, _TO):
        return Deed.HANDED_OVER
    if told.has(lexicon.MESSAGE):
        return Deed.MESSAGE_SENT
    if not told.is_passive and not _WHO_GOES.isdisjoint(told.after[:2]):
        return Deed.OTHER
    if told.has(lexicon.BY_POST) and not told.has(lexicon.DOCUMENTS):
        return Deed.OTHER
    return Deed.MESSAGE_SENT


def _handed(told: Setting) -> Deed | None:
    is_case_for = "para" in told.after and told.is_near(_CASES)  # "para a Fernanda"
    return Deed.HANDED_OVER if is_case_for or told.reaches(lexicon.TEAM, _TO) else None


def _routed(told: Setting) -> Deed:
    if told.is_near(lexicon.MONEY):
        return Deed.OTHER
    return Deed.SCHEDULED if told.is_near(lexicon.VISIT) else Deed.HANDED_OVER


def _told(told: Setting) -> Deed | None:
    named = told.nearest if told.is_passive else frozenset(told.after)
    if named.isdisjoint(lexicon.TEAM | lexicon.PERSONS):
        return None
    if told.is_passive and not lexicon.OTHERS.isdisjoint(told.before):
        return None  # "você foi informado pela equipe"
    return Deed.HANDED_OVER


def _asked(told: Setting) -> Deed | None:
    if not told.is_passive and told.has(lexicon.TEAM):
        return Deed.HANDED_OVER
    return Deed.OTHER if told.is_near(lexicon.DEALING) else None


def _talked(told: Setting) -> Deed | None:
    if told.is_passive:
        return None
    return Deed.OTHER if told.reaches(lexicon.TEAM | lexicon.PERSONS, _WITH) else None


def _called(told: Setting) -> Deed | None:
    return None if told.is_passive else Deed.OTHER


def _booked(told: Setting) -> Deed | None:
    if "como" in told.after and told.has(lexicon.TICKET):
        return Deed.STATUS_CHANGED
    return None if "direito" in told.after[:2] else Deed.SCHEDULED


def _kept(told: Setting) -> Deed | None:
    if told.is_near(lexicon.VISIT):
        return Deed.SCHEDULED
    return Deed.OTHER if told.is_near(lexicon.BY_POST) else None


def _put(told: Setting) -> Deed | None:
    if told.has(frozenset({"agenda"})):
        return Deed.SCHEDULED
    if not told.is_passive and told.is_near(lexicon.TEAM):
        return Deed.HANDED_OVER
    return Deed.OTHER if told.has(_LISTS) else None


def _confirmed(told: Setting) -> Deed:
    if not told.is_passive and told.reaches(lexicon.TEAM, _WITH):
        return Deed.OTHER
    if told.is_near(lexicon.PAID_OR_BOUGHT):
        return Deed.OTHER
    if told.has(lexicon.VISIT):
        return Deed.SCHEDULED
    return Deed.LOOKED_UP if not told.is_passive and told.has(lexicon.RECORD) else Deed.OTHER


def _looked(told: Setting) -> Deed | None:
    if told.reaches(lexicon.TEAM | lexicon.PERSONS, frozenset({"com"})):
        return Deed.OTHER
    if told.is_passive and not told.has(lexicon.RECORD | _YOURS):
        return None
    return Deed.LOOKED_UP


def _glanced(told: Setting) -> Deed | None:
    words = told.after[:8]
    if "que" in words and not lexicon.OTHERS.isdisjoint(words[words.index("que") + 1 :][:2]):
        return None  # what the other one wrote can be seen
    if told.is_passive and told.is_near(lexicon.MONEY):
        return Deed.OTHER
    return Deed.LOOKED_UP if told.is_near(lexicon.RECORD) else None


def _closed(told: Setting) -> Deed | None:
    if told.is_near(lexicon.TICKET) and not told.is_near(frozenset({"cadastro"})):
        return Deed.STATUS_CHANGED
    if told.verb.infinitive in ("finalizar", "concluir") and (deed := _did(told)):
        return deed
    return Deed.OTHER if told.is_near(_YOURS) else None


def _changed(told: Setting) -> Deed | None:
    if told.has(plain_words("status")) or told.is_near(lexicon.TICKET):
        return Deed.STATUS_CHANGED
    is_moved = told.verb.infinitive in _MOVED and told.is_near(lexicon.VISIT)
    return Deed.SCHEDULED if is_moved and not told.is_near(frozenset({"nome"})) else Deed.OTHER


def _acted(told: Setting) -> Deed | None:
    if told.verb.infinitive in _MADE_TICKETS and not told.is_near(lexicon.OPENED):
        return None
    if told.verb.infinitive == "resolver" and told.after and told.after[0].endswith(("ar", "er", "ir")):
        return None  # "resolvi escrever"
    if told.verb.infinitive == "lancar" and told.is_passive and not told.is_near(_YOURS | lexicon.DEALING):
        return None  # "o modelo foi lançado"
    return Deed.OTHER


def _did(told: Setting) -> Deed | None:
    """By the noun that says what was made, done or given."""
    for nouns, deed in (
        (lexicon.BOOKING, Deed.SCHEDULED),
        (lexicon.LOOKING, Deed.LOOKED_UP),
        (lexicon.SENDING, Deed.MAIL_SENT if told.has(lexicon.MAIL) else Deed.MESSAGE_SENT),
        (lexicon.DEALING, Deed.OTHER),
    ):
        if told.is_near(nouns):
            return deed
    if told.verb.infinitive == "fazer" and told.is_passive and not told.after:
        return Deed.OTHER  # "feito!"
    return _left(told) if told.verb.infinitive == "deixar" else None


def _left(told: Setting) -> Deed | None:
    if "como" in told.after and told.has(lexicon.TICKET):
        return Deed.STATUS_CHANGED
    if told.is_near(lexicon.NOTES) and told.reaches(lexicon.TEAM, _TO | _WITH):
        return Deed.HANDED_OVER
    return Deed.SCHEDULED if told.is_near(frozenset({"lembrete"})) else None


def _answered(told: Setting) -> Deed | None:
    if told.is_near(lexicon.MAIL):
        return Deed.MAIL_SENT
    if told.reaches(lexicon.TEAM, _TO):
        return Deed.HANDED_OVER
    return Deed.MESSAGE_SENT if told.is_near(lexicon.MESSAGE) else None


def _got(told: Setting) -> Deed | None:
    near = frozenset((*told.before[-4:], *told.after[:4])) if told.is_passive else frozenset(told.after[:4])
    is_paid = not near.isdisjoint(lexicon.MONEY) and near.isdisjoint(lexicon.DOCUMENTS)
    return Deed.OTHER if is_paid else None


_READERS: dict[Kind, Callable[[Setting], Deed | None]] = {
    Kind.SEND: _sent,
    Kind.HAND: _handed,
    Kind.ROUTE: _routed,
    Kind.TELL: _told,
    Kind.ASK: _asked,
    Kind.TALK: _talked,
    Kind.CALL: _called,
    Kind.BOOK: _booked,
    Kind.KEEP: _kept,
    Kind.PUT: _put,
    Kind.CONFIRM: _confirmed,
    Kind.LOOK: _looked,
    Kind.GLANCE: _glanced,
    Kind.CLOSE: _closed,
    Kind.CHANGE: _changed,
    Kind.ACT: _acted,
    Kind.DO: _did,
    Kind.ANSWER: _answered,
    Kind.GET: _got,
}
