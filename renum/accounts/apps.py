from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "renum.accounts"
    verbose_name = _("Contas")

    def ready(self) -> None:
        from renum.accounts import checks  # noqa: F401  registers the system checks
