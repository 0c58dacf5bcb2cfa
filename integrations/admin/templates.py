from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from integrations import services
from integrations.errors import InvalidTemplate, TemplateNameTaken
from integrations.models import MessageTemplate
from integrations.templating import check_template, render_template
from renum.admin_columns import CLIENT, column, moment
from renum.admin_filters import BY_CLIENT
from renum.admin_site import ConsoleAdmin

MAX_BODY = 64 * 1024


class MessageTemplateForm(forms.ModelForm[MessageTemplate]):
    body = forms.CharField(
        label=_("Texto"),
        max_length=MAX_BODY,
        strip=False,
        widget=UnfoldAdminTextareaWidget({"rows": 12}),
        help_text=_("Variáveis entre chaves duplas, como {{ nome }} (Liquid)."),
    )

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                services.check_template_fields(values["channel"], values["subject"], values["body"])
            except InvalidTemplate as error:
                for field, problems in error.details.items():
                    self.add_error(field, problems)
            client_id = self.instance.client_id or values["client"].pk
            others = MessageTemplate.objects.filter(client_id=client_id, name=values["name"])
            if others.exclude(pk=self.instance.pk).exists():
                self.add_error("name", TemplateNameTaken().message)
        return values


def _variables(template: MessageTemplate) -> Any:
    """What whoever uses the template has to bring."""
    try:
        names = {*check_template(template.subject), *check_template(template.body)}
    except ValueError as error:  # saved by an older engine
        return str(error)
    return format_html_join(" ", "<code>{{{{ {} }}}}</code>", ((name,) for name in sorted(names)))


def _preview(template: MessageTemplate) -> Any:
    """The text with each variable's name in its place, where they are plain ones."""
    sources = [template.subject, template.body] if template.subject else [template.body]
    try:
        texts = [
            render_template(source, {name: f"‹{name}›" for name in check_template(source)})
            for source in sources
        ]
    except ValueError:
        return None
    return format_html('<div style="white-space: pre-line">{}</div>', "\n\n".join(texts))


VARIABLES = column("variables", _("variáveis"), _variables)
PREVIEW = column("preview", _("prévia"), _preview)


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ConsoleAdmin):
    """Texts that clients wrote; checked when they are saved, as in the API."""

    form = MessageTemplateForm
    list_display = ("name", CLIENT, "channel", VARIABLES, moment("updated_at", _("mudou em")))
    list_select_related = ("client",)
    list_filter = (BY_CLIENT, "channel")
    search_fields = ("name",)
    search_help_text = _("Nome")
    ordering = ("name", "id")
    sortable_by = ()
    autocomplete_fields = ("client",)
    fields = ("client", "name", "channel", "subject", "body")
    _shown = (
        "id",
        CLIENT,
        "name",
        "channel",
        "subject",
        "body",
        VARIABLES,
        PREVIEW,
        "created_at",
        "updated_at",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self._shown if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return tuple(name for name in self._shown if name not in self.fields) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in ("name", "channel", "subject", "body")}
        if change:
            services.change_template(obj, values)
            return
        created = services.create_template(obj.client_id, **values)
        obj.pk, obj._state.adding = created.pk, False
