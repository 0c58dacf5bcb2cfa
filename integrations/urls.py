"""What is neither API nor webhook: health for monitors, and the page behind a mail's unsubscribe link."""

from django.urls import path

from integrations.api.views.health import integrations_health
from integrations.views import unsubscribe

urlpatterns = [
    path("health/integrations", integrations_health, name="health-integrations"),
    path("unsubscribe/<str:token>", unsubscribe, name="unsubscribe"),
]
