"""People, the talks with them, and what was said — without the words."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from renum import clock
from renum.accounts.models import Client
from renum.security.blind_index import HEX_LENGTH
from renum.security.fields import SealedTextField


class Channel(models.TextChoices):
    WHATSAPP = "whatsapp", _("WhatsApp")
    EMAIL = "email", _("E-mail")


class Contact(models.Model):
    """A person a client talks to, found by any of their aliases. Phone and name are encrypted.

    `phone` is empty for somebody of whom WhatsApp tells no phone. `wa_id` is how WhatsApp knows them:
    digits, or a LID with its `@lid`; sends go there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    phone = SealedTextField(_("telefone"), null=True, blank=True)  # E.164, with the ninth digit
    phone_index = models.CharField(max_length=HEX_LENGTH, null=True, editable=False)
    wa_id = SealedTextField(null=True, blank=True)
    name = SealedTextField(_("nome"), null=True, blank=True)
    # The client's own, by name: text, number, boolean or null. Readable, since conditions filter by them.
    attributes = models.JSONField(_("atributos"), default=dict, blank=True)
    created_at = models.DateTimeField(_("criado em"), auto_now_add=True)
    updated_at = models.DateTimeField(_("atualizado em"), auto_now=True)

    class Meta:
        db_table = "contacts"
        verbose_name = _("contato")
        verbose_name_plural = _("contatos")
        constraints = (
            models.UniqueConstraint(fields=["client", "phone_index"], name="contacts_phone_unique"),
        )
        indexes = (
            models.Index(fields=["-created_at"], name="contacts_created"),  # the console's list
            models.Index(fields=["client", "-created_at"], name="contacts_client_created"),  # API list
        )

    def __str__(self) -> str:
        return f"Contato {self.id.hex[:8]}"

    @property
    def masked_phone(self) -> str:
        """Enough of the phone to recognise it: country, area and the last two digits; empty if unknown."""
        phone = str(self.phone or "")
        return f"{phone[:5]}{'•' * max(0, len(phone) - 7)}{phone[-2:]}"


