from django.urls import path

from agent_tools.api.views import agents, runs, tools

urlpatterns = [
    path("agents", agents.AgentListView.as_view(), name="agents"),
    path("agents/queries", agents.NamedQueryListView.as_view(), name="agent-queries"),
    path("agents/runs", runs.RunListView.as_view(), name="agent-runs"),
    path("agents/runs/<uuid:run_id>", runs.RunView.as_view(), name="agent-run"),
    path("agents/tools", agents.ToolListView.as_view(), name="agents-tools"),
    path("agents/<uuid:agent_id>", agents.AgentView.as_view(), name="agent"),
    path("agents/<uuid:agent_id>/ask", runs.AskView.as_view(), name="agent-ask"),
    # for agents outside of this process
    path("agent/tools", tools.OfferedToolsView.as_view(), name="agent-tools"),
    path("agent/tools/<slug:tool>", tools.ToolUseView.as_view(), name="agent-tool"),
]
