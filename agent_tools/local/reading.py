"""A read of one table, as people ask for it: which rows, in which order, how many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent_tools.local.words import PARTICLES, Word, listed, longest_mention, mention_at

MAX_ROWS = 200
READ_VERBS = (
    "quantos|quantas|quais|liste|listar|lista|mostre|mostrar|mostra|busque|buscar|busca|consulte|consultar",
    "procure|procurar|encontre|encontrar|traga|trazer|ver|veja|relatorio|qual|dados|tabela|exiba|exibir",
    "me mande|envie|passe",
    "rode|rodar|execute|executar",
)
COUNT_VERBS = ("quantos|quantas",)

_OPERATORS: dict[tuple[str, ...], str] = {
    ("=",): "eq",
    ("igual", "a"): "eq",
    ("igual", "ao"): "eq",
    ("!=",): "neq",
    ("<>",): "neq",
    ("diferente", "de"): "neq",
    (">=",): "gte",
    ("a", "partir", "de"): "gte",
    ("<=",): "lte",
    ("ate",): "lte",
    (">",): "gt",
    ("maior", "que"): "gt",
    ("maior", "do", "que"): "gt",
    ("acima", "de"): "gt",
    ("<",): "lt",
    ("menor", "que"): "lt",
    ("menor", "do", "que"): "lt",
    ("abaixo", "de"): "lt",
    ("contem",): "ilike",
    ("contendo",): "ilike",
    ("parecido", "com"): "ilike",
}
_LONGEST = sorted(_OPERATORS, key=len, reverse=True)
SIGNS = frozenset({"=", "!=", "<>", ">=", "<=", ">", "<"})
_NULLS = frozenset({"nulo", "nula", "vazio", "vazia"})
_NUMBERS = {
    "um": 1,
    "uma": 1,
    "dois": 2,
    "duas": 2,
    "tres": 3,
    "quatro": 4,
    "cinco": 5,
    "dez": 10,
    "vinte": 20,
    "cem": 100,
}
_FIRST = frozenset({"primeiro", "primeiros", "primeira", "primeiras"})
_ORDERED = frozenset({"ordenado", "ordenados", "ordenada", "ordenadas", "ordene", "ordenar", "ordenando"})
_DIRECTIONS = {"decrescente": True, "descendente": True, "desc": True, "crescente": False, "asc": False}
_KEYS = frozenset({"numero", "codigo", "id"})  # what a number after the table's name means
# Neither is a value, whatever column stands before it.
_NO_VALUE = (
    PARTICLES
    | _ORDERED
    | _FIRST
    | listed("""
    e ou o a os as um uma que com onde cujo cuja cujos cujas por para pra no na nos nas em ao se ja foi
    ordem limite top sem ate dele dela tem sao esta estao maior menor entre como qual quais
    """)
)

Conditions = list[dict[str, Any]]


@dataclass(slots=True)
class Reading:
    """What is asked of a table; `named`: columns to be shown; `unclear`: one with a condition unknown."""

    table: str
    columns: Sequence[str]
    table_at: tuple[int, int]
    filters: Conditions = field(default_factory=list)
    order: list[dict[str, Any]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    limit: int | None = None
    unclear: str = ""


def read_reading(words: Sequence[Word], tables: Mapping[str, Sequence[str]]) -> Reading | None:
    """What the words ask of one of the tables; None if they name none."""
    found = longest_mention(words, tables)
    if found is None:
        return None
    table, *place = found
    reading = Reading(table, tables[table], (place[0], place[1]))
    at = 0
    while at < len(words):
        ends = (rule(words, at, reading) for rule in _RULES)
        at = next((end for end in ends if end is not None), at + 1)
    return reading


# --- Rules: each takes what begins at a word into the reading, and returns where it ends ----------------


def _take_limit(words: Sequence[Word], at: int, reading: Reading) -> int | None:
    """ "os 5 primeiros", "primeiros 5", "limite de 5", "top 5" """
    plain = [word.plain for word in words[at : at + 3]] + [""] * 3
    if plain[0] in _FIRST | {"limite", "top"}:
        number, end = (plain[2], at + 3) if plain[1] == "de" else (plain[1], at + 2)
    elif plain[1] in _FIRST:
        number, end = plain[0], at + 2
    else:
        return None
    count = _NUMBERS.get(number) or (int(number[:9]) if number.isdecimal() else 0)
    if not count:
        return None
    reading.limit = min(count, MAX_ROWS)
    return end


def _take_order(words: Sequence[Word], at: int, reading: Reading) -> int | None:
    """ "ordenado por X", "em ordem decrescente de X", "ordenados por X do maior para o menor" """
    if words[at].plain not in _ORDERED | {"ordem"}:
        return None
    descending, end = False, at + 1
    while end < len(words) and words[end].plain in {"por", "pelo", "pela", "de", *_DIRECTIONS}:
        descending = _DIRECTIONS.get(words[end].plain, descending)
        end += 1
    column = _column_at(words, end, reading.columns) or _unknown_column_at(words, end)
    if column is None:
        return None
    name, end = column
    following = [word.plain for word in words[end : end + 5]]
    if following[:1] == ["em"]:
        end, following = end + 1, following[1:]
    if following[:1] == ["ordem"]:
        end, following = end + 1, following[1:]
    if following and following[0] in _DIRECTIONS:
        descending, end = _DIRECTIONS[following[0]], end + 1
    elif following[:2] == ["do", "maior"]:
        descending, end = True, end + 2
    reading.order.append({"column": name, "descending": descending})
    return end


def _take_key(words: Sequence[Word], at: int, reading: Reading) -> int | None:
    """ "pedido 123" """
    if at != reading.table_at[0]:
        return None
    at = reading.table_at[1]
    while at < len(words) and words[at].plain in {"numero", "n", "no", "#", "codigo"}:
        at += 1
    key = next((name for name in reading.columns if name in _KEYS), None)
    if key and at < len(words) and words[at].plain.isdecimal():
        reading.filters.append(_condition(key, "eq", _typed(words[at].text)))
        return at + 1
    return reading.table_at[1]


def _take_filter(words: Sequence[Word], at: int, reading: Reading) -> int | None:
    """ "cidade = Campinas", "valor maior que 100", "status ativo"; a column alone is one to be shown."""
    column = _column_at(words, at, reading.columns)
    if column is None:
        return _take_unknown(words, at, reading)
    name, end = column
    operator, value_at = _operator_at(words, end)
    if not operator and at >= reading.table_at[1] and _is_name_after_particle(words, value_at):
        value_at += 1
    value = _value_at(words, value_at, () if operator else reading.columns)
    if value is None and operator:
        reading.unclear = name
    elif value is None and at < reading.table_at[0] and name not in reading.named:
        reading.named.append(name)
    if value is None:
        return end
    reading.filters.append(_condition(name, operator or "eq", value[0]))
    return value[1]


def _take_unknown(words: Sequence[Word], at: int, reading: Reading) -> int | None:
    """A condition on a column that is not known is passed on: without it, others' rows would be told."""
    column = _unknown_column_at(words, at)
    if column is None or column[1] >= len(words) or words[column[1]].plain not in SIGNS:
        return None
    operator, value_at = _operator_at(words, column[1])
    value = _value_at(words, value_at, ())
    if value is None:
        reading.unclear = column[0]
        return value_at
    reading.filters.append(_condition(column[0], operator, value[0]))
    return value[1]


