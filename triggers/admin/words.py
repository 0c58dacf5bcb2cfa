"""QUANDO, SE and ENTÃO in words, for people who read lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from triggers.models import Trigger

Config = dict[str, Any]

TYPES: dict[str, Any] = {
    "always": gettext_lazy("Sempre"),
    "field_equals": gettext_lazy("Campo igual a"),
    "send_message": gettext_lazy("Enviar mensagem"),
}
_FIELDS = {
    "conversations.last_message_at": gettext_lazy("última mensagem"),
    "conversations.status": gettext_lazy("situação da conversa"),
    "conversations.channel": gettext_lazy("canal da conversa"),
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
        except (KeyError, TypeError):
            pass
    return f"{type_name(kind)} {Truncator(json.dumps(config, ensure_ascii=False)).chars(80)}"


def _time_based(config: Config) -> str:
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
    return _("%(delay)s após: %(moment)s") % {
        "delay": " ".join(parts),
        "moment": _field(config["reference_field"]),
    }


def _field_equals(config: Config) -> str:
    return f"{_field(config['field'])} = {config['value']}"


def _send_message(config: Config) -> str:
    return _("enviar pelo %(channel)s: “%(text)s”") % {
        "channel": config["channel"],
        "text": Truncator(config["message"]).chars(60),
    }


def _field(name: str) -> str:
    return str(_FIELDS.get(name, name))


_WHEN: dict[str, Callable[[Config], str]] = {"time_based": _time_based}
_IF: dict[str, Callable[[Config], str]] = {
    "always": lambda _config: str(TYPES["always"]).lower(),
    "field_equals": _field_equals,
}
_THEN: dict[str, Callable[[Config], str]] = {"send_message": _send_message}
