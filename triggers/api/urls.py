from django.urls import path

from triggers.api.views import executions, policy, simulation, triggers, why

urlpatterns = [
    path("automation-policy", policy.AutomationPolicyView.as_view(), name="automation-policy"),
    path("conversations/<uuid:conversation_id>/why", why.WhyView.as_view(), name="conversation-why"),
    path("executions/<uuid:execution_id>", executions.ExecutionView.as_view(), name="execution"),
    path(
        "executions/<uuid:execution_id>/retry",
        executions.ExecutionRetryView.as_view(),
        name="execution-retry",
    ),
    path("triggers", triggers.TriggerListView.as_view(), name="triggers"),
    path("triggers/recipes", triggers.RecipeListView.as_view(), name="trigger-recipes"),
    path("triggers/simulate", simulation.SimulationView.as_view(), name="trigger-simulate"),
    path("triggers/<uuid:trigger_id>", triggers.TriggerView.as_view(), name="trigger"),
    path(
        "triggers/<uuid:trigger_id>/executions",
        executions.ExecutionListView.as_view(),
        name="trigger-executions",
    ),
    path("triggers/<uuid:trigger_id>/test", simulation.TriggerTestView.as_view(), name="trigger-test"),
    path("triggers/<uuid:trigger_id>/toggle", triggers.TriggerToggleView.as_view(), name="trigger-toggle"),
]
