"""PostgREST's query language, quoted as its parser reads it."""

from __future__ import annotations

from integrations.providers.base import Filter, Select
from integrations.providers.tables import as_text, listed

_UNREMARKABLE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ")


def to_params(query: Select, limit: int) -> dict[str, str]:
    """A checked query in PostgREST's language.

    All filters go into one `and=(…)`: as parameters of their own, a column called `limit` or `order` would
    be taken for something else.
    """
    params = {"select": ",".join(dict.fromkeys(query.columns)) or "*", "limit": str(limit)}
    if query.filters:
        params["and"] = f"({','.join(map(_condition, query.filters))})"
    if query.order:
        params["order"] = ",".join(f"{name}.{'desc' if down else 'asc'}" for name, down in query.order)
    if query.offset:
        params["offset"] = str(query.offset)
    return params


def _condition(one: Filter) -> str:
    if one.operator == "is":
        return f"{one.column}.is.{'null' if one.value is None else as_text(one.value)}"
    if one.operator == "in":
        values = listed(one.value)
        # `in.("")` would find nothing: PostgREST takes one empty value for no value.
        if len(values) != 1:
            return f"{one.column}.in.({','.join(map(_quoted, values))})"
        return f"{one.column}.eq.{_quoted(values[0])}"
    text = as_text(one.value)
    # PostgREST reads `*` as `%` and knows no way to escape it; a regular expression says the same.
    if one.operator in ("like", "ilike") and "*" in text:
        return f"{one.column}.{'match' if one.operator == 'like' else 'imatch'}.{_quoted(_as_regex(text))}"
    return f"{one.column}.{one.operator}.{_quoted(text)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _as_regex(pattern: str) -> str:
    """A LIKE pattern as an expression that matches the same texts."""
    parts, characters = [], iter(pattern)
    for character in characters:
        if character in "%_":
            parts.append(".*" if character == "%" else ".")
            continue
        literal = next(characters, "") if character == "\\" else character
        parts.append(literal if literal in _UNREMARKABLE or not literal.isascii() else f"\\{literal}")
    return f"^(?:{''.join(parts)})$"
