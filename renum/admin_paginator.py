"""Pages of lists that may be endless: nothing here costs more when the table is larger (rule I10)."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

MAX_COUNTED = 10_000  # rows counted, and rows that can be reached by turning pages


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in its stubs only
    """Counts up to 10,000 rows; a whole table larger than that is estimated from the catalogue.

    Only the first 10,000 rows can be paged to, since an OFFSET costs what it skips; older ones are
    found by filter and search.
    """

    object_list: Any  # a queryset
    template_name = "admin/bounded_pagination.html"  # read by unfold

    @cached_property
    def count(self) -> int:
        if not self._filtered:
            estimate = _estimated_rows(self.object_list.model._meta.db_table)
            if estimate > MAX_COUNTED:
                return estimate
        return int(self.object_list.order_by()[: MAX_COUNTED + 1].count())

    @cached_property
    def num_pages(self) -> int:
        pages = -(-min(self.count, MAX_COUNTED) // self.per_page)
        return max(1, pages)

    @property
    def count_in_words(self) -> str:
        if self.count <= MAX_COUNTED:
            return number_format(self.count, force_grouping=True)
        if self._filtered:
            return _("mais de %s") % number_format(MAX_COUNTED, force_grouping=True)
        return _("cerca de %s") % number_format(self.count, force_grouping=True)

    @property
    def _filtered(self) -> bool:
        return bool(self.object_list.query.where)


def _estimated_rows(table: str) -> int:
    """How many rows Postgres thinks there are; -1 before the first ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", [table])
        found = cursor.fetchone()
    return int(found[0]) if found else -1
