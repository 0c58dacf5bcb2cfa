"""The form of an agent: what staff fill in, as its service takes it."""

from __future__ import annotations

import copy
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from agent_tools.defaults import ALL_TOOLS, INTENTS, STANDARD
from agent_tools.errors import AgentNameTaken
from agent_tools.model_names import PROVIDERS
from agent_tools.models import Agent
from agent_tools.services.agents import apply_changes
from renum.errors import InvalidInput
from renum.security.crypto import DecryptionFailed

MAX_PROMPT, MAX_KEY = 20_000, 1000
TOOL_NAMES: dict[str, Any] = {
    "send_whatsapp_message": _("Responder no WhatsApp"),
    "change_status": _("Mudar a situação da conversa"),
    "detect_intent": _("Registrar a intenção do contato"),
    "request_human": _("Chamar uma pessoa"),
    "send_email": _("Enviar e-mail"),
    "query_database": _("Consultar uma tabela do banco de dados do cliente"),
    "run_named_query": _("Usar uma consulta publicada"),
    "query_sql": _("Consultar o banco de dados do cliente por SQL"),
}
# Fields of this form that the service knows by another name.
_FIELDS = {"allowed_recipients": "recipients", "model_key": "new_key"}
_OWN = frozenset({"client", "recipients", "new_key", "clear_key"})


def day_name(day: int) -> str:
    """Monday is 0."""
    return capfirst(str(WEEKDAYS[day]))


class LongTextField(forms.CharField):
    """A text of many lines as it is stored: browsers end lines in their own way."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class LinesField(forms.CharField):
    """A list of words, one on each line; commas and spaces part them too."""

    widget = UnfoldAdminTextareaWidget({"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else "\n".join(value)

    def to_python(self, value: Any) -> Any:
        words = str(super().to_python(value)).replace(",", " ").replace(";", " ").split()
        return list(dict.fromkeys(words))


def _clock_input() -> forms.TimeInput:
    """Django's own warns whoever sits in another time zone; these times are on the client's clock."""
    return forms.TimeInput({"type": "time", "class": " ".join(INPUT_CLASSES)}, format="%H:%M")


class AgentForm(forms.ModelForm[Agent]):
    """The model's key is taken and never shown: the field for it begins empty, and empty keeps it."""

    prompt = LongTextField(
        label=_("Instruções"),
        max_length=MAX_PROMPT,
        strip=False,
        widget=UnfoldAdminTextareaWidget({"rows": 14}),
        help_text=_(
            "Como o agente atende, o que ele não conta a ninguém. As regras de segurança valem também."
        ),
    )
    knowledge = LongTextField(
        label=_("O que pode contar"),
        max_length=MAX_PROMPT,
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget({"rows": 6}),
        help_text=_("Endereços, preços, prazos: o que pode dizer a qualquer pessoa."),
    )
    answers_whatsapp = forms.BooleanField(
        label=_("Responde no WhatsApp"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Um só de cada cliente: o que respondia até agora deixa de responder."),
    )
    tools = forms.MultipleChoiceField(
        label=_("Ferramentas"),
        choices=[(name, TOOL_NAMES[name]) for name in ALL_TOOLS],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    intents = LinesField(
        label=_("Intenções"),
        required=False,
        help_text=format_lazy(
            _("Uma por linha; vazio, as de costume: {intents}."), intents=", ".join(INTENTS)
        ),
    )
    recipients = LinesField(
        label=_("Destinatários permitidos"),
        required=False,
        help_text=_("Endereços e domínios (@empresa.com.br), um por linha; vazio, só o e-mail do cliente."),
    )
    model = forms.CharField(
        label=_("Modelo"),
        max_length=100,
        required=False,
        help_text=format_lazy(
            _("Vazio, o da instalação; local; ou provedor:modelo, com um de: {providers}."),
            providers=", ".join(PROVIDERS),
        ),
        widget=forms.TextInput({"class": " ".join(INPUT_CLASSES)}),
    )
    new_key = forms.CharField(
        label=_("Chave do modelo"),
        max_length=MAX_KEY,
        required=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text=_("Depois de salva não é mostrada. Vazio mantém a que está guardada."),
    )
    clear_key = forms.BooleanField(
        label=_("Apagar a chave guardada"), required=False, widget=UnfoldBooleanWidget
    )
    active_days = forms.TypedMultipleChoiceField(
        label=_("Dias"),
        coerce=int,
        choices=lambda: [(day, day_name(day)) for day in range(7)],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    active_from = forms.TimeField(label=_("Atende das"), required=False, widget=_clock_input())
    active_until = forms.TimeField(label=_("Até"), required=False, widget=_clock_input())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_unreadable = False
        try:
            self.initial["recipients"] = list(self.instance.recipients)
        except DecryptionFailed:
            self.initial["recipients"] = []
            self.fields["recipients"].help_text = _(
                "Os que estão guardados não abrem com as chaves atuais; salvar os troca pelos daqui."
            )
            self._is_unreadable = True

    def changes(self) -> dict[str, Any]:
        """What is to change, as the service takes it."""
        names = set(self.fields) if self.instance._state.adding else set(self.changed_data)
        values = {name: self.cleaned_data[name] for name in names - _OWN}
        if self.cleaned_data["new_key"]:
            values["model_key"] = self.cleaned_data["new_key"]
        elif self.cleaned_data["clear_key"]:
            values["model_key"] = None
        if "recipients" in names or self._is_unreadable:
            values["allowed_recipients"] = "\n".join(self.cleaned_data["recipients"]) or None
        return values

    def clean_new_key(self) -> str:
        key = str(self.cleaned_data["new_key"])
        if any(character.isspace() for character in key):
            raise forms.ValidationError(_("Não pode ter espaços."))
        return key

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        is_new = self.instance._state.adding
        client_id = values["client"].pk if is_new else self.instance.client_id
        if "name" in values:
            others = Agent.objects.filter(client_id=client_id, name=values["name"])
            if others.exclude(pk=self.instance.pk).exists() or (is_new and values["name"] in STANDARD):
                self.add_error("name", AgentNameTaken().message)
                return values
        agent = Agent(client_id=client_id) if is_new else copy.copy(self.instance)
        try:
            apply_changes(agent, self.changes())
        except InvalidInput as error:
            for name, problems in error.details.items():
                field = _FIELDS.get(name, name)
                self.add_error(field if field in self.fields else None, problems)
        except DecryptionFailed:
            self.add_error("new_key", _("A chave guardada não abre com as chaves atuais; digite-a de novo."))
        return values

    def _get_validation_exclusions(self) -> set[str]:
        """Without the constraints on the client's agents: taken names are refused above, beside their field,
        and of two that answer on WhatsApp the service has the one before give way."""
        return {*super()._get_validation_exclusions(), "client"}  # type: ignore[misc]  # not in the stubs