class ContactAlias(models.Model):
    """One of the names under which a contact turns up. Found by blind index, which names its kind too.

    Each belongs to one contact of a client, except the match key (area code and last eight digits),
    which a landline and a mobile may share.
    """

    class Kind(models.TextChoices):
        PHONE = "phone", _("Telefone")
        WA_ID = "wa_id", _("Número no WhatsApp")
        LID = "lid", _("LID do WhatsApp")
        MATCH = "match", _("DDD e últimos oito dígitos")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="aliases", verbose_name=_("contato")
    )
    kind = models.CharField(_("tipo"), max_length=10, choices=Kind)
    value = SealedTextField(_("valor"))
    value_index = models.CharField(max_length=HEX_LENGTH, editable=False)
    created_at = models.DateTimeField(_("desde"), auto_now_add=True)

    class Meta:
        db_table = "contact_aliases"
        verbose_name = _("identidade")
        verbose_name_plural = _("identidades")
        constraints = (
            # who is this; also what keeps two workers from making one person twice
            models.UniqueConstraint(
                fields=["client", "value_index"],
                name="contact_aliases_once",
                condition=~models.Q(kind="match"),
            ),
        )
        indexes = (
            # who else might this be
            models.Index(
                fields=["client", "value_index"],
                name="contact_aliases_match",
                condition=models.Q(kind="match"),
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()


class ContactDate(models.Model):
    """An attribute of a contact that is a date, as an instant: what a reminder counts from."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="dates")
    name = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        db_table = "contact_dates"
        constraints = (models.UniqueConstraint(fields=["contact", "name"], name="contact_dates_once"),)
        indexes = (
            # the sweep: whose date came near since the last one
            models.Index(fields=["name", "at"], name="contact_dates_due"),
        )


class IdentityDoubt(models.Model):
    """Two contacts who may be one person. They are left apart, and staff are shown them."""

    class Reason(models.TextChoices):
        SAME_MATCH_KEY = "same_match_key", _("Mesmo DDD e últimos oito dígitos")
        SAME_LID = "same_lid", _("O WhatsApp mostrou os dois com a mesma identidade")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contato")
    )
    other = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("outro contato")
    )
    reason = models.CharField(_("motivo"), max_length=20, choices=Reason)
    created_at = models.DateTimeField(_("desde"), default=clock.now)
    resolved_at = models.DateTimeField(_("resolvida em"), null=True, blank=True)

    class Meta:
        db_table = "identity_doubts"
        verbose_name = _("identidade em dúvida")
        verbose_name_plural = _("identidades em dúvida")
        constraints = (
            models.UniqueConstraint(fields=["contact", "other", "reason"], name="identity_doubts_once"),
        )
        indexes = (
            # the console's list: the open ones first, which Postgres does with what is null
            models.Index(fields=["-resolved_at", "-created_at"], name="identity_doubts_open_first"),
        )

    def __str__(self) -> str:
        return self.get_reason_display()


class Conversation(models.Model):
    """The one talk of a client with a contact on a channel.

    `last_message_at` moves with every message. `quiet_since` moves with every message that no
    trigger sent: it names the idle period, so that a follow-up does not start the next one.
    `unanswered_since`: when the contact wrote what nobody has answered yet. `agent_paused_until`: a
    person of the client has taken over. `attention_reason`: a person should look, and why.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Aberta")
        PENDING = "pending", _("Aguardando")
        CLOSED = "closed", _("Encerrada")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="conversations", verbose_name=_("contato")
    )
    channel = models.CharField(_("canal"), max_length=10, choices=Channel, default=Channel.WHATSAPP)
    status = models.CharField(_("situação"), max_length=10, choices=Status, default=Status.OPEN)
    last_message_at = models.DateTimeField(_("última mensagem"), default=clock.now)
    last_inbound_at = models.DateTimeField(_("última recebida"), null=True, blank=True)
    last_outbound_at = models.DateTimeField(_("última enviada"), null=True, blank=True)
    quiet_since = models.DateTimeField(_("em silêncio desde"), default=clock.now)
    unanswered_since = models.DateTimeField(_("sem resposta desde"), null=True, blank=True)
    agent_paused_until = models.DateTimeField(_("agente em pausa até"), null=True, blank=True)
    attention_reason = models.CharField(_("pede atenção"), max_length=40, blank=True, default="")
    attention_at = models.DateTimeField(_("pede atenção desde"), null=True, blank=True)
    created_at = models.DateTimeField(_("criada em"), auto_now_add=True)
    updated_at = models.DateTimeField(_("atualizada em"), default=clock.now)

    class Meta:
        db_table = "conversations"
        verbose_name = _("conversa")
        verbose_name_plural = _("conversas")
        constraints = (
            models.UniqueConstraint(
                fields=["client", "contact", "channel"], name="conversations_contact_unique"
            ),
        )
        indexes = (
            # a client's list, and a new trigger looking for conversations that are idle already
            models.Index(fields=["client", "-last_message_at"], name="conversations_client_last"),
            # the sweep: who crossed a delay since the last one, over all clients
            models.Index(fields=["last_message_at"], name="conversations_last"),
            # the same, of delays that are counted from other moments
            models.Index(fields=["last_inbound_at"], name="conversations_last_inbound"),
            models.Index(fields=["last_outbound_at"], name="conversations_last_outbound"),
            models.Index(
                fields=["unanswered_since"],
                name="conversations_unanswered",
                condition=models.Q(unanswered_since__isnull=False),
            ),
            models.Index(fields=["created_at"], name="conversations_created"),
            # the sweep: what changed since the last one
            models.Index(fields=["updated_at"], name="conversations_updated"),
            # the console: which ones wait for a person
            models.Index(
                fields=["-attention_at"],
                name="conversations_attention",
                condition=models.Q(attention_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"Conversa {self.id.hex[:8]}"


class Message(models.Model):
    """That a message was there: who to whom, when, how far it got. Its text is not kept."""

    class Direction(models.TextChoices):
        INBOUND = "inbound", _("Recebida")
        OUTBOUND = "outbound", _("Enviada")

    class Author(models.TextChoices):
        CONTACT = "contact", _("Contato")
        AGENT = "agent", _("Agente")
        TRIGGER = "trigger", _("Gatilho")
        API = "api", _("API")
        PERSON = "person", _("Pessoa, pelo telefone")
        OTHER = "other", _("Outro sistema")
        SYSTEM = "system", _("RENUM")

    class State(models.TextChoices):
        RECEIVED = "received", _("Recebida")
        QUEUED = "queued", _("Na fila")
        SENT = "sent", _("Enviada")
        DELIVERED = "delivered", _("Entregue")
        READ = "read", _("Lida")
        FAILED = "failed", _("Não enviada")
        UNKNOWN = "unknown", _("Incerta")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, related_name="messages"
    )
    direction = models.CharField(_("direção"), max_length=10, choices=Direction)
    author = models.CharField(_("autor"), max_length=10, choices=Author)
    kind = models.CharField(_("tipo"), max_length=20, default="text")
    state = models.CharField(_("situação"), max_length=10, choices=State)
    length = models.PositiveIntegerField(_("caracteres"), default=0)
    provider_message_id = models.CharField(_("ID no provedor"), max_length=128, null=True, blank=True)
    # the provider's id of the message that this one edits, reacts to or votes on
    refers_to = models.CharField(_("refere-se a"), max_length=128, blank=True, default="")
    cause = ArrayField(models.TextField(), verbose_name=_("causa"), default=list)
    occurred_at = models.DateTimeField(_("quando"), default=clock.now)

    class Meta:
        db_table = "messages"
        verbose_name = _("mensagem")
        verbose_name_plural = _("mensagens")
        constraints = (
            # a provider's message is recorded once; also finds it for receipts and echoes
            models.UniqueConstraint(
                fields=["client", "provider_message_id"], name="messages_provider_id_unique"
            ),
        )
        indexes = (
            # one conversation, newest first
            models.Index(fields=["conversation", "-occurred_at"], name="messages_conversation_time"),
            models.Index(fields=["client", "-occurred_at"], name="messages_client_time"),  # API ledger
            models.Index(fields=["-occurred_at"], name="messages_time"),  # the console's list
        )

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.occurred_at:%d/%m %H:%M}"


class Suppression(models.Model):
    """An address that must not be written to. Keyed by blind index, so it survives erasure.

    Each reason bars it on its own: what staff take back, or the contact, leaves the others.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    channel = models.CharField(_("canal"), max_length=10, choices=Channel)
    address_index = models.CharField(max_length=HEX_LENGTH, editable=False)
    reason = models.CharField(_("motivo"), max_length=40)
    created_at = models.DateTimeField(_("criada em"), auto_now_add=True)

    class Meta:
        db_table = "suppressions"
        verbose_name = _("bloqueio de envio")
        verbose_name_plural = _("bloqueios de envio")
        constraints = (
            # also the gate's look-up
            models.UniqueConstraint(
                fields=["client", "channel", "address_index", "reason"], name="suppressions_address_unique"
            ),
        )


class ConversationPolicy(models.Model):
    """How a client's conversations are handled: bursts, takeovers, opt-outs, how long all is kept."""

    DEFAULT_OPT_OUT_TEXT = (
        "Pronto: você não receberá mais mensagens nossas. Para voltar a receber, responda VOLTAR."
    )
    DEFAULT_OPT_IN_TEXT = "Pronto: você voltará a receber nossas mensagens. Para parar, responda PARAR."

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.OneToOneField(
        Client, on_delete=models.CASCADE, related_name="conversation_policy", verbose_name=_("cliente")
    )
    burst_quiet_seconds = models.FloatField(
        _("esperar por mais mensagens (s)"),
        default=2.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(60.0)],
        help_text=_("O agente responde depois deste tempo sem nova mensagem do contato."),
    )
    burst_max_seconds = models.FloatField(
        _("esperar no máximo (s)"),
        default=10.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(300.0)],
    )
    handover_minutes = models.PositiveSmallIntegerField(
        _("pausa do agente (min)"),
        default=60,
        validators=[MaxValueValidator(1440)],
        help_text=_("Depois que alguém responde pelo telefone; zero: o agente não pausa."),
    )
    opt_out_text = models.CharField(
        _("confirmação do descadastro"), max_length=500, default=DEFAULT_OPT_OUT_TEXT, blank=True
    )
    opt_in_text = models.CharField(
        _("confirmação do recadastro"), max_length=500, default=DEFAULT_OPT_IN_TEXT, blank=True
    )
    message_days = models.PositiveSmallIntegerField(
        _("guardar mensagens e envios (dias)"), default=730, validators=[MinValueValidator(30)]
    )
    event_days = models.PositiveSmallIntegerField(
        _("guardar eventos e execuções (dias)"), default=365, validators=[MinValueValidator(30)]
    )
    inbox_days = models.PositiveSmallIntegerField(
        _("guardar eventos recebidos (dias)"), default=90, validators=[MinValueValidator(7)]
    )
    updated_at = models.DateTimeField(_("atualizada em"), auto_now=True)

    class Meta:
        db_table = "conversation_policies"
        verbose_name = _("regras de conversa")
        verbose_name_plural = _("regras de conversa")

    def __str__(self) -> str:
        return str(self.client)
