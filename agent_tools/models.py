"""What agents were asked and how it went. Texts are erased when nothing waits for them any more."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from renum.security.fields import SealedTextField

UNFINISHED = ("pending", "running")
IS_UNFINISHED = models.Q(state__in=UNFINISHED)
# Its answer may still be taken back: it is not written yet, or it waits in the outbox.
IS_OPEN = IS_UNFINISHED | models.Q(erase_texts_at__isnull=False)


class AgentRun(models.Model):
    """One turn of an agent in a conversation: it answers all that the contact wrote in one go.

    `first_text_at`: when the oldest of its texts came in. `answer_ids`: the outbound messages that it
    queued. `erase_texts_at`: the run is over, its texts are kept because the answer may still be taken
    back, and this is when to look again. `successor_id`: the run that its texts went to.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Aguardando")
        RUNNING = "running", _("Em andamento")
        DONE = "done", _("Concluída")
        SKIPPED = "skipped", _("Dispensada")
        SUPERSEDED = "superseded", _("Substituída")
        FAILED = "failed", _("Falhou")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, verbose_name=_("conversa")
    )
    agent = models.CharField(_("agente"), max_length=40)
    state = models.CharField(_("situação"), max_length=10, choices=State, default=State.PENDING)
    reason_code = models.CharField(_("motivo"), max_length=40, blank=True, default="")
    text_count = models.PositiveSmallIntegerField(_("textos"), default=0)
    dropped_count = models.PositiveSmallIntegerField(_("textos deixados de fora"), default=0)
    first_text_at = models.DateTimeField(_("primeiro texto"), default=clock.now)
    answer_ids = ArrayField(models.UUIDField(), verbose_name=_("respostas"), default=list)
    successor_id = models.UUIDField(_("substituída por"), null=True, blank=True)
    erase_texts_at = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("tentativas"), default=0)
    next_attempt_at = models.DateTimeField(_("próxima tentativa"), default=clock.now)
    lease_token = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    model = models.CharField(_("modelo"), max_length=100, blank=True, default="")
    tool_calls = models.PositiveSmallIntegerField(_("ferramentas usadas"), default=0)
    latency_ms = models.PositiveIntegerField(_("ms"), null=True, blank=True)
    cause = ArrayField(models.TextField(), verbose_name=_("causa"), default=list)
    created_at = models.DateTimeField(_("criada em"), default=clock.now)
    finished_at = models.DateTimeField(_("concluída em"), null=True, blank=True)

    class Meta:
        db_table = "agent_runs"
        verbose_name = _("execução de agente")
        verbose_name_plural = _("execuções de agentes")
        constraints = (
            # a burst is gathered by one run, and an agent does not answer the same person twice at once
            models.UniqueConstraint(
                fields=["conversation"], name="agent_runs_one_unfinished", condition=IS_UNFINISHED
            ),
        )
        indexes = (
            # the claim: what is due; the next wake-up: what will be
            models.Index(fields=["next_attempt_at"], name="agent_runs_unfinished", condition=IS_UNFINISHED),
            # a new text, or a takeover: which runs of the conversation does it concern
            models.Index(fields=["conversation"], name="agent_runs_open", condition=IS_OPEN),
            # the sweep: whose texts may be erased
            models.Index(
                fields=["erase_texts_at"],
                name="agent_runs_erase",
                condition=models.Q(erase_texts_at__isnull=False),
            ),
            models.Index(fields=["conversation", "created_at"], name="agent_runs_conversation"),  # its story
            models.Index(fields=["client", "-created_at"], name="agent_runs_client_time"),  # console filter
            models.Index(fields=["-created_at"], name="agent_runs_time"),  # the console's list
        )

    def __str__(self) -> str:
        return f"{self.agent} · {self.id.hex[:8]}"


class AgentRunInput(models.Model):
    """An inbound message that a run answers. Its text goes when nothing waits for it; the row stays.

    A corrected text has the `position` of what it corrects. The row moves on with its text when the
    run is superseded.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    # its index: the texts of a run
    run = models.ForeignKey(
        AgentRun, on_delete=models.CASCADE, related_name="inputs", verbose_name=_("execução")
    )
    message_id = models.UUIDField(_("mensagem recebida"))
    position = models.PositiveIntegerField(_("posição"))
    length = models.PositiveIntegerField(_("caracteres"))
    text = SealedTextField(null=True)
    created_at = models.DateTimeField(_("desde"), default=clock.now)

    class Meta:
        db_table = "agent_run_inputs"
        verbose_name = _("texto recebido")
        verbose_name_plural = _("textos recebidos")
        constraints = (
            # an inbound message is answered by one run; the console: by which
            models.UniqueConstraint(fields=["client", "message_id"], name="agent_run_inputs_once"),
        )

    def __str__(self) -> str:
        return f"{self.position} · {self.id.hex[:8]}"
