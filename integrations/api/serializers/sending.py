"""What the two channels are asked to send."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework import serializers

from integrations.delivery.contents import (
    MAX_MAIL_LENGTH,
    MAX_RECIPIENTS,
    MAX_SUBJECT_LENGTH,
    MAX_TEXT_LENGTH,
)
from renum import clock
from renum.api.serializers import StrictCharField, StrictSerializer
from renum.conversations.phones import normalize_phone
from renum.security.addresses import check_url


class PhoneField(StrictCharField):
    """A phone as people type it; its value is E.164."""

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return normalize_phone(super().to_internal_value(data))


class FutureField(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        instant = super().to_internal_value(value)
        if instant <= clock.now():
            raise serializers.ValidationError("Este horário já passou.")
        return instant


class MediaSerializer(StrictSerializer):
    """A file that WhatsApp's provider fetches from `url`."""

    media_type = serializers.ChoiceField(choices=["image", "audio", "document", "video"])
    url = StrictCharField(max_length=2000)
    caption = StrictCharField(max_length=1024, required=False, default="", allow_blank=True)
    filename = StrictCharField(max_length=255, required=False, default="", allow_blank=True)

    def validate_url(self, value: str) -> str:
        try:
            check_url(value, allow_loopback=settings.ENVIRONMENT.allow_loopback, allow_query=True)
        except ValueError as error:
            raise serializers.ValidationError(str(error).capitalize() + ".") from error
        return value


class WhatsAppSendSerializer(StrictSerializer):
    """`message`, or `media` with an optional caption."""

    phone = PhoneField()
    message = StrictCharField(max_length=MAX_TEXT_LENGTH, trim_whitespace=False, required=False)
    media = MediaSerializer(required=False)
    not_after = FutureField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "message" not in attrs and "media" not in attrs:
            raise serializers.ValidationError({"message": ["Este campo é obrigatório."]}, code="required")
        if "message" in attrs and "media" in attrs:
            raise serializers.ValidationError({"message": ["Com mídia, o texto vai em media.caption."]})
        return attrs


class AddressListField(serializers.ListField):
    def __init__(self, **kwargs: Any):
        super().__init__(child=StrictCharField(max_length=320), max_length=MAX_RECIPIENTS, **kwargs)


class EmailSendSerializer(StrictSerializer):
    """`body` is HTML if it has a tag; `text` may bring its plain form, which is made from it otherwise."""

    to = AddressListField(allow_empty=False)
    subject = StrictCharField(max_length=MAX_SUBJECT_LENGTH)
    body = StrictCharField(max_length=MAX_MAIL_LENGTH, trim_whitespace=False)
    text = StrictCharField(max_length=MAX_MAIL_LENGTH, trim_whitespace=False, required=False)
    cc = AddressListField(required=False)
    bcc = AddressListField(required=False)
    reply_to = StrictCharField(max_length=320, required=False)
    not_after = FutureField(required=False)
