"""The ledger of everything that left, or is to leave."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.connections import Integration
from integrations.querysets import OutboundQuerySet
from renum import clock
from renum.accounts.models import Client
from renum.conversations.models import Channel, Conversation
from renum.security.blind_index import HEX_LENGTH
from renum.security.fields import SealedJSONField, SealedTextField


class OutboundMessage(models.Model):
    """A message on its way out. It is a row before any code tries to send it (rule I1).

    `id` is also that of its `conversations.Message`, and travels to the provider as our reference.
    Text and recipient are encrypted, and erased when the state is final.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Na fila")
        SENDING = "sending", _("Enviando")
        SENT = "sent", _("Enviada")
        FAILED = "failed", _("Não enviada")
        UNKNOWN = "unknown", _("Incerta")

    class Priority(models.IntegerChoices):
        """The lanes. HIGH is for replies; what nobody asked for goes in the others, and is paced."""

        HIGH = 0, _("Alta")
        NORMAL = 1, _("Normal")
        LOW = 2, _("Baixa")

    class Kind(models.TextChoices):
        TEXT = "text", _("Texto")
        MEDIA = "media", _("Mídia")
        MAIL = "mail", _("E-mail")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, db_index=False, verbose_name=_("integração")
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("conversa")
    )
    channel = models.CharField(_("canal"), max_length=10, choices=Channel)
    kind = models.CharField(_("tipo"), max_length=10, choices=Kind, default=Kind.TEXT)
    recipient = SealedTextField(null=True)
    recipient_index = models.CharField(max_length=HEX_LENGTH, editable=False)
    body = SealedJSONField(null=True)
    idempotency_key = models.CharField(_("chave de idempotência"), max_length=200)
    fingerprint = models.CharField(max_length=HEX_LENGTH, editable=False)
    priority = models.PositiveSmallIntegerField(_("prioridade"), choices=Priority, default=Priority.NORMAL)
    state = models.CharField(_("situação"), max_length=10, choices=State, default=State.QUEUED)
    reason_code = models.CharField(_("motivo"), max_length=40, blank=True, default="")
    error_message = models.TextField(_("erro"), blank=True, default="")
    attempts = models.PositiveSmallIntegerField(_("tentativas"), default=0)
    attempts_spared = models.PositiveSmallIntegerField(default=0)  # those that use up no retry
    next_attempt_at = models.DateTimeField(_("próxima tentativa"), default=clock.now)
    not_after = models.DateTimeField(_("válida até"), null=True, blank=True)
    lease_token = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    provider_message_id = models.CharField(_("ID no provedor"), max_length=128, null=True, blank=True)
    # the one message that may go to somebody who opted out: that we heard them
    confirms_opt_out = models.BooleanField(default=False, editable=False)
    cause = ArrayField(models.TextField(), verbose_name=_("causa"), default=list)
    queued_at = models.DateTimeField(_("na fila desde"), default=clock.now)
    sent_at = models.DateTimeField(_("enviada em"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("entregue em"), null=True, blank=True)
    finished_at = models.DateTimeField(_("concluída em"), null=True, blank=True)

    objects = OutboundQuerySet.as_manager()

    class Meta:
        db_table = "outbound_messages"
        verbose_name = _("mensagem de saída")
        verbose_name_plural = _("mensagens de saída")
        constraints = (
            models.UniqueConstraint(fields=["client", "idempotency_key"], name="outbound_idempotency_unique"),
        )
        indexes = (
            # the dispatcher: which integrations have work in this lane, and what is due there
            models.Index(
                fields=["priority", "integration", "next_attempt_at"],
                name="outbound_queued",
                condition=models.Q(state="queued"),
            ),
            # the dispatcher: how many are in flight; the sweep: whose lease ran out
            models.Index(
                fields=["integration", "leased_until"],
                name="outbound_sending",
                condition=models.Q(state="sending"),
            ),
            # the dispatcher: is an earlier message to the same person still unsent
            models.Index(
                fields=["integration", "recipient_index", "queued_at"],
                name="outbound_recipient_unsent",
                condition=models.Q(state__in=["queued", "sending"]),
            ),
            # what was sent today
            models.Index(
                fields=["integration", "sent_at"], name="outbound_sent", condition=models.Q(state="sent")
            ),
            # the gate: what may have left today
            models.Index(
                fields=["integration", "finished_at"],
                name="outbound_unknown",
                condition=models.Q(state="unknown"),
            ),
            # the gate: how many did this person get lately
            models.Index(
                fields=["client", "recipient_index", "finished_at"],
                name="outbound_recipient_sent",
                condition=models.Q(state__in=["sent", "unknown"]),
            ),
            # API ledger of one contact
            models.Index(fields=["client", "recipient_index", "-queued_at"], name="outbound_recipient_time"),
            models.Index(fields=["client", "-queued_at"], name="outbound_client_time"),  # API ledger
            models.Index(fields=["-queued_at"], name="outbound_time"),  # the console's list
            models.Index(fields=["state", "-queued_at"], name="outbound_state_time"),  # its filter
        )

    def __str__(self) -> str:
        return f"{self.get_state_display()} · {self.id.hex[:8]}"


class DeliveryAttempt(models.Model):
    """One try to hand a message to a provider: committed before the bytes leave, closed after."""

    class Outcome(models.TextChoices):
        STARTED = "started", _("Iniciada")
        SENT = "sent", _("Enviada")
        RETRY = "retry", _("Será repetida")
        FAILED = "failed", _("Recusada")
        UNKNOWN = "unknown", _("Incerta")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    message = models.ForeignKey(
        OutboundMessage, on_delete=models.CASCADE, related_name="delivery_attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField(_("tentativa"))
    provider = models.CharField(_("provedor"), max_length=50)
    outcome = models.CharField(_("resultado"), max_length=10, choices=Outcome, default=Outcome.STARTED)
    error_code = models.CharField(_("erro"), max_length=40, blank=True, default="")
    error_message = models.TextField(_("descrição"), blank=True, default="")
    http_status = models.PositiveSmallIntegerField(_("HTTP"), null=True, blank=True)
    # of a mail that others got: `{"recipient": "to[1]", "code": 550, "detail": "…"}`, no addresses
    refused_recipients = models.JSONField(_("destinatários recusados"), default=list, blank=True)
    latency_ms = models.PositiveIntegerField(_("ms"), null=True, blank=True)
    started_at = models.DateTimeField(_("início"), default=clock.now)
    finished_at = models.DateTimeField(_("fim"), null=True, blank=True)

    class Meta:
        db_table = "delivery_attempts"
        verbose_name = _("tentativa de entrega")
        verbose_name_plural = _("tentativas de entrega")
        constraints = (
            # also lists a message's attempts
            models.UniqueConstraint(fields=["message", "number"], name="delivery_attempts_number_unique"),
        )
        indexes = (models.Index(fields=["client", "-started_at"], name="attempts_client_time"),)  # console

    def __str__(self) -> str:
        return f"{self.number}ª tentativa"
