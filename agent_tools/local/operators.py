"""What is done for the people of a company: reads in words, reports by mail, SQL that they wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agent_tools.local.answers import (
    count_of,
    is_done,
    told_conditions,
    told_refusal,
    told_report,
    told_rows,
)
from agent_tools.local.intents import compose_reply
from agent_tools.local.mail import MailRequest, read_mail
from agent_tools.local.queries import choose_query
from agent_tools.local.reading import COUNT_VERBS, MAX_ROWS, READ_VERBS, Reading, read_reading
from agent_tools.local.tools import Call, queries_of, tables_of
from agent_tools.local.turn import MAIL, NAMED, NOT_CONFIRMED, READING, SQL, TABLE, Turn
from agent_tools.local.words import Word, read_clauses, says

Step = Call | str

HELP = {
    MAIL: "enviar um e-mail (“envie por e-mail para ana@empresa.com.br o relatório de pedidos”)",
    TABLE: "consultar uma tabela (“liste os pedidos com status = aberto, os 5 primeiros”)",
    NAMED: "fazer uma consulta publicada, pelo nome",
    SQL: "executar um SELECT escrito por você",
}
NOTHING_TO_DO = "Não tenho ferramentas para isso agora. Se precisar, peça ajuda a uma pessoa da equipe."
CANNOT_READ = "Não posso fazer esta leitura com as ferramentas que tenho."
_STATES = {"queued": "está na fila de envio"}


def next_for_operator(turn: Turn) -> Step:
    """The next call, or the words that end the turn."""
    if turn.is_correction:
        return NOT_CONFIRMED
    if not turn.tools:
        return compose_reply(turn.text)
    steps = (rule(turn) for rule in _RULES)
    return next((step for step in steps if step is not None), _help(turn))


def _help(turn: Turn) -> str:
    lines = [f"- {told}" for name, told in HELP.items() if name in turn.tools]
    if not lines:
        return NOTHING_TO_DO
    tables = _told_tables(turn)
    return "\n".join(["Não entendi o pedido. Posso:", *lines, *([tables] if tables else [])])


def _told_tables(turn: Turn) -> str:
    tool = turn.tools.get(TABLE)
    names = sorted(tables_of(tool)) if tool else []
    return f"Tabelas que posso ler: {', '.join(names)}." if names else ""


# --- SQL ------------------------------------------------------------------------------------------------


def _run_sql(turn: Turn) -> Step | None:
    sql = turn.text.strip().strip("`").strip().removeprefix("sql\n").rstrip("; \n")
    if sql[:6].lower() != "select" or not sql[6:7].isspace():
        return None
    if answers := turn.answers_of(SQL):
        return (
            told_rows(answers[-1], "SQL")
            if is_done(answers[-1])
            else told_refusal(answers[-1], "executar o SQL")
        )
    return turn.call(SQL, {"sql": sql}) or "Não posso executar SQL aqui: esta ferramenta não foi oferecida."


# --- Reads ----------------------------------------------------------------------------------------------


def _reading_of(turn: Turn, words: Sequence[Word]) -> Reading | None:
    tool = turn.tools.get(TABLE)
    return read_reading(words, tables_of(tool)) if tool else None


def _call_read(turn: Turn, words: Sequence[Word]) -> Step | None:
    """The call that reads what the words name: a published query by its name, or a table."""
    tool = turn.tools.get(NAMED)
    choice = choose_query(words, queries_of(tool), by_name=True) if tool else None
    if choice and choice.missing:
        return f"Para a consulta {choice.query.name}, informe: {', '.join(choice.missing)}."
    if choice:
        return turn.call(NAMED, {"query": choice.query.name, "parameters": choice.parameters})
    reading = _reading_of(turn, words)
    if reading is None:
        return None
    if reading.unclear:
        return f"Não entendi a condição sobre {reading.unclear}. Escreva o valor entre aspas."
    wished: dict[str, Any] = {}
    needed: dict[str, Any] = {"table": reading.table}
    if reading.filters:
        needed["filters"] = reading.filters
    if reading.order:
        needed["order"] = reading.order
    if reading.limit:
        needed["limit"] = reading.limit
    elif _counts(words):
        wished["limit"] = MAX_ROWS
    if reading.named and not _counts(words):
        wished["columns"] = reading.named
    return turn.call(TABLE, needed, wished) or CANNOT_READ


def _counts(words: Sequence[Word]) -> bool:
    return says(read_clauses(words), COUNT_VERBS)


def _source_of(turn: Turn) -> str:
    """What was read, as it is told."""
    call = next(call for call, _ in reversed(turn.uses) if call.name in READING)
    return str(call.arguments.get("table") or call.arguments.get("query"))


def _conditions_of(turn: Turn) -> str:
    call = next(call for call, _ in reversed(turn.uses) if call.name in READING)
    return told_conditions(call.arguments.get("filters") or [])


def _read(turn: Turn) -> Step | None:
    if answers := turn.answers_of(*READING):
        return _told_read(turn, answers[-1])
    is_asked = says(turn.clauses, READ_VERBS)
    step = _call_read(turn, turn.words)
    if step is None and is_asked and (tables := _told_tables(turn)):
        return f"O pedido não cita uma tabela que eu possa ler. {tables}"
    is_condition = isinstance(step, Call) and bool(step.arguments.get("filters") or step.name == NAMED)
    return step if is_asked or is_condition else None


def _told_read(turn: Turn, answer: dict[str, Any]) -> str:
    source = _source_of(turn)
    if not is_done(answer):
        return told_refusal(answer, f"consultar {source}")
    told = f"{source}{_conditions_of(turn)}"
    if _counts(turn.words):
        return f"Há {count_of(answer, 'registro', 'registros')} em {told}."
    return told_rows(answer, told)


# --- Mail -----------------------------------------------------------------------------------------------


def _mail(turn: Turn) -> Step | None:
    """Read first what the mail is to tell, then send it, then say what became of it."""
    request = read_mail(turn.text, turn.words)
    if request is None:
        return None
    if MAIL not in turn.tools:
        return "Não posso enviar e-mails aqui: esta ferramenta não foi oferecida."
    if not request.to:
        return "Para quem devo enviar? Escreva o endereço de e-mail no pedido."
    if sent := turn.answers_of(MAIL):
        return _told_mail(request, sent[-1])
    reads = turn.answers_of(*READING)
    if reads and not is_done(reads[-1]):
        return f"{told_refusal(reads[-1], f'consultar {_source_of(turn)}')} Por isso, nenhum e-mail vai sair."
    if not reads and (step := _call_read(turn, request.rest)):
        return step
    if not reads and (asks_more := _missing(turn, request)):
        return asks_more
    return _call_mail(turn, request, reads[-1] if reads else None)


def _missing(turn: Turn, request: MailRequest) -> str:
    """What keeps a mail with no rows from being sent; empty if nothing does."""
    if says(read_clauses(request.rest), ("relatorio", "lista|dados tabela|de|do|da|dos|das")):
        return f"O pedido não cita uma tabela que eu possa ler. {_told_tables(turn)}".strip()
    return "" if request.body else "O que devo escrever? Diga, por exemplo: … dizendo “o texto do e-mail”."


def _call_mail(turn: Turn, request: MailRequest, answer: dict[str, Any] | None) -> Step:
    subject, parts = request.subject, [request.body] if request.body else []
    if answer is not None:
        parts.append(told_report(answer, f"{_source_of(turn)}{_conditions_of(turn)}"))
        subject = subject or f"Relatório de {_source_of(turn)}"
    needed = {"to": request.to, "subject": subject or "Mensagem da equipe", "body": "\n\n".join(parts)}
    return turn.call(MAIL, needed) or "Não posso enviar este e-mail aqui."


def _told_mail(request: MailRequest, answer: dict[str, Any]) -> str:
    to = ", ".join(request.to)
    if not is_done(answer) or not answer.get("message_id"):
        return told_refusal(answer, f"enviar o e-mail para {to}")
    state = _STATES.get(str(answer.get("state")), f"tem a situação {answer.get('state')}")
    return f"O e-mail para {to} {state} (recibo {answer['message_id']})."


_RULES: tuple[Callable[[Turn], Step | None], ...] = (_run_sql, _mail, _read)
