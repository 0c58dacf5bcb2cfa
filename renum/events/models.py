"""The log of what happened to a client's things, each entry with its cause."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client


class Event(models.Model):
    """Something that happened. Append-only; `data` holds identifiers and codes, never text or PII."""

    class Kind(models.TextChoices):
        MESSAGE_RECEIVED = "message_received", _("Mensagem recebida")
        MESSAGE_SENT = "message_sent", _("Mensagem enviada")
        MESSAGE_FAILED = "message_failed", _("Mensagem não enviada")
        MESSAGE_UNKNOWN = "message_unknown", _("Envio incerto")
        CONVERSATION_OPENED = "conversation_opened", _("Conversa aberta")
        STATUS_CHANGED = "status_changed", _("Situação alterada")
        INTEGRATION_CONFIGURED = "integration_configured", _("Integração configurada")
        INTEGRATION_REFUSED = "integration_refused", _("Credenciais recusadas")
        INTEGRATION_CHANGED = "integration_changed", _("Integração alterada")
        INTEGRATION_REMOVED = "integration_removed", _("Integração removida")
        DELIVERY_POLICY_CHANGED = "delivery_policy_changed", _("Regras de envio alteradas")
        CONTACT_SUPPRESSED = "contact_suppressed", _("Envio bloqueado para o contato")
        MESSAGE_DELIVERED = "message_delivered", _("Mensagem entregue")
        CONTACT_OPTED_OUT = "contact_opted_out", _("Contato pediu para não receber")
        CONTACT_OPTED_IN = "contact_opted_in", _("Contato pediu para voltar a receber")
        CONTACT_EXPORTED = "contact_exported", _("Dados do contato exportados")
        CONTACT_ERASED = "contact_erased", _("Dados do contato apagados")
        INTEGRATION_CONNECTED = "integration_connected", _("Integração conectada")
        INTEGRATION_DISCONNECTED = "integration_disconnected", _("Integração desconectada")
        AGENT_PAUSED = "agent_paused", _("Agente em pausa")
        AGENT_RESUMED = "agent_resumed", _("Agente retomado")
        ATTENTION_WANTED = "attention_wanted", _("Conversa pede atenção")
        ATTENTION_GIVEN = "attention_given", _("Conversa atendida por pessoa")
        INTENT_DETECTED = "intent_detected", _("Intenção detectada")
        TRIGGER_PAUSED = "trigger_paused", _("Gatilho pausado por falhas")
        CONVERSATION_POLICY_CHANGED = "conversation_policy_changed", _("Regras de conversa alteradas")
        AGENT_CHANGED = "agent_changed", _("Agente alterado")
        AUTOMATION_POLICY_CHANGED = "automation_policy_changed", _("Regras de automação alteradas")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    kind = models.CharField(_("tipo"), max_length=40, choices=Kind)
    conversation_id = models.UUIDField(_("conversa"), null=True, blank=True)
    data = models.JSONField(_("dados"), default=dict)
    cause = ArrayField(models.TextField(), verbose_name=_("causa"), default=list)
    occurred_at = models.DateTimeField(_("quando"), default=clock.now)
    # Whether event triggers have looked at it: set in the transaction that records what matched.
    is_considered = models.BooleanField(default=False, editable=False)

    class Meta:
        db_table = "events"
        verbose_name = _("evento")
        verbose_name_plural = _("eventos")
        indexes = (
            # a client's log, newest first; event triggers reading on from where they were
            models.Index(fields=["client", "-occurred_at"], name="events_client_time"),
            # the story of one conversation
            models.Index(fields=["conversation_id", "-occurred_at"], name="events_conversation_time"),
            models.Index(fields=["-occurred_at"], name="events_time"),  # the console's list
            # event triggers: what is still to be looked at
            models.Index(
                fields=["client"], name="events_unconsidered", condition=models.Q(is_considered=False)
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()
