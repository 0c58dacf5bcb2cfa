"""Keyset pages: page 10,000 of a ledger costs what page 1 costs, and no count is taken."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ValidationError
from rest_framework import exceptions as drf
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response

from renum.errors import InvalidInput


class KeysetPagination(CursorPagination):
    """Answers `{success, <results_key>: […], next_cursor}`; ask on with `?cursor=`, `?limit=` ≤ 200."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    results_key = "results"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, drf.NotFound) as error:  # a position that is no instant
            raise InvalidInput(details={"cursor": ["Cursor inválido."]}) from error

    def get_paginated_response(self, data: Any) -> Response:
        link = self.get_next_link()
        cursor = parse_qs(urlsplit(link).query)["cursor"][0] if link else None
        return Response({"success": True, self.results_key: data, "next_cursor": cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["success", self.results_key, "next_cursor"],
            "properties": {
                "success": {"type": "boolean"},
                self.results_key: schema,
                "next_cursor": {"type": "string", "nullable": True},
            },
        }
