"""QUANDO → SE → ENTÃO, and the ledger of every time it matched."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from renum import clock
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from triggers import schemas


class Trigger(models.Model):
    """An automation of a client. `event_kind` repeats what its config says, for the engine."""

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
    event_kind = models.CharField(max_length=40, blank=True, default="", editable=False)
    failures_in_a_row = models.PositiveSmallIntegerField(default=0, editable=False)
    paused_reason = models.CharField(_("pausado por"), max_length=40, blank=True, default="", editable=False)
    active_since = models.DateTimeField(_("ativo desde"), default=clock.now, editable=False)
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
            # a client's triggers for an event, or that watch every change
            models.Index(
                fields=["client", "trigger_type", "event_kind"],
                name="idx_triggers_active",
                condition=models.Q(active=True),
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


class TriggerClock(models.Model):
    """A moment at which a trigger may become due by time alone: `seconds` after `field` (negative: before).

    `is_when`: it is the trigger's own delay, and not one that its condition names. There are clocks of
    active triggers only.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="clocks")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    field = models.CharField(max_length=80)
    seconds = models.IntegerField()
    is_when = models.BooleanField()

    class Meta:
        db_table = "trigger_clocks"
        constraints = (
            models.UniqueConstraint(
                fields=["trigger", "field", "seconds", "is_when"], name="trigger_clocks_once"
            ),
        )
        indexes = (
            # the sweep: the stretches in which a field has delays, and those of a client that were passed
            models.Index(fields=["field", "client", "seconds"], name="trigger_clocks_due"),
            # the sweep: what a changed conversation may be due for
            models.Index(fields=["client"], name="trigger_clocks_client"),
        )


class TriggerEdge(models.Model):
    """That a condition-based trigger's condition is true for a conversation, since when."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, db_index=False, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE)
    since = models.DateTimeField()

    class Meta:
        db_table = "trigger_edges"
        constraints = (
            models.UniqueConstraint(fields=["trigger", "conversation"], name="trigger_edges_once"),
        )


class AutomationPolicy(models.Model):
    """A client's switch for all of its triggers: while paused nothing matches, nothing is carried out."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.OneToOneField(
        Client, on_delete=models.CASCADE, related_name="automation_policy", verbose_name=_("cliente")
    )
    paused = models.BooleanField(_("automações pausadas"), default=False)
    updated_at = models.DateTimeField(_("atualizada em"), auto_now=True)

    class Meta:
        db_table = "automation_policies"
        verbose_name = _("regras de automação")
        verbose_name_plural = _("regras de automação")

    def __str__(self) -> str:
        return str(self.client)


class TriggerOccurrence(models.Model):
    """That a trigger matched for a subject and an occurrence, which it does once (rule I2).

    It outlives its execution for as long as the occurrence could be found again. `subject`: the conversation;
    the event of an event trigger; the trigger itself for a slot of the calendar; the execution that ran it,
    of a chain. `recorded_at`: when the execution was created.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, db_index=False, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, null=True)
    subject = models.UUIDField()
    occurrence = models.DateTimeField()
    execution_id = models.UUIDField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "trigger_occurrences"
        constraints = (
            models.UniqueConstraint(
                fields=["trigger", "subject", "occurrence"], name="trigger_occurrences_once"
            ),
        )
        indexes = (
            models.Index(fields=["client", "-recorded_at"], name="trigger_occurrences_age"),  # retention
        )


class TriggerExecution(models.Model):
    """What became of one match: a row of the ledger, which Postgres keeps in a part for each month.

    `subject` and `occurrence`: see `TriggerOccurrence`. `steps`: a receipt for each action, in order.
    `values_seen`: what the condition looked at, masked.
    """

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
        Conversation, on_delete=models.CASCADE, verbose_name=_("conversa"), db_index=False, null=True
    )
    subject = models.UUIDField(editable=False)
    event_id = models.UUIDField(_("evento"), null=True, editable=False)
    # the idle period: its beginning; the moment, the date, the event, the edge or the slot
    occurrence = models.DateTimeField(_("ocorrência"))
    state = models.CharField(_("situação"), max_length=10, choices=State, default=State.MATCHED)
    reason_code = models.CharField(_("motivo"), max_length=40, blank=True, default="")
    executed_at = models.DateTimeField(_("executada em"), default=clock.now)
    condition_met = models.BooleanField(_("condição satisfeita"), default=False)
    action_executed = models.BooleanField(_("ação executada"), default=False)
    result = models.JSONField(_("resultado"), null=True, blank=True)
    steps = models.JSONField(_("ações"), default=list, blank=True)
    values_seen = models.JSONField(_("valores vistos"), default=dict, blank=True)
    error_message = models.TextField(_("erro"), null=True, blank=True)
    execution_time_ms = models.PositiveIntegerField(_("ms"), null=True, blank=True)
    cause = ArrayField(models.TextField(), verbose_name=_("causa"), default=list)
    matched_at = models.DateTimeField(_("encontrada em"), default=clock.now)  # the last time
    created_at = models.DateTimeField(_("criada em"), default=clock.now)  # its month; never changes

    class Meta:
        db_table = "trigger_executions"
        verbose_name = _("execução de gatilho")
        verbose_name_plural = _("execuções de gatilhos")
        indexes = (
            # a trigger's ledger
            models.Index(fields=["trigger", "-executed_at"], name="idx_executions_trigger"),
            models.Index(fields=["client", "-executed_at"], name="idx_executions_client"),  # a client's
            models.Index(fields=["-executed_at"], name="idx_executions_executed_at"),  # console
            # why did this conversation get it
            models.Index(fields=["conversation", "-executed_at"], name="idx_executions_conversation"),
            # the claim
            models.Index(
                fields=["matched_at"], name="idx_executions_matched", condition=models.Q(state="matched")
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


class TriggerSchedule(models.Model):
    """How far the slots of a trigger's calendar are recorded. Beat rings by `periodic_task`, which staff may
    edit; the slots are those of its stored schedule. `next_slot_at`: none is earlier; empty if none will be.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    trigger = models.OneToOneField(Trigger, on_delete=models.CASCADE, related_name="calendar")
    periodic_task = models.OneToOneField(
        PeriodicTask, on_delete=models.SET_NULL, null=True, related_name="trigger_schedule"
    )
    recorded_until = models.DateTimeField()
    next_slot_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "trigger_schedules"
        # the sweep: whose slot is due
        indexes = (models.Index(fields=["next_slot_at"], name="trigger_schedules_due"),)
