from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgentToolsConfig(AppConfig):
    name = "agent_tools"
    verbose_name = _("Agentes")

    def ready(self) -> None:
        from agent_tools import holdings, metrics, trigger_tools
        from agent_tools.provision import provide_agents
        from agent_tools.services import note_resumed
        from renum.accounts.services import on_new_client
        from renum.conversations.services import on_resume

        holdings.register()
        metrics.register()
        trigger_tools.register()
        on_resume(note_resumed)
        on_new_client(provide_agents)
