#!/usr/bin/env python
"""Django's command line. Commands that change the schema run as the owning database role."""

import os
import sys

OWNER_COMMANDS = {"migrate", "sqlmigrate", "showmigrations", "makemigrations", "squashmigrations"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "renum.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("RENUM_DATABASE_ROLE", "owner")
    try:
        if sys.argv[1:2] == ["up"]:
            # Without the apps: the programs that it starts load them.
            from renum.stack.management.commands.up import Command

            Command().run_from_argv(sys.argv)
        else:
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
