"""Scripted misfortune of the mail sink: at one stage of the dialogue, a reply, silence or a cut."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# `connect`: instead of the greeting; `body`: after the final dot, when the mail has arrived.
Stage = Literal["connect", "ehlo", "auth", "mail", "rcpt", "data", "body"]


class SmtpFault(BaseModel):
    """`target` is the address that a `mail` or `rcpt` names."""

    model_config = ConfigDict(extra="forbid", strict=True)

    stage: Stage
    times: int = Field(default=1, ge=1, le=100_000)
    target: str | None = Field(default=None, pattern="@")

    def meets(self, stage: str, address: str) -> bool:
        return self.stage == stage and (self.target is None or self.target.lower() == address.lower())


class SmtpReplyFault(SmtpFault):
    """Answer with this reply; nothing is delivered. After 421 the connection ends, as RFC 5321 has it."""

    kind: Literal["smtp_reply"]
    code: int = Field(ge=200, le=599)
    text: str = Field(default="scripted", pattern=r"^[ -~]*$", max_length=500)


class SmtpDropFault(SmtpFault):
    kind: Literal["smtp_drop"]


class SmtpHangFault(SmtpFault):
    """Never answer. At the stage `body` the mail is accepted all the same."""

    kind: Literal["smtp_hang"]


AnySmtpFault = SmtpReplyFault | SmtpDropFault | SmtpHangFault
