from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = _("Integrações")

    def ready(self) -> None:
        from integrations import holdings, metrics

        holdings.register()
        metrics.register()
