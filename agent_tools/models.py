"""Agents, what they were asked and how it went. Texts are erased when nothing waits for them any more."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
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


NAME = RegexValidator(r"\A[a-z][a-z0-9_]{0,39}\Z", _("Use letras minúsculas sem acento, números e _."))


def all_days() -> list[int]:
    """Monday (0) to Sunday (6)."""
    return list(range(7))


class DataAccess(models.TextChoices):
    """How far an agent sees into the client's own database; each includes what stands before it."""

    NONE = "none", _("Nada")
    NAMED = "named", _("Consultas publicadas")
    TABLES = "tables", _("Tabelas permitidas")
    SQL = "sql", _("Tabelas permitidas, também por SQL")


class Agent(models.Model):
    """Somebody who acts for a client: a prompt, tools, a model, and how far it may go.

    `prompt`: how it is to act, which it tells nobody. `knowledge`: what it may tell anybody, such as
    addresses and prices.
    `answers_whatsapp`: it is the one that answers the client's contacts. `model`: a LangChain name such
    as `openai:gpt-…`, with a key of the client's own; empty: the installation's. `active_from` to
    `active_until` on `active_days`, by the client's clock: when it answers contacts; without the two,
    all day. `allowed_recipients`: addresses and domains (`@acme.com`) that it may send mail to, one on
    each line; empty: the client's own address alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    name = models.CharField(_("nome"), max_length=40, validators=[NAME])
    title = models.CharField(_("título"), max_length=80)
    prompt = models.TextField(_("instruções"), max_length=20_000)
    knowledge = models.TextField(_("o que pode contar"), max_length=20_000, blank=True, default="")
    tools = ArrayField(models.CharField(max_length=40), verbose_name=_("ferramentas"), default=list)
    data_access = models.CharField(
        _("acesso ao banco de dados"), max_length=10, choices=DataAccess, default=DataAccess.NAMED
    )
    model = models.CharField(_("modelo"), max_length=100, blank=True, default="")
    model_key = SealedTextField(_("chave do modelo"), null=True, blank=True)
    enabled = models.BooleanField(_("ativo"), default=True)
    answers_whatsapp = models.BooleanField(_("responde no WhatsApp"), default=False)
    model_calls = models.PositiveSmallIntegerField(
        _("chamadas ao modelo por vez"),
        default=6,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
    )
    tool_calls = models.PositiveSmallIntegerField(
        _("ferramentas por vez"), default=6, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    timeout_seconds = models.PositiveSmallIntegerField(
        _("tempo limite (s)"), default=45, validators=[MinValueValidator(5), MaxValueValidator(90)]
    )
    replies_per_hour = models.PositiveSmallIntegerField(
        _("respostas por hora a um contato"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
        help_text=_("Mais do que isso parece conversa entre robôs; uma pessoa é chamada."),
    )
    active_days = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("dias"), default=all_days)
    active_from = models.TimeField(_("atende das"), null=True, blank=True)
    active_until = models.TimeField(_("até"), null=True, blank=True)
    intents = ArrayField(models.CharField(max_length=40), verbose_name=_("intenções"), default=list)
    allowed_recipients = SealedTextField(_("destinatários permitidos"), null=True, blank=True)
    created_at = models.DateTimeField(_("criado em"), auto_now_add=True)
    updated_at = models.DateTimeField(_("atualizado em"), auto_now=True)

    class Meta:
        db_table = "agents"
        verbose_name = _("agente")
        verbose_name_plural = _("agentes")
        constraints = (
            models.UniqueConstraint(fields=["client", "name"], name="agents_name_unique"),  # also the list
            models.UniqueConstraint(
                fields=["client"], name="agents_one_answers", condition=models.Q(answers_whatsapp=True)
            ),
        )
        indexes = (models.Index(fields=["name"], name="agents_name"),)  # the console's list

    def __str__(self) -> str:
        return self.title

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses and domains of `allowed_recipients`."""
        return tuple(str(self.allowed_recipients or "").split())


