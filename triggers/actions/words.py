"""What actions say, and to whom: a stored template or a text of their own, filled in."""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from integrations.delivery.contents import (
    MAX_RECIPIENTS,
    MAX_SUBJECT_LENGTH,
    MAX_TEXT_LENGTH,
    MailContent,
    TextContent,
)
from integrations.delivery.outbox import content_of
from integrations.errors import TemplateNotFound
from integrations.models import MessageTemplate
from integrations.selectors import list_templates
from integrations.services import compose_mail, has_tag, normalize_email
from integrations.templating import MAX_OUTPUT_CHARACTERS
from renum.conversations.errors import InvalidPhone
from renum.conversations.phones import normalize_phone
from renum.errors import InvalidInput
from triggers.errors import NoEmailAddress
from triggers.texts import Subject, check_text, fill_in, is_storable

MAX_LENGTH = {"whatsapp": MAX_TEXT_LENGTH, "email": MAX_OUTPUT_CHARACTERS}


class WordsConfig(BaseModel):
    """`template_id`: the name, or the id, of a template of the client. Without such a template it is but a
    label, and `message` is the text. `to`: a phone or addresses; else the conversation's contact.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    writes_to_contact: ClassVar[bool] = True

    channel: Literal["whatsapp", "email"]
    to: str | tuple[str, ...] | None = None
    template_id: str | None = Field(default=None, max_length=100)
    subject: str | None = Field(default=None, max_length=MAX_SUBJECT_LENGTH, validate_default=True)
    message: str | None = Field(default=None, validate_default=True)

    @field_validator("to", mode="plain")
    @classmethod
    def _is_reachable(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and cls.writes_to_contact:
            return None
        return _phone(value) if info.data.get("channel") == "whatsapp" else normal_addresses(value)

    @field_validator("template_id", "subject", "message")
    @classmethod
    def _has_words(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or not is_storable(value)):
            raise ValueError("o texto está vazio ou contém caracteres não permitidos")
        return value

    @field_validator("subject")
    @classmethod
    def _is_of_a_mail(cls, value: str | None, info: ValidationInfo) -> str | None:
        channel = info.data.get("channel")
        if channel == "whatsapp" and value is not None:
            raise ValueError("só e-mails têm assunto")
        if channel == "email" and value is None and info.data.get("template_id") is None:
            raise ValueError("um e-mail precisa de um assunto")
        return value

    @field_validator("message")
    @classmethod
    def _is_there(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("template_id") is None:
            raise ValueError("campo obrigatório")
        limit = MAX_LENGTH.get(info.data.get("channel", ""), MAX_OUTPUT_CHARACTERS)
        if value is not None and len(value) > limit:
            raise ValueError(f"deve ter no máximo {limit} caracteres")
        return value


def normal_addresses(value: Any) -> tuple[str, ...]:
    """One to fifty addresses as they are sent to; raises `ValueError` in Portuguese."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_RECIPIENTS:
        raise ValueError(f"deve ser uma lista de 1 a {MAX_RECIPIENTS} endereços")
    addresses = []
    for place, one in enumerate(value):
        if not isinstance(one, str):
            raise ValueError(f"{place + 1}º endereço: deve ser um texto")
        try:
            addresses.append(normalize_email(one))
        except ValueError as error:
            raise ValueError(f"{place + 1}º endereço: {error}") from error
    return tuple(addresses)


def check_words(config: WordsConfig, client_id: UUID) -> dict[str, list[str]]:
    """What the schema cannot see: whether the template is there, and whether its variables are known."""
    template = _find_template(config, client_id)
    if template is None and config.message is None:
        return {"template_id": ["Não há um modelo deste canal com este nome, e falta o texto (message)."]}
    problems = {
        "template_id": [*check_text(template.subject), *check_text(template.body)] if template else [],
        "message": check_text(config.message or ""),
        "subject": check_text(config.subject or ""),
    }
    if config.channel == "email" and not config.subject and (template is None or not template.subject):
        problems["subject"] = ["Um e-mail precisa de um assunto."]
    return {path: found for path, found in problems.items() if found}


def whatsapp_text(config: WordsConfig, subject: Subject) -> str:
    """The text, filled in; raises `DomainError` if it cannot be sent."""
    _, body = _sources(config, subject)
    text = fill_in(body, subject)
    content_of(TextContent, "message", text=text)
    return text


def mail_fields(config: WordsConfig, subject: Subject) -> dict[str, Any]:
    """The fields of the mail, filled in; raises `DomainError` if it cannot be sent."""
    title, body = _sources(config, subject)
    is_html = has_tag(body)  # which no value makes it
    text = fill_in(body, subject, is_html=is_html)
    if not text.strip():
        raise InvalidInput(details={"message": ["O texto está vazio."]})
    fields = compose_mail(
        config.to if isinstance(config.to, tuple) else (_address_of_contact(subject),),
        " ".join(fill_in(title, subject).split()),
        text,
        is_html=is_html,
        automated=True,
    )
    content_of(MailContent, "mail", **fields)
    return fields


def words_of(config: WordsConfig, subject: Subject) -> dict[str, str]:
    """What would be sent, by part of the message."""
    if config.channel == "whatsapp":
        return {"message": whatsapp_text(config, subject)}
    fields = mail_fields(config, subject)
    return {"subject": fields["subject"], "message": fields["html"] or fields["text"]}


def _sources(config: WordsConfig, subject: Subject) -> tuple[str, str]:
    template = _find_template(config, subject.client_id)
    body = template.body if template else config.message
    if body is None:
        raise TemplateNotFound
    return config.subject or (template.subject if template else ""), body


def _find_template(config: WordsConfig, client_id: UUID) -> MessageTemplate | None:
    if config.template_id is None:
        return None
    of_channel = list_templates(client_id).filter(channel=config.channel)
    if found := of_channel.filter(name=config.template_id).first():
        return found
    try:
        return of_channel.filter(id=config.template_id).first()
    except ValidationError:  # it is no id
        return None


def _address_of_contact(subject: Subject) -> str:
    try:
        return normalize_email(str(subject.facts.attributes.get("email") or ""))
    except ValueError as error:
        raise NoEmailAddress from error


def _phone(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("deve ser um telefone")
    try:
        return normalize_phone(value)
    except InvalidPhone as error:
        raise ValueError(error.message) from error
