"""Addresses. No trailing slashes, as in the brief; the admin keeps Django's."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from renum.health.views import health, show_metrics

urlpatterns = [
    path("webhooks/", include("webhooks.urls")),  # first, since there are very many
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("health", health, name="health"),
    path("metrics", show_metrics, name="metrics"),
    path("", include("integrations.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/", include("renum.accounts.api.urls")),
    path("api/", include("renum.conversations.api.urls")),
    path("api/", include("integrations.api.urls")),
    path("api/", include("triggers.api.urls")),
    path("api/", include("agent_tools.api.urls")),
]

handler400 = "renum.api.errors.bad_request"
handler403 = "renum.api.errors.permission_denied"
handler404 = "renum.api.errors.not_found"
handler500 = "renum.api.errors.server_error"
