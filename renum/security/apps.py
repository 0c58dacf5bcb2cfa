from django.apps import AppConfig


class SecurityConfig(AppConfig):
    name = "renum.security"

    def ready(self) -> None:
        from renum.security import checks  # noqa: F401  registers the system checks
