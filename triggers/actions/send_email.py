"""Write an e-mail to addresses that the client names: to its own people, for the most part."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AliasChoices, Field

from triggers.actions import send_message
from triggers.actions.base import ActionType
from triggers.actions.words import WordsConfig, check_words, words_of


class SendEmailConfig(WordsConfig):
    """One mail to 1 to 50 addresses. Its text may be called `message` or `body`."""

    writes_to_contact: ClassVar[bool] = False

    channel: Literal["email"] = "email"
    to: tuple[str, ...]
    message: str | None = Field(
        default=None, validate_default=True, validation_alias=AliasChoices("message", "body")
    )


TYPE = ActionType(
    config=SendEmailConfig,
    run=send_message.run,
    check=check_words,
    texts=words_of,
    needs_conversation=lambda _config: False,
    messages=lambda _config: 1,
)