class NamedQuery(models.Model):
    """A read of the client's database that staff wrote and agents may use by its name.

    `definition`: as `agent_tools.named_queries.Definition` takes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    name = models.CharField(_("nome"), max_length=40, validators=[NAME])
    description = models.CharField(
        _("para que serve"), max_length=300, help_text=_("O agente escolhe a consulta por esta frase.")
    )
    definition = models.JSONField(_("consulta"))
    is_published = models.BooleanField(_("publicada"), default=False)
    created_at = models.DateTimeField(_("criada em"), auto_now_add=True)
    updated_at = models.DateTimeField(_("atualizada em"), auto_now=True)

    class Meta:
        db_table = "named_queries"
        verbose_name = _("consulta publicada")
        verbose_name_plural = _("consultas publicadas")
        constraints = (
            models.UniqueConstraint(
                fields=["client", "name"], name="named_queries_name_unique"
            ),  # also the list
        )
        indexes = (models.Index(fields=["name"], name="named_queries_name"),)  # the console's list

    def __str__(self) -> str:
        return self.name


class AgentRun(models.Model):
    """One turn of an agent: it answers all that a contact wrote in one go, or does what it was asked.

    `conversation`: none if somebody of the client, or a trigger, asked for it; `asked_id` is then the agent
    that was asked, whatever its name is by now, and what it answered is kept in `answer` until
    `erase_texts_at`. `first_text_at`: when the oldest of its texts came in. `answer_ids`:
    the outbound messages that it queued. `erase_texts_at`: the run is over, its texts are kept because the
    answer may still be taken back, and this is when to look again. `successor_id`: the run that its texts
    went to.
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
        Conversation,
        on_delete=models.CASCADE,
        db_index=False,
        null=True,
        blank=True,
        verbose_name=_("conversa"),
    )
    agent = models.CharField(_("agente"), max_length=40)
    asked_id = models.UUIDField(_("agente solicitado"), null=True, editable=False)
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
    input_tokens = models.PositiveIntegerField(_("tokens lidos"), default=0)
    output_tokens = models.PositiveIntegerField(_("tokens escritos"), default=0)
    answer = SealedTextField(null=True)
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
            # the console's list of agents: the latest of each. In an order that no other index has, or one
            # that walks everybody's runs looks cheaper
            models.Index(
                "client", "agent", models.F("created_at").desc(nulls_last=True), name="agent_runs_agent"
            ),
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
    message_id = models.UUIDField(_("mensagem recebida"), null=True)  # none: it was asked, not received
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


class AgentReceipt(models.Model):
    """What a tool answered under an idempotency key, which the same use is answered with if it comes again.

    `essence`: a hash of what was asked for.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    # its index: what goes with a run
    run = models.ForeignKey(
        AgentRun, on_delete=models.CASCADE, related_name="receipts", verbose_name=_("execução")
    )
    key = models.CharField(max_length=250)
    essence = models.CharField(max_length=64)
    receipt = models.JSONField()
    created_at = models.DateTimeField(_("quando"), default=clock.now)

    class Meta:
        db_table = "agent_receipts"
        verbose_name = _("recibo de ferramenta")
        verbose_name_plural = _("recibos de ferramentas")
        # the use that comes again
        constraints = (models.UniqueConstraint(fields=["client", "key"], name="agent_receipts_once"),)

    def __str__(self) -> str:
        return self.id.hex[:8]


class AgentStep(models.Model):
    """One thing that an agent did in a run: metadata only.

    `name`: of the model or the tool. `outcome`: "ok", or the code of what went wrong.
    """

    class Kind(models.TextChoices):
        MODEL = "model", _("Modelo")
        TOOL = "tool", _("Ferramenta")
        GUARD = "guard", _("Proteção")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    run = models.ForeignKey(
        AgentRun, on_delete=models.CASCADE, db_index=False, related_name="steps", verbose_name=_("execução")
    )
    kind = models.CharField(_("tipo"), max_length=10, choices=Kind)
    name = models.CharField(_("nome"), max_length=100)
    outcome = models.CharField(_("resultado"), max_length=40, default="ok")
    latency_ms = models.PositiveIntegerField(_("ms"), default=0)
    input_tokens = models.PositiveIntegerField(_("tokens lidos"), default=0)
    output_tokens = models.PositiveIntegerField(_("tokens escritos"), default=0)
    created_at = models.DateTimeField(_("quando"), default=clock.now)

    class Meta:
        db_table = "agent_steps"
        verbose_name = _("passo de agente")
        verbose_name_plural = _("passos de agentes")
        indexes = (models.Index(fields=["run", "created_at"], name="agent_steps_run"),)  # a run's story

    def __str__(self) -> str:
        return f"{self.name} · {self.outcome}"
