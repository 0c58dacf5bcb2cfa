from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgentToolsConfig(AppConfig):
    name = "agent_tools"
    verbose_name = _("Agentes")
