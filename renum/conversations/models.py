"""People, the talks with them, and what was said — without the words."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
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
    """A person a client talks to. Phone and name are encrypted; the phone is found by blind index."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False, verbose_name=_("cliente"))
    phone = SealedTextField(_("telefone"))  # E.164, with the ninth digit
    phone_index = models.CharField(max_length=HEX_LENGTH, editable=False)
    wa_id = SealedTextField(null=True, blank=True)  # digits as WhatsApp knows them; sends go there
    name = SealedTextField(_("nome"), null=True, blank=True)
    created_at = models.DateTimeField(_("criado em"), auto_now_add=True)
    updated_at = models.DateTimeField(_("atualizado em"), auto_now=True)

    class Meta:
        db_table = "contacts"
        verbose_name = _("contato")
        verbose_name_plural = _("contatos")
        constraints = (
            models.UniqueConstraint(fields=["client", "phone_index"], name="contacts_phone_unique"),
        )
        indexes = (models.Index(fields=["-created_at"], name="contacts_created"),)  # the console's list

    def __str__(self) -> str:
        return f"Contato {self.id.hex[:8]}"

    @property
    def masked_phone(self) -> str:
        """Enough of the phone to recognise it: country, area and the last two digits."""
        phone = str(self.phone)
        return f"{phone[:5]}{'•' * max(0, len(phone) - 7)}{phone[-2:]}"


class Conversation(models.Model):
    """The one talk of a client with a contact on a channel.

    `last_message_at` moves with every message. `quiet_since` moves with every message that no
    trigger sent: it names the idle period, so that a follow-up does not start the next one.
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
            # the sweep: what changed since the last one
            models.Index(fields=["updated_at"], name="conversations_updated"),
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
    """An address that must not be written to. Keyed by blind index, so it survives erasure."""

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
                fields=["client", "channel", "address_index"], name="suppressions_address_unique"
            ),
        )
