"""QUANDO → SE → ENTÃO, and the ledger of every time it matched."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from triggers import schemas


class Trigger(models.Model):
    """An automation of a client. `delay_seconds` repeats what its config says, for the sweep."""

    class Type(models.TextChoices):
        TIME_BASED = "time_based", _("Por tempo")
        EVENT_BASED = "event_based", _("Por evento")
        CONDITION_BASED = "condition_based", _("Por condição")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    name = models.CharField(_("nome"), max_length=255)
    description = models.TextField(_("descrição"), null=True, blank=True)
    active = models.BooleanField(_("ativo"), default=True)
    trigger_type = models.CharField(_("quando"), max_length=50, choices=Type)
    trigger_config = models.JSONField(_("quando: configuração"))
    condition_type = models.CharField(_("se"), max_length=50, default="always")
    condition_config = models.JSONField(_("se: configuração"), default=dict, blank=True)
    action_type = models.CharField(_("então"), max_length=50)
    action_config = models.JSONField(_("então: configuração"))
    schema_version = models.PositiveSmallIntegerField(default=schemas.SCHEMA_VERSION, editable=False)
    delay_seconds = models.PositiveIntegerField(null=True, editable=False)
    # Set when the trigger is new, edited or switched on: the next sweep looks at all that is idle.
    rematch = models.BooleanField(default=True, editable=False)
    last_executed_at = models.DateTimeField(_("última execução"), null=True, blank=True)
    execution_count = models.PositiveIntegerField(_("execuções"), default=0)
    created_at = models.DateTimeField(_("criado em"), default=clock.now)
    updated_at = models.DateTimeField(_("atualizado em"), auto_now=True)

    class Meta:
        db_table = "triggers"
        verbose_name = _("gatilho")
        verbose_name_plural = _("gatilhos")
        indexes = (
            models.Index(fields=["client", "-created_at"], name="idx_triggers_client_id"),  # API list
            models.Index(fields=["trigger_type"], name="idx_triggers_type"),  # the console's filter
            # the sweep: the distinct delays, and a client's triggers with one of them
            models.Index(
                fields=["delay_seconds", "client"],
                name="idx_triggers_active",
                condition=models.Q(active=True, trigger_type="time_based"),
            ),
            # the sweep: triggers that are to look at everything once
            models.Index(
                fields=["client"],
                name="triggers_rematch",
                condition=models.Q(active=True, rematch=True),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def parts(self) -> schemas.Parts:
        """The validated parts; raises `InvalidTriggerConfig` if what is stored is no longer valid."""
        return schemas.validate_parts(
            self.trigger_type,
            self.trigger_config,
            self.condition_type,
            self.condition_config,
            self.action_type,
            self.action_config,
        )


class TriggerExecution(models.Model):
    """One match of a trigger. Unique per (trigger, conversation, occurrence), so it acts once."""

    class State(models.TextChoices):
        MATCHED = "matched", _("Encontrada")
        DONE = "done", _("Executada")
        SKIPPED = "skipped", _("Dispensada")
        FAILED = "failed", _("Falhou")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trigger = models.ForeignKey(
        Trigger,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="executions",
        verbose_name=_("gatilho"),
    )
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, verbose_name=_("conversa"), db_index=False
    )
    occurrence = models.DateTimeField(_("ocorrência"))  # the idle period: its beginning
    state = models.CharField(_("situação"), max_length=10, choices=State, default=State.MATCHED)
    reason_code = models.CharField(_("motivo"), max_length=40, blank=True, default="")
    executed_at = models.DateTimeField(_("executada em"), default=clock.now)
    condition_met = models.BooleanField(_("condição satisfeita"), default=False)
    action_executed = models.BooleanField(_("ação executada"), default=False)
    result = models.JSONField(_("resultado"), null=True, blank=True)
    error_message = models.TextField(_("erro"), null=True, blank=True)
    execution_time_ms = models.PositiveIntegerField(_("ms"), null=True, blank=True)
    cause = ArrayField(models.TextField(), verbose_name=_("causa"), default=list)
    created_at = models.DateTimeField(_("criada em"), default=clock.now)

    class Meta:
        db_table = "trigger_executions"
        verbose_name = _("execução de gatilho")
        verbose_name_plural = _("execuções de gatilhos")
        constraints = (
            models.UniqueConstraint(
                fields=["trigger", "conversation", "occurrence"], name="trigger_executions_once"
            ),
        )
        indexes = (
            # a trigger's ledger
            models.Index(fields=["trigger", "-executed_at"], name="idx_executions_trigger"),
            models.Index(fields=["client", "-executed_at"], name="idx_executions_client"),  # a client's
            models.Index(fields=["-executed_at"], name="idx_executions_executed_at"),  # console
            # why did this conversation get it
            models.Index(fields=["conversation", "-executed_at"], name="idx_executions_conversation"),
            # the claim
            models.Index(
                fields=["created_at"], name="idx_executions_matched", condition=models.Q(state="matched")
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_state_display()} · {self.id.hex[:8]}"


class Sweep(models.Model):
    """How far the matching of time-based triggers has come. One row; holds no client's data."""

    name = models.CharField(primary_key=True, max_length=40)
    swept_until = models.DateTimeField()

    class Meta:
        db_table = "trigger_sweeps"
        verbose_name = _("varredura")
        verbose_name_plural = _("varreduras")
