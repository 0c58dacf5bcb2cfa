"""Read a client's own database. No transaction of ours is open meanwhile."""

from __future__ import annotations

from integrations import errors, providers
from integrations.models import Integration
from integrations.services.probing import as_domain_error, reach
from renum.errors import DomainError


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
    try:
        found: providers.Rows = reach(
            integration.provider, integration.settings, lambda provider: provider.select(query)
        )
    except errors.Rejected as error:
        raise _refused(error) from error
    except errors.ProviderError as error:
        raise as_domain_error(error) from error
    return found


def _refused(error: errors.Rejected) -> DomainError:
    cls = errors.TableNotAllowed if error.code == "TABLE_NOT_ALLOWED" else errors.QueryRefused
    return cls(error.message, code=error.code)
