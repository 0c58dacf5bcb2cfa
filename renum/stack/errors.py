"""What can end `manage.py up` early."""


class StackError(Exception):
    """The stack cannot start. The message tells the person at the terminal what to do."""


class StopRequested(Exception):
    """Somebody asked the stack to stop while it was starting."""
