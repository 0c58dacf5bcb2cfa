from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from agent_tools.models import NamedQuery
from agent_tools.named_queries import parse_definition
from agent_tools.services import queries as services
from integrations.errors import IntegrationNotFound, SqlModeOff
from renum.admin_columns import CLIENT, Panel, add_panel, column, label, moment, row_link
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin
from renum.errors import DomainError, InvalidInput
from triggers.admin.triggers import IndentedJSONField

BY_TABLE = {
    "parameters": {"telefone": {"source": "sender_phone"}, "item": {"description": "o que foi pedido"}},
    "read": {
        "table": "pedidos",
        "columns": ["item", "valor"],
        "filters": [
            {"column": "telefone", "parameter": "telefone"},
            {"column": "item", "operator": "ilike", "parameter": "item"},
        ],
        "order": [{"column": "dia", "descending": True}],
        "limit": 20,
    },
}
BY_SQL = {
    "parameters": {"desde": {"type": "date", "description": "primeiro dia"}},
    "sql": "SELECT item, sum(valor) AS total FROM pedidos WHERE dia >= :desde GROUP BY item ORDER BY item",
}


def _help() -> SafeString:
    """An example of each kind, and who fills a parameter."""
    return format_html(
        '<p>{}</p><p>{}</p><pre class="overflow-x-auto">{}</pre><p>{}</p>'
        '<pre class="overflow-x-auto">{}</pre>',
        gettext(
            "Um parâmetro é dado pelo modelo, ou por quem escreve, que o modelo não pode trocar: source é "
            "sender_phone (+5511987654321), sender_digits, sender_national ou sender_attribute com attribute."
        ),
        gettext("Por tabela, em qualquer banco de dados:"),
        _as_json(BY_TABLE),
        gettext("Por SQL, no Postgres com o modo SQL ligado; um SELECT, com :nome para cada parâmetro:"),
        _as_json(BY_SQL),
    )


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


class NamedQueryForm(forms.ModelForm[NamedQuery]):
    """Checked when it is saved: SQL against the client's database; without one it stays a draft."""

    description = forms.CharField(
        label=_("Para que serve"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text=_("O agente escolhe a consulta por esta frase."),
    )
    definition = IndentedJSONField(
        label=_("Consulta"), widget=UnfoldAdminTextareaWidget({"rows": 18}), help_text=lazy(_help, str)()
    )
    is_published = forms.BooleanField(
        label=_("Publicada"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Só o que está publicado os agentes do cliente usam."),
    )

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        client_id = self.instance.client_id or (values["client"].pk if values.get("client") else None)
        if client_id is None:
            return values
        if "name" in values:
            others = NamedQuery.objects.filter(client_id=client_id, name=values["name"])
            if others.exclude(pk=self.instance.pk).exists():
                self.add_error("name", _("Este cliente já tem uma consulta com este nome."))
        if "definition" in values:
            self._check(client_id, values["definition"], publish=values["is_published"])
        return values

    def _check(self, client_id: UUID, definition: Any, *, publish: bool) -> None:
        try:
            services.check_query(client_id, definition, publish=publish)
        except (IntegrationNotFound, SqlModeOff) as error:
            self.add_error("is_published", _why_draft(error))
        except DomainError as error:
            self.add_error("definition", _problems(error))


def _why_draft(error: DomainError) -> str:
    return f"{error.message} {gettext('Sem isso o SQL não pode ser conferido; salve como rascunho.')}"


def _problems(error: DomainError) -> list[str]:
    if not isinstance(error, InvalidInput) or not error.details:
        return [error.message]
    return [f"{path}: {problem}" for path, problems in error.details.items() for problem in problems]


def _kind(query: NamedQuery) -> Any:
    try:
        definition = parse_definition(query.definition)
    except InvalidInput:  # saved by an older version
        return label(_("Inválida"), "danger")
    return _("Tabela %s") % definition.read.table if definition.read else "SQL"


def _parameters(query: NamedQuery) -> Any:
    """Who fills which."""
    try:
        parameters = parse_definition(query.definition).parameters
    except InvalidInput as error:
        return " ".join(_problems(error))
    told = ((name, one.type, one.attribute or one.source) for name, one in sorted(parameters.items()))
    return format_html_join(", ", "<code>{}</code> ({}, {})", told)


PUBLISHED = column(
    "published",
    _("situação"),
    lambda query: label(_("Publicada"), "success") if query.is_published else label(_("Rascunho")),
)
KIND = column("kind", _("lê"), _kind)
PARAMETERS = column("parameters", _("parâmetros"), _parameters)
DESCRIPTION = column("description", _("para que serve"), lambda query: query.description)
UPDATED = moment("updated_at", _("mudou em"))


@admin.register(NamedQuery)
class NamedQueryAdmin(ConsoleAdmin):
    """Reads of a client's database that staff write for its agents."""

    form = NamedQueryForm
    list_display = ("name", CLIENT, DESCRIPTION, PUBLISHED, KIND, UPDATED)
    list_select_related = ("client",)
    list_filter = (BY_CLIENT, "is_published")
    search_fields = ("name", "description")
    search_help_text = _("Nome ou para que serve")
    ordering = ("name", "id")
    sortable_by = ()
    actions = ("publish", "unpublish", "delete_selected")
    autocomplete_fields = ("client",)
    fields = ("client", "name", "description", "definition", "is_published")
    _shown = (*fields, PARAMETERS, "id", "created_at", "updated_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._shown if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("client", *self._shown[len(self.fields) :]) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if table := services.refused_table(obj.client_id, parse_definition(obj.definition)):
            text = _("A tabela %s não está entre as permitidas deste cliente; por ora a leitura é recusada.")
            self.message_user(request, text % table, messages.WARNING)

    @admin.action(description=_("Publicar"), permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[NamedQuery]) -> None:
        published = []
        for query in queryset.select_for_update(of=("self",)):
            try:
                if services.publish_query(query):
                    published.append(query)
            except DomainError as error:
                text = _("%(name)s não foi publicada: %(why)s") % {
                    "name": query.name,
                    "why": " ".join(_problems(error)),
                }
                self.message_user(request, text, messages.ERROR)
        self.write_log(request, published, _("Publicada."))
        text = ngettext("%d consulta publicada.", "%d consultas publicadas.", len(published))
        self.message_user(request, text % len(published), messages.SUCCESS)

    @admin.action(description=_("Tirar de publicação"), permissions=["change"])
    def unpublish(self, request: HttpRequest, queryset: QuerySet[NamedQuery]) -> None:
        taken = [one for one in queryset.select_for_update(of=("self",)) if services.unpublish_query(one)]
        self.write_log(request, taken, _("Tirada de publicação."))
        text = ngettext(
            "%d consulta tirada de publicação.", "%d consultas tiradas de publicação.", len(taken)
        )
        self.message_user(request, text % len(taken), messages.SUCCESS)


add_panel(
    "agent_tools.agent",
    Panel(
        _("Consultas do cliente"),
        (row_link(_("nome")), DESCRIPTION, PUBLISHED, KIND, UPDATED),
        lambda agent: NamedQuery.objects.filter(client_id=agent.client_id).order_by("name"),
        position=20,
    ),
)
