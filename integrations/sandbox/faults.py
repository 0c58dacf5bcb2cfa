"""Scripted misfortune: what the next requests to a provider, or our next webhook, meet. Consumed in order."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from .smtp_faults import AnySmtpFault, SmtpFault

# Where a fault applies unless it names a path: a status probe should not use up a send's fault.
SEND_PATHS = ("/send/text", "/send/media", "/messages/send", "/message/send", "/mail/send")


class InvalidFault(ValueError):
    """The fault is malformed."""


class Fault(BaseModel):
    """`path` is a part of the request's path, for `duplicate` of the webhook URL's; `target` is a phone."""

    model_config = ConfigDict(extra="forbid", strict=True)

    times: int = Field(default=1, ge=1, le=100_000)
    path: str | None = Field(default=None, min_length=1)
    target: str | None = Field(default=None, pattern=r"\d")

    def meets(self, path: str, recipient: str) -> bool:
        if self.target is not None and digits_of(self.target) != recipient:
            return False
        return self.path in path if self.path is not None else self._meets_by_default(path)

    def _meets_by_default(self, path: str) -> bool:
        return any(part in path for part in SEND_PATHS)


class StatusFault(Fault):
    """Answer with this status and body; nothing is delivered. `retry_after` (seconds) sets the header."""

    kind: Literal["status"]
    status: int = Field(ge=200, le=599)
    body: Any = Field(default_factory=lambda: {"error": "scripted"})
    retry_after: int | None = Field(default=None, ge=0)


class DelayFault(Fault):
    kind: Literal["delay"]
    seconds: float = Field(gt=0, le=120)


class HangFault(Fault):
    """Accept the message, echo it, and never answer."""

    kind: Literal["accept_then_hang"]


class DropFault(Fault):
    kind: Literal["drop"]


class GarbageFault(Fault):
    """Answer 200 with a web page, as a proxy in between does; nothing is delivered."""

    kind: Literal["garbage"]


class CutFault(Fault):
    """Accept the message, echo it, and hang up in the middle of the answer."""

    kind: Literal["cut"]


class DuplicateFault(Fault):
    """Post the next webhook `copies` more times."""

    kind: Literal["duplicate"]
    copies: int = Field(default=1, ge=1, le=20)

    def _meets_by_default(self, path: str) -> bool:
        return True


RequestFault = StatusFault | DelayFault | HangFault | DropFault | GarbageFault | CutFault
AnyFault = Annotated[RequestFault | DuplicateFault | AnySmtpFault, Field(discriminator="kind")]
_SCRIPT: TypeAdapter[list[AnyFault]] = TypeAdapter(Annotated[list[AnyFault], Field(min_length=1)])


class Faults:
    def __init__(self) -> None:
        self._pending: list[RequestFault | DuplicateFault | AnySmtpFault] = []

    def add(self, script: Any) -> None:
        """Append one fault or a list of them; raises InvalidFault, and adds nothing, if any is malformed."""
        try:
            self._pending += _SCRIPT.validate_python([_spelled(item) for item in _listed(script)])
        except ValidationError as exc:
            raise InvalidFault(first_error(exc)) from exc

    def clear(self) -> None:
        self._pending.clear()

    def list_pending(self) -> list[dict[str, Any]]:
        return [fault.model_dump() for fault in self._pending]

    def take_for_request(self, path: str, recipient: str) -> RequestFault | None:
        for fault in self._pending:
            if not isinstance(fault, DuplicateFault | SmtpFault) and fault.meets(path, recipient):
                self._use_up(fault)
                return fault
        return None

    def take_for_webhook(self, path: str, recipient: str) -> DuplicateFault | None:
        for fault in self._pending:
            if isinstance(fault, DuplicateFault) and fault.meets(path, recipient):
                self._use_up(fault)
                return fault
        return None

    def take_for_smtp(self, stage: str, address: str) -> AnySmtpFault | None:
        for fault in self._pending:
            if isinstance(fault, SmtpFault) and fault.meets(stage, address):
                self._use_up(fault)
                return fault
        return None

    def _use_up(self, fault: RequestFault | DuplicateFault | AnySmtpFault) -> None:
        fault.times -= 1
        if fault.times == 0:
            self._pending = [other for other in self._pending if other is not fault]


def digits_of(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def first_error(exc: ValidationError) -> str:
    """Say in one line what is wrong: the place and the reason."""
    error = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg']}" if place else error["msg"]


def _listed(script: Any) -> list[Any]:
    return script if isinstance(script, list) else [script]


def _spelled(item: Any) -> Any:
    if isinstance(item, dict) and isinstance(item.get("kind"), str):
        return {**item, "kind": item["kind"].replace("-", "_")}
    return item
