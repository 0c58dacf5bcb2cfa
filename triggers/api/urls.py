from django.urls import path

from triggers.api import views

urlpatterns = [
    path("triggers", views.TriggerListView.as_view(), name="triggers"),
    path("triggers/<uuid:trigger_id>", views.TriggerView.as_view(), name="trigger"),
]
