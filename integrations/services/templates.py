"""Write templates; what they say is checked when it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from integrations.errors import InvalidTemplate, TemplateNameTaken
from integrations.models import MessageTemplate
from integrations.templating import check_template
from renum.conversations.models import Channel


def create_template(client_id: UUID, **fields: Any) -> MessageTemplate:
    """Save a new template; raises `InvalidTemplate` or `TemplateNameTaken`."""
    return _save(MessageTemplate(client_id=client_id, **fields))


def change_template(template: MessageTemplate, changes: Mapping[str, Any]) -> MessageTemplate:
    """Change some of a template; raises `InvalidTemplate` or `TemplateNameTaken`."""
    for name, value in changes.items():
        setattr(template, name, value)
    return _save(template)


def check_template_fields(channel: str, subject: str, body: str) -> None:
    """Raise `InvalidTemplate`, naming the field, for what cannot be saved."""
    for field, source in (("subject", subject), ("body", body)):
        try:
            check_template(source)
        except ValueError as error:
            raise InvalidTemplate(details={field: [str(error)]}) from error
    if channel == Channel.EMAIL and not subject.strip():
        raise InvalidTemplate(details={"subject": ["Um e-mail precisa de um assunto."]})
    if channel != Channel.EMAIL and subject:
        raise InvalidTemplate(details={"subject": ["Só e-mails têm assunto."]})


def _save(template: MessageTemplate) -> MessageTemplate:
    check_template_fields(template.channel, template.subject, template.body)
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError as error:
        raise TemplateNameTaken from error
    return template
