"""What agents were asked and how it went. Texts are erased when a run ends."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from renum.security.fields import SealedTextField


class AgentRun(models.Model):
    """One turn of an agent in a conversation: waiting, under way, or over."""

    class State(models.TextChoices):
        PENDING = "pending", _("Aguardando")
        RUNNING = "running", _("Em andamento")
        DONE = "done", _("Concluída")
        FAILED = "failed", _("Falhou")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, verbose_name=_("conversa")
    )
    agent = models.CharField(_("agente"), max_length=40)
    inbound_message_id = models.UUIDField(_("mensagem recebida"))
    input_text = SealedTextField(null=True)
    state = models.CharField(_("situação"), max_length=10, choices=State, default=State.PENDING)
    reason_code = models.CharField(_("motivo"), max_length=40, blank=True, default="")
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
            # an inbound message is answered by one run
            models.UniqueConstraint(
                fields=["client", "inbound_message_id"], name="agent_runs_inbound_unique"
            ),
        )
        indexes = (
            # the claim: what is due
            models.Index(
                fields=["next_attempt_at"],
                name="agent_runs_unfinished",
                condition=models.Q(state__in=["pending", "running"]),
            ),
            # the claim: is an earlier turn of the conversation unfinished; the conversation's story
            models.Index(fields=["conversation", "created_at"], name="agent_runs_conversation"),
            models.Index(fields=["client", "-created_at"], name="agent_runs_client_time"),  # console filter
            models.Index(fields=["-created_at"], name="agent_runs_time"),  # the console's list
        )

    def __str__(self) -> str:
        return f"{self.agent} · {self.id.hex[:8]}"
