"""What tools answered, in Portuguese: for the people of a company, and in a sentence for a contact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_LISTED = 20  # rows, in an answer in words
MAX_TOLD = 3  # rows, to a contact
MAX_CELL = 200  # characters
MAX_REPORT = 45_000  # characters, below what a mail may have
OFFER = "Se quiser, posso chamar uma pessoa da equipe: é só pedir."
_DENIED = frozenset(
    {"TABLE_NOT_ALLOWED", "SQL_NOT_ALLOWED", "PERMISSION_DENIED", "TOOL_NOT_OFFERED", "QUERY_NOT_FOUND"}
)
_SIGNS = {
    "eq": "=",
    "neq": "≠",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
    "like": "~",
    "ilike": "~",
    "is": "=",
}


def is_done(answer: Mapping[str, Any]) -> bool:
    """Whether the tool did what it was asked."""
    return answer.get("ok") is True


def told_cell(value: Any) -> str:
    """A value in one line."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "sim" if value else "não"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= MAX_CELL else f"{line[:MAX_CELL]}…"


def told_row(row: Any) -> str:
    """A row in one line, each value by its column."""
    if not isinstance(row, Mapping):
        return told_cell(row)
    return "; ".join(f"{told_cell(name)}: {told_cell(value)}" for name, value in row.items())


def rows_of(answer: Mapping[str, Any]) -> list[Any]:
    rows = answer.get("rows")
    return rows if isinstance(rows, list) else []


def count_of(answer: Mapping[str, Any], one: str, many: str) -> str:
    """How many rows were read: "2 registros"; that there are more is said."""
    count = len(rows_of(answer))
    least = "pelo menos " if answer.get("truncated") else ""
    return f"{least}{count} {one if count == 1 else many}"


def told_rows(answer: Mapping[str, Any], source: str) -> str:
    """The rows for people of the company; `source`: where they are from."""
    rows = rows_of(answer)
    if not rows:
        return f"Nada encontrado em {source}: a leitura é permitida, e nenhum registro corresponde."
    lines = [f"- {told_row(row)}" for row in rows[:MAX_LISTED]]
    if len(rows) > MAX_LISTED:
        lines.append(f"… e mais {len(rows) - MAX_LISTED} na mesma leitura.")
    return "\n".join([f"Encontrei {count_of(answer, 'registro', 'registros')} em {source}:", *lines])


def told_report(answer: Mapping[str, Any], source: str) -> str:
    """The rows for a mail, each a line."""
    rows = rows_of(answer)
    if not rows:
        return f"Relatório de {source}: nenhum registro corresponde."
    text = "\n".join(
        [f"Relatório de {source} ({count_of(answer, 'registro', 'registros')}):", "", *map(_listed, rows)]
    )
    return text if len(text) <= MAX_REPORT else f"{text[:MAX_REPORT]}\n… O relatório não coube inteiro."


def _listed(row: Any) -> str:
    return f"- {told_row(row)}"


def told_briefly(answer: Mapping[str, Any]) -> str:
    """The rows for a contact, in one or two sentences; why there are none, and a person, if so."""
    if not is_done(answer):
        return f"{_denial_for_contact(answer)} {OFFER}"
    rows = rows_of(answer)
    if not rows:
        return f"Nada foi encontrado para o que você pediu. {OFFER}"
    told = " | ".join(map(told_row, rows[:MAX_TOLD]))
    rest = f" Há outros além destes {MAX_TOLD}." if len(rows) > MAX_TOLD else ""
    return f"Encontrei {count_of(answer, 'registro', 'registros')}: {told}.{rest}"


def _denial_for_contact(answer: Mapping[str, Any]) -> str:
    code = answer.get("error_code")
    if code == "SENDER_UNKNOWN":
        return "Não é possível confirmar quem escreve, e por isso não posso informar esses dados."
    if code in _DENIED:
        return "Não tenho permissão para consultar isso por aqui."
    return "Não foi possível consultar isso agora."


def told_refusal(answer: Mapping[str, Any], deed: str) -> str:
    """What was not done, and why, for people of the company; `deed`: an infinitive."""
    why = told_cell(answer.get("error")) if answer.get("error") else "a ferramenta não respondeu como devia."
    return f"Não foi possível {deed}: {why} Se precisar, peça ajuda a uma pessoa da equipe."


def told_conditions(filters: list[dict[str, Any]]) -> str:
    """The conditions of a read, in brackets; empty without any."""
    told = [f"{one['column']} {_SIGNS[one['operator']]} {told_cell(one['value'])}" for one in filters]
    return f" ({'; '.join(told)})" if told else ""
