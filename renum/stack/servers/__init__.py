"""Postgres and Valkey from their wheels: started on a data folder, stopped at the end of a `with` block."""

from renum.stack.servers.postgres import PostgresUrls, embedded_postgres
from renum.stack.servers.valkey import embedded_valkey, supervised_valkey

__all__ = ["PostgresUrls", "embedded_postgres", "embedded_valkey", "supervised_valkey"]
