"""A client's connections to the outside, and what delivery remembers of each."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from integrations import providers
from integrations.errors import IntegrationUnreadable
from integrations.querysets import IntegrationQuerySet
from renum import clock
from renum.accounts.models import Client
from renum.security.blind_index import HEX_LENGTH
from renum.security.crypto import DecryptionFailed
from renum.security.fields import SealedConfigField, SealedTextField


class Integration(models.Model):
    """One connection of a client, inherited by all its agents. At most one of each type.

    `config` is what is in use. New credentials wait in `candidate_config` until the provider accepted
    them; the last good ones stay in `previous_config` for a return. Both name their provider. An
    integration that was removed keeps its row, for the ledger, and none of its secrets.
    """

    class Type(models.TextChoices):
        WHATSAPP = "whatsapp", _("WhatsApp")
        EMAIL_SMTP = "email_smtp", _("E-mail (SMTP)")
        EMAIL_SENDGRID = "email_sendgrid", _("E-mail (SendGrid)")
        DATABASE = "database", _("Banco de dados")

    class Status(models.TextChoices):
        CONNECTED = "connected", _("Conectada")
        DISCONNECTED = "disconnected", _("Desconectada")
        ERROR = "error", _("Com erro")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    type = models.CharField(_("tipo"), max_length=50, choices=Type)
    provider = models.CharField(_("provedor"), max_length=50, choices=providers.choices)
    name = models.CharField(_("nome"), max_length=255)
    status = models.CharField(_("situação"), max_length=50, choices=Status, default=Status.DISCONNECTED)
    enabled = models.BooleanField(_("ativa"), default=True)
    paused = models.BooleanField(_("envios pausados"), default=False)
    config = SealedConfigField(_("configuração"), default=dict)
    candidate_config = SealedConfigField(null=True, editable=False)
    previous_config = SealedConfigField(null=True, editable=False)
    daily_limit = models.PositiveIntegerField(_("limite diário"), default=1000)
    pace_seconds = models.FloatField(
        _("intervalo entre envios (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(3600.0)],
        help_text=_("Entre mensagens que ninguém pediu; vazio: o do provedor."),
    )
    webhook_key = SealedTextField(editable=False)  # the secret part of our webhook address
    webhook_key_index = models.CharField(max_length=HEX_LENGTH, editable=False)
    token_index = models.CharField(max_length=HEX_LENGTH, editable=False, blank=True)
    # Former secrets go on opening our webhook for a while, so that a rotation loses nothing.
    previous_token_index = models.CharField(max_length=HEX_LENGTH, editable=False, blank=True, default="")
    previous_valid_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_tested_at = models.DateTimeField(_("último teste"), null=True, blank=True)
    last_error = models.TextField(_("último erro"), null=True, blank=True)
    created_at = models.DateTimeField(_("criada em"), default=clock.now)
    updated_at = models.DateTimeField(_("atualizada em"), auto_now=True)
    removed_at = models.DateTimeField(_("removida em"), null=True, blank=True, editable=False)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        db_table = "integrations"
        verbose_name = _("integração")
        verbose_name_plural = _("integrações")
        constraints = (
            models.UniqueConstraint(
                fields=["client", "type"],
                name="integrations_client_type_unique",
                condition=models.Q(removed_at=None),
            ),
            # the webhook's look-up by its address
            models.UniqueConstraint(fields=["webhook_key_index"], name="integrations_webhook_key_unique"),
        )
        indexes = (
            models.Index(fields=["token_index"], name="integrations_token"),  # webhooks without a key
            models.Index(fields=["previous_token_index"], name="integrations_former_token"),  # the same
            models.Index(fields=["type"], name="idx_integrations_type"),  # /health/integrations
            models.Index(fields=["status"], name="idx_integrations_status"),  # the console's filter
        )

    def __str__(self) -> str:
        return f"{self.get_type_display()} · {self.name}"

    @property
    def settings(self) -> Any:
        """The provider's settings, validated again on use; raises `IntegrationUnreadable`."""
        try:
            return providers.get(self.provider).settings.model_validate(self.config)
        except (ValidationError, DecryptionFailed) as error:
            raise IntegrationUnreadable from error


class DeliveryState(models.Model):
    """What delivery remembers of a connection: its circuit breaker, its pace, WhatsApp's restriction."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, related_name="delivery_state")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    failures = models.PositiveSmallIntegerField(_("falhas seguidas"), default=0)
    open_until = models.DateTimeField(_("interrompida até"), null=True, blank=True)
    probe_until = models.DateTimeField(null=True, blank=True)
    next_proactive_at = models.DateTimeField(_("próximo envio"), null=True, blank=True)
    new_chats_blocked_until = models.DateTimeField(_("novas conversas bloqueadas até"), null=True, blank=True)

    class Meta:
        db_table = "delivery_states"
        verbose_name = _("estado de entrega")
        verbose_name_plural = _("estados de entrega")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.integration_id}"
