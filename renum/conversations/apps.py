from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConversationsConfig(AppConfig):
    name = "renum.conversations"
    verbose_name = _("Conversas")

    def ready(self) -> None:
        from renum.conversations import held

        held.register()
