"""The inbox: what providers told us, kept before we say 200, each event once."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models import Integration
from renum import clock
from renum.accounts.models import Client
from renum.security.blind_index import HEX_LENGTH
from renum.security.fields import SealedJSONField


class InboundEvent(models.Model):
    """One event of a provider. The payload is encrypted, and erased when the event is dealt with."""

    class State(models.TextChoices):
        PENDING = "pending", _("Aguardando")
        DONE = "done", _("Processado")
        IGNORED = "ignored", _("Ignorado")
        FAILED = "failed", _("Falhou")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Not checked by Postgres: it is always that of the integration, which is checked.
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, db_index=False, db_constraint=False, verbose_name=_("cliente")
    )
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, db_index=False, verbose_name=_("integração")
    )
    kind = models.CharField(_("tipo"), max_length=40)
    dedup_key = models.CharField(_("chave"), max_length=200)
    chat_index = models.CharField(max_length=HEX_LENGTH, editable=False, blank=True)  # order per chat
    payload = SealedJSONField(null=True)
    state = models.CharField(_("situação"), max_length=10, choices=State, default=State.PENDING)
    reason_code = models.CharField(_("motivo"), max_length=40, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(_("tentativas"), default=0)
    next_attempt_at = models.DateTimeField(_("próxima tentativa"), default=clock.now)
    received_at = models.DateTimeField(_("recebido em"), default=clock.now)
    processed_at = models.DateTimeField(_("processado em"), null=True, blank=True)

    class Meta:
        db_table = "inbound_events"
        verbose_name = _("evento recebido")
        verbose_name_plural = _("eventos recebidos")
        constraints = (
            # each event of a connection once, however often it is delivered
            models.UniqueConstraint(fields=["integration", "dedup_key"], name="inbound_events_once"),
        )
        indexes = (
            # the claim: what is due, oldest first
            models.Index(
                fields=["received_at"], name="inbound_events_pending", condition=models.Q(state="pending")
            ),
            # the claim: is an earlier event of the chat pending elsewhere
            models.Index(
                fields=["integration", "chat_index", "received_at"],
                name="inbound_events_chat_pending",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["client", "-received_at"], name="inbound_events_client_time"),  # console
            models.Index(fields=["-received_at"], name="inbound_events_time"),  # the console's list
            models.Index(fields=["state", "-received_at"], name="inbound_events_state_time"),  # its filter
        )

    def __str__(self) -> str:
        return f"{self.kind} · {self.get_state_display()}"
