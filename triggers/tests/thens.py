"""ENTÃO, written down."""

from __future__ import annotations

from typing import Any

from renum.accounts.models import Client
from tests import factories
from triggers.errors import InvalidTriggerConfig
from triggers.tests.helpers import outbox

MAILS = {"type": "email_smtp", "provider": "smtp", "name": "SMTP"}
HELLO = {"channel": "whatsapp", "message": "Olá, {{ contato.nome }}!"}
ALERT = {"to": ["sucesso@renum.test"], "subject": "Alerta de {{ contato.nome }}", "body": "Ligue já."}
Written = tuple[str, dict[str, Any]]

TEXT: Written = ("send_message", HELLO)
MAIL: Written = ("send_email", ALERT)
CLOSE: Written = ("change_status", {"status": "closed"})


def then(*actions: Written, **more: Any) -> dict[str, Any]:
    """ENTÃO of a trigger: one action, or several in order."""
    if len(actions) == 1 and not more:
        return {"action_type": actions[0][0], "action_config": actions[0][1]}
    written = [{"action_type": name, "action_config": config} for name, config in actions]
    return {"action_type": "sequence", "action_config": {"actions": written, **more}}


def refusals(client: Client, *actions: Written) -> dict[str, Any]:
    """What saving such a trigger complains about, by path."""
    try:
        factories.make_trigger(client, **then(*actions))
    except InvalidTriggerConfig as error:
        return error.details
    return {}


def bodies() -> list[dict[str, Any]]:
    """What the messages in the outbox say."""
    return [message.body for message in outbox()]
