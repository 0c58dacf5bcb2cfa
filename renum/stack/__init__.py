"""The embedded stack: Postgres, Valkey, web, worker, beat and sandbox with one command, `manage.py up`."""
