"""When messages may leave: a client's rules, and the switch for everything."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from renum.accounts.models import Client
from renum.conversations.models import Channel


def default_quiet_channels() -> list[str]:
    return [Channel.WHATSAPP.value]


class DeliveryPolicy(models.Model):
    """When a client's messages may leave. Quiet hours and cap are for what nobody asked for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.OneToOneField(
        Client, on_delete=models.CASCADE, related_name="delivery_policy", verbose_name=_("cliente")
    )
    paused = models.BooleanField(_("envios pausados"), default=False)
    quiet_start = models.TimeField(_("silêncio a partir de"), null=True, blank=True)
    quiet_end = models.TimeField(_("silêncio até"), null=True, blank=True)
    quiet_channels = ArrayField(
        models.CharField(max_length=10, choices=Channel),
        verbose_name=_("canais com silêncio"),
        default=default_quiet_channels,
    )
    national_holidays = models.BooleanField(_("silêncio em feriados nacionais"), default=False)
    holiday_state = models.CharField(_("UF dos feriados estaduais"), max_length=2, blank=True, default="")
    holidays = ArrayField(models.DateField(), verbose_name=_("outros feriados"), default=list, blank=True)
    contact_cap = models.PositiveSmallIntegerField(
        _("mensagens por contato"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    contact_cap_hours = models.PositiveSmallIntegerField(
        _("a cada (horas)"), default=24, validators=[MinValueValidator(1), MaxValueValidator(720)]
    )
    updated_at = models.DateTimeField(_("atualizada em"), auto_now=True)

    class Meta:
        db_table = "delivery_policies"
        verbose_name = _("regras de envio")
        verbose_name_plural = _("regras de envio")
        constraints = (
            models.CheckConstraint(
                name="delivery_policies_quiet_window",
                condition=models.Q(quiet_start=None, quiet_end=None)
                | (
                    models.Q(quiet_start__isnull=False, quiet_end__isnull=False)
                    & ~models.Q(quiet_start=models.F("quiet_end"))
                ),
            ),
        )

    def __str__(self) -> str:
        return str(self.client)


class SendingSwitch(models.Model):
    """The kill switch for everything: one row, which the migration makes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    paused = models.BooleanField(_("todos os envios pausados"), default=False)
    updated_at = models.DateTimeField(_("alterado em"), auto_now=True)

    class Meta:
        db_table = "sending_switch"
        verbose_name = _("chave geral de envios")
        verbose_name_plural = _("chave geral de envios")
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="sending_switch_one_row"),)

    def __str__(self) -> str:
        return str(_("Envios pausados") if self.paused else _("Envios liberados"))
