"""The API's only body format: JSON up to the cap, with no room for surprises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from renum.api.body import read_body


def parse_json(body: bytes, *, mend: bool = False) -> Any:
    """Decode UTF-8 JSON; raises `ValueError` for NaN, duplicate keys, deep nesting or bad text.

    Half of a surrogate pair, as of an emoji cut in two, is bad text too; `mend` makes it a `?`.
    """
    try:
        value = _STRICT.decode(body.decode("utf-8"))
        if b"\\ud" in body.lower():
            text = json.dumps(value, ensure_ascii=False)
            value = json.loads(text.encode("utf-8", "replace" if mend else "strict"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


_STRICT = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_unique)


class CappedJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]._request
        try:
            return parse_json(read_body(request))
        except ValueError as error:
            raise ParseError from error
