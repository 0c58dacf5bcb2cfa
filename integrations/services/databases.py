"""Read a client's own database. No transaction of ours is open meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

from integrations import errors, providers
from integrations.models import Integration
from integrations.services.probing import as_domain_error, reach
from renum.errors import DomainError

T = TypeVar("T")
Parameter = str | int | float | bool | Decimal | date | datetime | None


def list_tables(integration: Integration) -> list[providers.Table]:
    """What the credentials can read; raises `InvalidCredentials` or `ConnectionFailed`."""
    try:
        return reach(integration.provider, integration.settings, lambda provider: provider.list_tables())
    except errors.ProviderError as error:
        raise as_domain_error(error) from error


def read_rows(integration: Integration, query: providers.Select) -> providers.Rows:
    """Run a structured read of an allowed table.

    Raises `TableNotAllowed` for a table that is not on the integration's list, `QueryRefused` with the
    database's reason as its code, `InvalidCredentials` or `ConnectionFailed`.
    """
    if query.table not in integration.settings.allowed_tables:
        raise errors.TableNotAllowed(details={"table": [query.table]})
    found: providers.Rows = _ask(integration, lambda provider: provider.select(query))
    return found


def has_sql_mode(integration: Integration) -> bool:
    """Tell whether the client turned SQL mode on, and the provider has one."""
    return providers.get(integration.provider).runs_sql(integration.settings)


def read_sql(
    integration: Integration, sql: str, parameters: Mapping[str, Parameter] = MappingProxyType({})
) -> providers.Rows:
    """Run one SELECT over the allowed tables, `:name` in it for each parameter.

    Raises `IntegrationDisabled`, `SqlModeOff`, `SqlRoleTooPowerful` for a login that may do more than read
    the allowed tables, `TableNotAllowed`, `QueryRefused` (`SQL_NOT_ALLOWED` for what SQL mode has not, else
    the database's reason), `InvalidCredentials` or `ConnectionFailed`.
    """
    if not integration.enabled:
        raise errors.IntegrationDisabled
    _require_sql_mode(integration)
    found: providers.Rows = _ask(integration, lambda provider: provider.select_sql(sql, parameters))
    return found


def check_sql(integration: Integration, sql: str) -> list[str]:
    """The names of a statement's parameters, in the order of their first use, without running it.

    Raises `SqlModeOff`, and `TableNotAllowed` or `QueryRefused` for what `read_sql` would not accept.
    """
    _require_sql_mode(integration)
    names: list[str] = _ask(integration, lambda provider: provider.list_parameters(sql))
    return names


def _require_sql_mode(integration: Integration) -> None:
    if not has_sql_mode(integration):
        raise errors.SqlModeOff


def _ask(integration: Integration, use: Callable[[Any], Awaitable[T]]) -> T:
    try:
        return reach(integration.provider, integration.settings, use)
    except errors.Rejected as error:
        raise _refused(error) from error
    except errors.ProviderError as error:
        raise as_domain_error(error) from error


def _refused(error: errors.Rejected) -> DomainError:
    cls = errors.TableNotAllowed if error.code == "TABLE_NOT_ALLOWED" else errors.QueryRefused
    return cls(error.message, code=error.code)
