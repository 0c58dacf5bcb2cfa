"""What is done for a contact: the intent noted, what they ask for, and one WhatsApp message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent_tools.local.answers import OFFER, is_done, told_briefly
from agent_tools.local.intents import compose_reply, recognize_intent, slug_of, wants_person, wants_to_end
from agent_tools.local.queries import choose_query
from agent_tools.local.reading import read_reading
from agent_tools.local.tools import Call, intents_of, queries_of, tables_of
from agent_tools.local.turn import INTENT, NAMED, NOT_CONFIRMED, PERSON, SEND, STATUS, TABLE, Turn
from agent_tools.local.words import fold, says

GOODBYE = "Certo! Obrigado pelo contato e até logo."
NOT_ENDED = f"Obrigado pelo contato! Não foi possível encerrar o atendimento por aqui. {OFFER}"
PERSON_COMES = "Uma pessoa da nossa equipe vai continuar este atendimento com você."
NO_PERSON = (
    "Não foi possível chamar uma pessoa da equipe agora. Por favor, procure a empresa por outro canal."
)
CANNOT_LOOK = f"Não consigo consultar esses dados por aqui. {OFFER}"
ROWS = 5  # of a table, at most, for one question

_OWN = "meu|minha|meus|minhas|nosso|nossa"
_STATE = "status|situacao|saldo|andamento|rastreio"
_ASKING = (
    f"qual|quais|quanto|quantos|quantas|cade|quando {_OWN}|{_STATE}",
    f"onde esta|estao {_OWN}",
    f"ver|consultar|saber|checar|conferir|informar|passar {_OWN}|{_STATE}",
    f"{_STATE} {_OWN}|pedido|pedidos|compra|entrega|conta",
)
# Where there is a question mark, or hardly another word.
_OWN_THING = (f"{_OWN} *",)
_BRIEF = 3  # words
_THINGS = (
    f"{_STATE}|pedido|pedidos|compra|compras|entrega|entregas|conta|cadastro|pontos|nota|notas|boleto|fatura",
)
_HERE = frozenset({SEND, STATUS, INTENT, PERSON})
_REFUSED_WORDS = frozenset({"CLAIM_WITHOUT_RECEIPT", "ANSWER_LEAKS"})


@dataclass(frozen=True, slots=True)
class Wish:
    """`act`: the call, or at once the words, where it is wished; `told`: the words after the call."""

    tools: tuple[str, ...]
    act: Callable[[Turn], Call | str | None]
    told: Callable[[dict[str, Any]], str]


def next_for_contact(turn: Turn) -> Call | None:
    """The next call; None: the turn is over."""
    if sent := turn.answers_of(SEND):
        is_refused = sent[-1].get("error_code") in _REFUSED_WORDS
        return (
            _send(turn, NOT_CONFIRMED) if is_refused and len(sent) == 1 and not turn.is_correction else None
        )
    if turn.is_correction:
        return _send(turn, NOT_CONFIRMED)
    if not turn.uses and (noted := _note_intent(turn)):
        return noted
    for wish in WISHES:
        if answers := turn.answers_of(*wish.tools):
            return _send(turn, wish.told(answers[-1]))
        act = wish.act(turn)
        if act is not None:
            return _send(turn, act) if isinstance(act, str) else act
    return _send(turn, compose_reply(turn.text))


def _send(turn: Turn, words: str) -> Call | None:
    return turn.call(SEND, {"message": words})


def _note_intent(turn: Turn) -> Call | None:
    """Note the intent under the name that the company has for it; none that it does not know."""
    intent, tool = recognize_intent(turn.text), turn.tools.get(INTENT)
    if intent is None or tool is None:
        return None
    slug, known = slug_of(intent), intents_of(tool)
    name = slug if known is None else next((one for one in known if fold(one) == slug), None)
    return tool.call({"intent": name}) if name else None


# --- Wishes ---------------------------------------------------------------------------------------------


def _call_person(turn: Turn) -> Call | str | None:
    if not wants_person(turn.text):
        return None
    return turn.call(PERSON, {"reason": "customer_asked"}) or NO_PERSON


def _end(turn: Turn) -> Call | str | None:
    if not wants_to_end(turn.text):
        return None
    return turn.call(STATUS, {"status": "closed"}) or GOODBYE


def _look_up(turn: Turn) -> Call | str | None:
    """Read what somebody asks of their own: by a published query, else in a table by what they name."""
    if not _asks_for_own(turn):
        return None
    found = _by_query(turn) or _in_table(turn)
    if found is not None:
        return found
    is_known_thing = says(turn.clauses, _THINGS) and recognize_intent(turn.text) is None
    return CANNOT_LOOK if is_known_thing else None


def _asks_for_own(turn: Turn) -> bool:
    if says(turn.clauses, _ASKING):
        return True
    if recognize_intent(turn.text) not in (None, "pagamento"):
        return False
    own = _OWN.split("|")
    asked = [
        one for one in turn.clauses if one.is_question or (len(one.words) <= _BRIEF and one.words[0] in own)
    ]
    return says(asked, _OWN_THING)


def _by_query(turn: Turn) -> Call | str | None:
    tool = turn.tools.get(NAMED)
    choice = choose_query(turn.words, queries_of(tool)) if tool else None
    if choice is None:
        return None
    if choice.missing:
        return f"Para consultar isso, preciso que você informe: {_listed(choice.missing)}."
    return turn.call(NAMED, {"query": choice.query.name, "parameters": choice.parameters})


def _in_table(turn: Turn) -> Call | str | None:
    """Only by a value that the contact names: all rows would be those of others."""
    tool = turn.tools.get(TABLE)
    reading = read_reading(turn.words, tables_of(tool)) if tool else None
    if reading is None:
        return None
    if not reading.filters or reading.unclear:
        return f"Para consultar isso, preciso de um dado que identifique o registro, como o número. {OFFER}"
    needed = {"table": reading.table, "filters": reading.filters}
    return turn.call(TABLE, needed, {"limit": ROWS})


def _listed(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


WISHES = (
    Wish((PERSON,), _call_person, lambda answer: PERSON_COMES if is_done(answer) else NO_PERSON),
    Wish((STATUS,), _end, lambda answer: GOODBYE if is_done(answer) else NOT_ENDED),
    Wish((NAMED, TABLE), _look_up, told_briefly),
)
