from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client
from renum.conversations.models import Channel


class MessageTemplate(models.Model):
    """A text that a client wrote once, with `{{ variables }}` (Liquid)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    name = models.CharField(_("nome"), max_length=100)
    channel = models.CharField(_("canal"), max_length=10, choices=Channel, default=Channel.WHATSAPP)
    subject = models.CharField(_("assunto"), max_length=255, blank=True, default="")
    body = models.TextField(_("texto"))
    created_at = models.DateTimeField(_("criado em"), default=clock.now)
    updated_at = models.DateTimeField(_("atualizado em"), auto_now=True)

    class Meta:
        db_table = "message_templates"
        verbose_name = _("modelo de mensagem")
        verbose_name_plural = _("modelos de mensagem")
        constraints = (
            # also lists a client's templates
            models.UniqueConstraint(fields=["client", "name"], name="message_templates_name_unique"),
        )

    def __str__(self) -> str:
        return self.name
