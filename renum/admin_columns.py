"""Columns and read-only fields of the console, and the small tables on its pages.

A column is a callable of a row; the same one serves a list, a form and a panel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from renum.security.redaction import redact_text

Column = Callable[[Any], Any]
EMPTY = "–"
PANEL_ROWS = 20


def column(
    name: str, title: Any, show: Callable[[Any], Any], *, order: str | None = None, boolean: bool = False
) -> Column:
    """Make a column of a function; `order` names the field that it sorts by."""

    def read(row: Any) -> Any:
        value = show(row)
        return value if boolean or value not in (None, "") else EMPTY

    read.__name__ = name
    read.short_description = title  # type: ignore[attr-defined]
    if order:
        read.admin_order_field = order  # type: ignore[attr-defined]
    if boolean:
        read.boolean = True  # type: ignore[attr-defined]
    return read


# --- Links ----------------------------------------------------------------------------------------


def change_url(app_label: str, model_name: str, pk: Any) -> str:
    return reverse(f"admin:{app_label}_{model_name}_change", args=[pk])


def link_to(row: Model | None, text: Any = None) -> SafeString | str:
    """A link to the page of a row, named as the row names itself."""
    if row is None:
        return EMPTY
    return link(change_url(row._meta.app_label, row._meta.model_name or "", row.pk), text or row)


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text)


def row_link(title: Any, text: Callable[[Any], Any] = str) -> Column:
    """The row's name, or another text of it, linked to its page."""
    return column("row", title, lambda row: link_to(row, text(row)))


def linked(field: str, title: Any) -> Column:
    """A related row, linked; the list is to select it along."""
    return column(field, title, lambda row: link_to(getattr(row, field)))


def linked_id(field: str, title: Any, app_label: str, model_name: str, text: Any) -> Column:
    """A row known by its id alone, linked without loading it."""

    def show(row: Any) -> Any:
        pk = getattr(row, field)
        return link(change_url(app_label, model_name, pk), f"{text} {pk.hex[:8]}") if pk else EMPTY

    return column(field, title, show)


CLIENT = linked("client", _("cliente"))

# --- States and moments ----------------------------------------------------------------------------


def label(text: Any, colour: str = "") -> SafeString:
    """A coloured label: `success`, `info`, `warning`, `danger`, or grey."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def state(field: str, title: Any, colours: dict[Any, str]) -> Column:
    """A choice field as a coloured label."""

    def show(row: Any) -> SafeString:
        value = getattr(row, field)
        return label(getattr(row, f"get_{field}_display")(), colours.get(value, ""))

    return column(field, title, show, order=field)


def moment_text(instant: datetime, style: str = "d/m/Y H:i") -> str:
    """Day and time in the staff's zone."""
    return date_format(timezone.localtime(instant), style)


def as_moment(instant: datetime | None) -> SafeString | str:
    """Day and time, to the second when pointed at."""
    if instant is None:
        return EMPTY
    return format_html(
        '<span class="whitespace-nowrap" title="{}">{}</span>',
        moment_text(instant, "d/m/Y H:i:s T"),
        moment_text(instant),
    )


def moment(field: str, title: Any) -> Column:
    return column(field, title, lambda row: as_moment(getattr(row, field)), order=field)


def error_text(field: str, title: Any, length: int = 200) -> Column:
    """What went wrong, in short, and once more without addresses and credentials."""

    def show(row: Any) -> str:
        text = redact_text(str(getattr(row, field) or ""))
        return text if len(text) <= length else text[: length - 1] + "…"

    return column(field, title, show)


# --- The chain of causes ---------------------------------------------------------------------------

_CAUSES: dict[str, tuple[Any, str, str]] = {}


def name_cause(kind: str, title: Any, app_label: str, model_name: str) -> None:
    """Say what `kind:<id>` in a chain of causes is, and where its page is."""
    _CAUSES[kind] = (title, app_label, model_name)


def cause_chain(chain: Sequence[str]) -> SafeString:
    """A chain of causes as links, oldest first."""
    return format_html_join(" → ", "{}", [(_cause_link(step),) for step in chain])


def _cause_link(step: str) -> SafeString | str:
    kind, _colon, identifier = step.partition(":")
    try:
        pk = UUID(identifier)
        title, app_label, model_name = _CAUSES[kind]
    except (ValueError, KeyError):
        return step
    return link(change_url(app_label, model_name, pk), f"{title} {pk.hex[:8]}")


CAUSE = column("cause", _("causa"), lambda row: cause_chain(row.cause))

# --- Panels ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panel:
    """A table on the page of a row: its latest related rows. `rows` returns them, newest first.

    Panels of one page are shown by `position`.
    """

    title: Any
    columns: Sequence[Column]
    rows: Callable[[Any], Any]
    position: int = 10

    def as_table(self, row: Any) -> dict[str, Any]:
        """What unfold's table component takes."""
        found = self.rows(row)[:PANEL_ROWS]
        return {
            "headers": [str(each.short_description) for each in self.columns],  # type: ignore[attr-defined]
            "rows": [[each(one) for each in self.columns] for one in found],
        }


_PANELS: dict[str, list[Panel]] = {}


def add_panel(model_label: str, panel: Panel) -> None:
    """Put a table on the page of `app_label.model`: later apps add theirs to earlier apps' pages."""
    _PANELS.setdefault(model_label, []).append(panel)


def panels_of(row: Model) -> list[dict[str, Any]]:
    return _tables(_PANELS.get(row._meta.label_lower, []), row)


def _tables(panels: Sequence[Panel], row: Model | None) -> list[dict[str, Any]]:
    in_order = sorted(panels, key=lambda panel: panel.position)
    return [{"title": panel.title, "table": panel.as_table(row)} for panel in in_order]


# --- What wants a person ---------------------------------------------------------------------------

_ALERTS: list[Panel] = []


def add_alert(panel: Panel) -> None:
    """Put a table on the console's first page, for as long as it has rows: somebody should look at them.

    `rows` is called with None.
    """
    _ALERTS.append(panel)


def alerts() -> list[dict[str, Any]]:
    """The tables that have rows, by position. One query each."""
    return [one for one in _tables(_ALERTS, None) if one["table"]["rows"]]
