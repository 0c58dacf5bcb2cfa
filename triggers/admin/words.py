"""QUANDO, SE and ENTÃO in words, for people who read lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from renum.conversations.models import Conversation
from renum.events.models import Event
from triggers.models import Trigger

Config = dict[str, Any]

TYPES: dict[str, Any] = {
    "always": gettext_lazy("Sempre"),
    "field_equals": gettext_lazy("Comparar um campo"),
    "field_contains": gettext_lazy("Campo contém"),
    "time_elapsed": gettext_lazy("Tempo decorrido"),
    "all": gettext_lazy("Todas as condições"),
    "any": gettext_lazy("Alguma das condições"),
    "not": gettext_lazy("Negação de uma condição"),
    "send_message": gettext_lazy("Enviar mensagem"),
    "send_email": gettext_lazy("Enviar e-mail"),
    "change_status": gettext_lazy("Mudar a situação da conversa"),
    "run_trigger": gettext_lazy("Acionar outro gatilho"),
    "call_tool": gettext_lazy("Usar uma ferramenta"),
    "sequence": gettext_lazy("Várias ações em ordem"),
}
_FIELDS = {
    "conversations.last_message_at": gettext_lazy("última mensagem"),
    "conversations.last_inbound_at": gettext_lazy("última mensagem recebida"),
    "conversations.last_outbound_at": gettext_lazy("última mensagem enviada"),
    "conversations.unanswered_since": gettext_lazy("mensagem sem resposta"),
    "conversations.created_at": gettext_lazy("início da conversa"),
    "conversations.status": gettext_lazy("situação da conversa"),
    "conversations.channel": gettext_lazy("canal da conversa"),
}
_OPERATORS = {
    "equals": "=",
    "not_equals": "≠",
    "in": gettext_lazy("é um de"),
    "is_set": gettext_lazy("tem valor"),
    "is_not_set": gettext_lazy("não tem valor"),
    "greater_than": ">",
    "greater_or_equal": "≥",
    "less_than": "<",
    "less_or_equal": "≤",
}


def type_name(kind: str) -> Any:
    """What people call a type of condition or action."""
    return TYPES.get(kind, kind)


def when(trigger: Trigger) -> str:
    return _in_words(_WHEN, trigger.trigger_type, trigger.trigger_config)


def condition(trigger: Trigger) -> str:
    return _in_words(_IF, trigger.condition_type, trigger.condition_config)


def action(trigger: Trigger) -> str:
    return _in_words(_THEN, trigger.action_type, trigger.action_config)


def _in_words(words: dict[str, Callable[[Config], str]], kind: str, config: Any) -> str:
    """The sentence for the type; its bare config if there is none, or if it is not valid any more."""
    if kind in words and isinstance(config, dict):
        try:
            return words[kind](config)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
    return f"{type_name(kind)} {Truncator(json.dumps(config, ensure_ascii=False)).chars(80)}"


def _time_based(config: Config) -> str:
    if schedule := config.get("schedule"):
        return _scheduled(schedule)
    sentence = _("%(delay)s antes de: %(moment)s") if config.get("direction") == "before" else ""
    return (sentence or _("%(delay)s após: %(moment)s")) % {
        "delay": _delay(config),
        "moment": _field(config["reference_field"]),
    }


def _scheduled(schedule: Config) -> str:
    if crontab := schedule.get("crontab"):
        return _("pelo calendário: %(when)s") % {"when": crontab}
    if once := schedule.get("once"):
        return _("uma vez: %(when)s") % {"when": once}
    return _("a cada %(count)s %(period)s") % {
        "count": schedule["every"],
        "period": {"minutes": _("minutos"), "hours": _("horas"), "days": _("dias")}[schedule["period"]],
    }


def _event_based(config: Config) -> str:
    event = Event.Kind(config["event"]).label if config["event"] in Event.Kind else config["event"]
    intents = ", ".join(config.get("intent_values") or ())
    return _("a cada evento: %(event)s") % {"event": f"{event} ({intents})" if intents else event}


def _delay(config: Config) -> str:
    days, hours, minutes = (config.get(f"delay_{unit}", 0) for unit in ("days", "hours", "minutes"))
    parts = [
        text % count
        for count, text in (
            (days, ngettext("%d dia", "%d dias", days)),
            (hours, ngettext("%d hora", "%d horas", hours)),
            (minutes, ngettext("%d minuto", "%d minutos", minutes)),
        )
        if count
    ]
    return " ".join(parts) or _("na hora")


def _field_equals(config: Config) -> str:
    operator = config.get("operator", "equals")
    value = config.get("value")
    shown = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else value
    return f"{_field(config['field'])} {_OPERATORS.get(operator, operator)} {shown}".strip()


def _field_contains(config: Config) -> str:
    return _("%(field)s contém “%(text)s”") % {"field": _field(config["field"]), "text": config["value"]}


def _time_elapsed(config: Config) -> str:
    is_less = config.get("operator") == "less_than"
    sentence = _("menos de %(delay)s desde: %(moment)s") if is_less else _("%(delay)s desde: %(moment)s")
    return sentence % {"delay": _delay(config), "moment": _field(config["field"])}


def _joined(config: Config, word: str) -> str:
    inner = [_branch(branch) for branch in config["conditions"]]
    return inner[0] if len(inner) == 1 else f"({f' {word} '.join(inner)})"


def _branch(branch: Config) -> str:
    return _in_words(_IF, branch["condition_type"], branch.get("condition_config") or {})


def _send_message(config: Config) -> str:
    sentence = _("enviar pelo %(channel)s: “%(text)s”")
    if "to" in config:
        sentence = _("enviar pelo %(channel)s para %(to)s: “%(text)s”")
    return sentence % {"channel": config["channel"], "to": _recipients(config), "text": _said(config)}


def _send_email(config: Config) -> str:
    return _("enviar e-mail para %(to)s: “%(text)s”") % {"to": _recipients(config), "text": _said(config)}


def _recipients(config: Config) -> str:
    """One as it is, of several how many: a list has little room."""
    to = config.get("to", "")
    if not isinstance(to, list):
        return str(to)
    return to[0] if len(to) == 1 else ngettext("%d endereço", "%d endereços", len(to)) % len(to)


def _said(config: Config) -> str:
    text = config.get("subject") or config.get("message") or config.get("body") or config["template_id"]
    return Truncator(text).chars(60)


def _change_status(config: Config) -> str:
    status = Conversation.Status(config["status"]).label
    return _("mudar a situação da conversa para %(status)s") % {"status": status.lower()}


def _call_tool(config: Config) -> str:
    return _("usar a ferramenta %(tool)s") % {"tool": config["tool"]}


def _sequence(config: Config) -> str:
    steps = [_in_words(_THEN, step["action_type"], step["action_config"]) for step in config["actions"]]
    return "; ".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def _field(name: str) -> str:
    return str(_FIELDS.get(name) or name.removeprefix("contacts.attributes."))


_WHEN: dict[str, Callable[[Config], str]] = {
    "time_based": _time_based,
    "event_based": _event_based,
    "condition_based": lambda _config: _("quando a condição passa a valer"),
}
_IF: dict[str, Callable[[Config], str]] = {
    "always": lambda _config: str(TYPES["always"]).lower(),
    "field_equals": _field_equals,
    "field_contains": _field_contains,
    "time_elapsed": _time_elapsed,
    "all": lambda config: _joined(config, _("e")),
    "any": lambda config: _joined(config, _("ou")),
    "not": lambda config: _("não: %(condition)s") % {"condition": _branch(config["condition"])},
}
_THEN: dict[str, Callable[[Config], str]] = {
    "send_message": _send_message,
    "send_email": _send_email,
    "change_status": _change_status,
    "run_trigger": lambda _config: _("acionar outro gatilho"),
    "call_tool": _call_tool,
    "sequence": _sequence,
}
