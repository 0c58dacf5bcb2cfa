"""Queries that staff publish: a read with typed parameters, some of which tell who is writing.

What is filled from the sender comes from the conversation, as the provider named them. The model neither
sees it nor can give another value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_tools.errors import InvalidArguments, SenderUnknown
from agent_tools.models import NamedQuery
from agent_tools.sessions import Session
from integrations import providers, services
from integrations.models import Integration
from renum.conversations.models import Contact
from renum.conversations.selectors import get_conversation
from renum.errors import InvalidInput
from renum.validation import problems_of

MAX_SQL = 5_000
MAX_PARAMETERS = 20
MAX_TEXT = 200
COUNTRY = "+55"

Value = str | int | bool | Decimal | date | None
Source = Literal["model", "sender_phone", "sender_digits", "sender_national", "sender_attribute"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Part):
    """`source`: who gives the value. `sender_phone`: +5511987654321; `sender_digits`: 5511987654321;
    `sender_national`: 11987654321; `sender_attribute`: the contact's, by `attribute`. `choices`: of a text.
    """

    type: Literal["text", "integer", "number", "date", "boolean"] = "text"
    source: Source = "model"
    attribute: str = Field(default="", max_length=40)
    choices: list[str] = Field(default_factory=list, max_length=50)
    description: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _fits(self) -> Parameter:
        if bool(self.attribute) != (self.source == "sender_attribute"):
            raise ValueError("attribute: informe-o com source=sender_attribute, e só então")
        if self.choices and self.type != "text":
            raise ValueError("choices: só para o tipo text")
        return self


class ReadFilter(_Part):
    """A condition with a fixed `value`, or with that of a `parameter`."""

    column: str = Field(max_length=63)
    operator: Literal["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "is"] = "eq"
    value: str | int | float | bool | None = None
    parameter: str = Field(default="", max_length=40)


class ReadOrder(_Part):
    column: str = Field(max_length=63)
    descending: bool = False


class TableRead(_Part):
    """A structured read; it works over every kind of database."""

    table: str = Field(max_length=63)
    columns: list[str] = Field(default_factory=list, max_length=100)
    filters: list[ReadFilter] = Field(default_factory=list, max_length=50)
    order: list[ReadOrder] = Field(default_factory=list, max_length=10)
    limit: int = Field(default=50, ge=1, le=200)


class Definition(_Part):
    """`read` or `sql`, not both; `sql` is one SELECT with parameters as `:name`, for Postgres in SQL mode."""

    parameters: dict[str, Parameter] = Field(default_factory=dict, max_length=MAX_PARAMETERS)
    read: TableRead | None = None
    sql: str = Field(default="", max_length=MAX_SQL)

    @model_validator(mode="after")
    def _is_one(self) -> Definition:
        if (self.read is None) == (not self.sql):
            raise ValueError("use read ou sql, um dos dois")
        if self.read:
            used = {one.parameter for one in self.read.filters if one.parameter}
            if used != set(self.parameters):
                raise ValueError("parameters: declare exatamente os que os filtros usam")
        return self

    def told_parameters(self) -> list[str]:
        """What the model is told of the parameters that it gives."""
        return [
            " ".join(filter(None, (f"{name}: {' | '.join(one.choices) or one.type}", one.description)))
            for name, one in self.parameters.items()
            if one.source == "model"
        ]


def definition_of(query: NamedQuery) -> Definition:
    """The stored definition, validated again on use; raises `InvalidInput`."""
    return parse_definition(query.definition)


def parse_definition(stored: Any) -> Definition:
    """Validate what staff wrote; raises `InvalidInput` that names each part that is wrong."""
    try:
        return Definition.model_validate(stored)
    except ValidationError as error:
        raise InvalidInput(details=problems_of(error, whole="definition")) from error


def check_definition(stored: Any, database: Integration | None) -> Definition:
    """What may be published: as `parse_definition`, and SQL that the client's database would take.

    Raises `InvalidInput`, or what `check_sql` raises.
    """
    definition = parse_definition(stored)
    if definition.sql and database is not None:
        used = set(services.check_sql(database, definition.sql))
        if used != set(definition.parameters):
            raise InvalidInput(details={"parameters": ["Declare exatamente os que o SQL usa."]})
    return definition


def read(
    session: Session, definition: Definition, given: Mapping[str, Any], database: Integration
) -> providers.Rows:
    """Run the query with what the model gave and what the conversation tells of the sender.

    Raises `InvalidArguments` for a parameter that is missing, unknown, the sender's, or of another type;
    `SenderUnknown`; and what `read_rows` and `read_sql` raise.
    """
    values = _values(session, definition, given)
    if definition.read is None:
        return services.read_sql(database, definition.sql, values)
    wanted = definition.read
    return services.read_rows(
        database,
        providers.Select(
            table=wanted.table,
            columns=tuple(wanted.columns),
            filters=tuple(
                providers.Filter(
                    one.column, one.operator, values[one.parameter] if one.parameter else one.value
                )
                for one in wanted.filters
            ),
            order=tuple((one.column, one.descending) for one in wanted.order),
            limit=wanted.limit,
        ),
    )


def _values(session: Session, definition: Definition, given: Mapping[str, Any]) -> dict[str, Value]:
    own = {name for name, one in definition.parameters.items() if one.source == "model"}
    problems: dict[str, list[str]] = {name: ["parâmetro desconhecido"] for name in sorted(set(given) - own)}
    values: dict[str, Value] = {}
    for name, parameter in definition.parameters.items():
        if name not in own:
            continue
        try:
            values[name] = _typed(parameter, given.get(name))
        except (ValueError, InvalidOperation):
            problems[name] = [f"valor obrigatório do tipo {parameter.type}"]
    if problems:
        raise InvalidArguments(details=problems)
    if own != set(definition.parameters):
        contact = _sender(session)
        values |= {
            name: _of_sender(contact, parameter)
            for name, parameter in definition.parameters.items()
            if name not in own
        }
    return values


def _typed(parameter: Parameter, value: Any) -> Value:
    if value is None or (isinstance(value, bool) != (parameter.type == "boolean")):
        raise ValueError(parameter.type)
    typed = _READERS[parameter.type](value)
    if parameter.choices and typed not in parameter.choices:
        raise ValueError(parameter.type)
    return typed


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise ValueError("text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("integer")
    number = int(value)
    if abs(number) >= 2**63:
        raise ValueError("integer")
    return number


def _number(value: Any) -> Decimal:
    number = Decimal(str(value)[:40])
    if not number.is_finite():
        raise ValueError("number")
    return number


_READERS: dict[str, Callable[[Any], Value]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "date": lambda value: date.fromisoformat(str(value)),
    "boolean": bool,
}


def _sender(session: Session) -> Contact:
    """Who is writing, as the provider names them; raises `SenderUnknown` where nobody is."""
    conversation_id: UUID | None = session.conversation_id
    if conversation_id is None:
        raise SenderUnknown
    with session.scope():
        return get_conversation(session.client_id, conversation_id).contact


def _of_sender(contact: Contact, parameter: Parameter) -> Value:
    if parameter.source == "sender_attribute":
        value = contact.attributes.get(parameter.attribute)
    else:
        phone = str(contact.phone or "")
        value = {
            "sender_phone": phone,
            "sender_digits": phone.removeprefix("+"),
            "sender_national": phone.removeprefix(COUNTRY) if phone.startswith(COUNTRY) else "",
        }[parameter.source]
    if value in (None, ""):
        raise SenderUnknown
    try:
        return _typed(parameter, value)
    except (ValueError, InvalidOperation) as error:
        raise SenderUnknown from error
