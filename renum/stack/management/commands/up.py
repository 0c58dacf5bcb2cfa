"""`manage.py up`: run the whole stack on this machine, for development."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from renum.environment import BASE_DIR
from renum.stack.up import StackOptions, run_stack


class Command(BaseCommand):
    help = "Run Postgres, Valkey, web, worker, beat and the sandbox until Ctrl-C."
    requires_system_checks = ()  # they may need the database that this command starts

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="Do not create the demo data.")

    def handle(self, *_args: Any, **options: Any) -> None:
        environment = settings.ENVIRONMENT
        if environment.env == "production":
            self.stderr.write("`manage.py up` is for development")
            sys.exit(1)
        stack = StackOptions(
            root=BASE_DIR,
            data_dir=environment.data_dir.resolve(),
            web_port=environment.web_port,
            sandbox_port=environment.sandbox_port,
            sandbox_smtp_port=environment.sandbox_smtp_port,
            demo=not options["no_demo"],
        )
        sys.exit(run_stack(stack))
