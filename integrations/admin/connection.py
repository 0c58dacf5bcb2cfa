"""Columns about a connection: its settings without the secrets, and what delivery knows of it."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from pydantic import SecretStr

from integrations import providers
from integrations.delivery.routes import is_interrupted
from integrations.models import DeliveryPolicy, DeliveryState, Integration, SendingSwitch
from renum import clock
from renum.admin_columns import EMPTY, as_moment, column, error_text, label, moment, moment_text, state
from renum.security.fields import PREFIX
from renum.security.redaction import redact_text

HIDDEN = "•••"

STATUS = state(
    "status",
    _("situação"),
    {
        Integration.Status.CONNECTED: "success",
        Integration.Status.DISCONNECTED: "warning",
        Integration.Status.ERROR: "danger",
    },
)
TESTED = moment("last_tested_at", _("último teste"))
ERROR = error_text("last_error", _("último erro"))
REMOVED = moment("removed_at", _("removida em"))


def readable(value: Any) -> Any:
    """A setting as staff may see it; secrets are not even opened for it."""
    if isinstance(value, SecretStr) or (isinstance(value, str) and value.startswith(PREFIX)):
        return HIDDEN
    return redact_text(str(value)) if value not in (None, "") else EMPTY


def _config_table(integration: Integration) -> Any:
    stored = integration.__dict__.get("config") or {}  # as stored: reading the attribute decrypts
    if not stored:
        return EMPTY
    rows = format_html_join(
        "",
        '<tr><td class="pr-6 py-1">{}</td><td class="py-1"><code>{}</code></td></tr>',
        ((name, readable(value)) for name, value in stored.items()),
    )
    return format_html("<table>{}</table>", rows)


def has_previous(integration: Integration) -> bool:
    """Tell whether credentials that worked before are kept; they are not opened for it."""
    return bool(integration.__dict__.get("previous_config"))


def _previous(integration: Integration) -> Any:
    if not has_previous(integration):
        return EMPTY
    kind = integration.__dict__["previous_config"].get("provider")
    title = providers.REGISTRY[kind].title if kind in providers.REGISTRY else kind
    return _("Guardadas (%s): podem voltar, se o provedor ainda as aceitar.") % title


def delivery_state_of(integration: Integration) -> DeliveryState | None:
    """What delivery remembers of the connection; nothing before its first trouble or paced message."""
    return getattr(integration, "delivery_state", None)


def _breaker(integration: Integration) -> Any:
    """The circuit breaker in words."""
    if integration.removed_at or integration.type == Integration.Type.DATABASE:
        return EMPTY
    found = delivery_state_of(integration)
    if found is None or found.open_until is None:
        return label(_("Fechado: mensagens passam"), "success")
    if is_interrupted(integration):
        return label(_("Aberto até %s") % moment_text(found.open_until, "H:i:s"), "danger")
    return label(_("Meio aberto: a próxima mensagem testa a conexão"), "warning")


def _blocked_until(integration: Integration) -> Any:
    found = delivery_state_of(integration)
    until = found.new_chats_blocked_until if found else None
    return until if until and until > clock.now() else None


def with_switches(integrations: QuerySet[Integration]) -> QuerySet[Integration]:
    """Beside each connection, whether its client's sending is paused, and whether everybody's is."""
    client_paused = DeliveryPolicy.objects.filter(client=OuterRef("client"), paused=True)
    return integrations.annotate(
        all_paused=Exists(SendingSwitch.objects.filter(paused=True)), client_paused=Exists(client_paused)
    )


def _sending(integration: Any) -> Any:
    """Whether messages leave, and if not, why: all that holds at once."""
    if integration.removed_at:
        return label(_("Removida"))
    if not integration.enabled:
        return label(_("Desativada"))
    if integration.type == Integration.Type.DATABASE:
        return EMPTY
    found = delivery_state_of(integration)
    labels = []
    if integration.all_paused:
        labels.append(label(_("Pausados para todos"), "danger"))
    if integration.client_paused:
        labels.append(label(_("Pausados para o cliente"), "warning"))
    if integration.paused:
        labels.append(label(_("Pausados"), "warning"))
    if found is not None and found.open_until is not None:
        labels.append(label(_("Interrompidos"), "danger"))
    if until := _blocked_until(integration):
        labels.append(label(_("Sem novas conversas até %s") % moment_text(until, "d/m H:i"), "warning"))
    return format_html_join(" ", "{}", ((one,) for one in labels)) or label(_("Liberados"), "success")


CONFIG = column("config", _("configuração"), _config_table)
PREVIOUS = column("previous", _("credenciais anteriores"), _previous)
SENDING = column("sending", _("envios"), _sending)
BREAKER = column("breaker", _("disjuntor"), _breaker)
FAILURES = column(
    "failures",
    _("falhas seguidas"),
    lambda integration: getattr(delivery_state_of(integration), "failures", 0) or EMPTY,
)
NEW_CHATS = column(
    "new_chats_blocked_until",
    _("sem novas conversas até"),
    lambda integration: as_moment(_blocked_until(integration)),
)
NEXT_SLOT = column(
    "next_proactive_at",
    _("próximo envio não solicitado"),
    lambda integration: as_moment(getattr(delivery_state_of(integration), "next_proactive_at", None)),
)