_RULES: tuple[Callable[[Sequence[Word], int, Reading], int | None], ...] = (
    _take_limit,
    _take_order,
    _take_key,
    _take_filter,
)


# --- Parts of a condition -------------------------------------------------------------------------------


def _column_at(words: Sequence[Word], at: int, columns: Sequence[str]) -> tuple[str, int] | None:
    if at < len(words) and words[at].is_quoted:
        return None
    found = [(end, name) for name in columns if (end := mention_at(words, at, name))]
    return (max(found)[1], max(found)[0]) if found else None


def _unknown_column_at(words: Sequence[Word], at: int) -> tuple[str, int] | None:
    if at >= len(words) or words[at].is_quoted or not words[at].text.isidentifier():
        return None
    return words[at].text, at + 1


def _operator_at(words: Sequence[Word], at: int) -> tuple[str, int]:
    """The operator that begins here, and where it ends; empty for none."""
    if at < len(words) and words[at].text.lower() == "é":
        at += 1
    plain = tuple(word.plain for word in words[at : at + 3])
    phrase = next((one for one in _LONGEST if plain[: len(one)] == one), None)
    return (_OPERATORS[phrase], at + len(phrase)) if phrase else ("", at)


def _value_at(words: Sequence[Word], at: int, columns: Sequence[str]) -> tuple[Any, int] | None:
    """The value that begins here, and where it ends: quoted, one word, or several in capitals."""
    if at >= len(words):
        return None
    first = words[at]
    if first.is_quoted:
        return first.text, at + 1
    is_name = first.text[:1].isupper()
    if first.is_break or (first.plain in _NO_VALUE and not is_name) or _column_at(words, at, columns):
        return None
    end = at + 1
    while is_name and (further := _further_name(words, end)):
        end = further
    text = " ".join(word.text for word in words[at:end])
    return (_typed(text) if end == at + 1 else text), end


def _is_name_after_particle(words: Sequence[Word], at: int) -> bool:
    """ "cidade *de Campinas*" """
    following = words[at + 1] if at + 1 < len(words) and words[at].plain in PARTICLES else None
    return following is not None and (following.is_quoted or following.text[:1].isupper())


def _further_name(words: Sequence[Word], at: int) -> int | None:
    """Where a name goes on: "Rio *de Janeiro*" """
    if at < len(words) and words[at].text in PARTICLES:
        at += 1
    if at < len(words) and not words[at].is_quoted and words[at].text[:1].isupper():
        return at + 1
    return None


def _typed(text: str) -> Any:
    """A number where it is one; what begins with a zero, as phones do, or is as long, is none."""
    digits = text.removeprefix("-")
    if digits.isdecimal() and digits.isascii() and len(digits) < 10 and (digits == "0" or digits[0] != "0"):
        return int(text)
    whole, separator, cents = digits.partition("." if "." in digits else ",")
    if separator and whole.isdecimal() and cents.isdecimal() and digits.isascii() and len(digits) < 16:
        return float(text.replace(",", "."))
    return text


def _condition(column: str, operator: str, value: Any) -> dict[str, Any]:
    if operator == "eq" and isinstance(value, str) and value.casefold() in _NULLS:
        return {"column": column, "operator": "is", "value": None}
    if operator == "ilike":
        escaped = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return {"column": column, "operator": operator, "value": f"%{escaped}%"}
    return {"column": column, "operator": operator, "value": value}
