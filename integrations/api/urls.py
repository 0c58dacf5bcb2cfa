from django.urls import path

from integrations.api.views import database, email, integrations, messages, policy, templates, whatsapp

urlpatterns = [
    path("integrations", integrations.IntegrationListView.as_view()),
    path("integrations/<uuid:integration_id>", integrations.IntegrationItemView.as_view()),
    path("integrations/<uuid:integration_id>/enable", integrations.IntegrationEnableView.as_view()),
    path("integrations/<uuid:integration_id>/disable", integrations.IntegrationDisableView.as_view()),
    path("integrations/<uuid:integration_id>/restore", integrations.IntegrationRestoreView.as_view()),
    path("integrations/whatsapp/configure", whatsapp.WhatsAppConfigureView.as_view()),
    path("integrations/whatsapp/status", whatsapp.WhatsAppStatusView.as_view()),
    path("integrations/whatsapp/send", whatsapp.WhatsAppSendView.as_view()),
    path("integrations/whatsapp/test", whatsapp.WhatsAppTestView.as_view()),
    path("integrations/email/configure", email.EmailConfigureView.as_view()),
    path("integrations/email/status", email.EmailStatusView.as_view()),
    path("integrations/email/send", email.EmailSendView.as_view()),
    path("integrations/email/test", email.EmailTestView.as_view()),
    path("integrations/database/configure", database.DatabaseConfigureView.as_view()),
    path("integrations/database/status", database.DatabaseStatusView.as_view()),
    path("integrations/database/test", database.DatabaseTestView.as_view()),
    path("integrations/database/query", database.DatabaseQueryView.as_view()),
    path("messages", messages.MessageLedgerView.as_view()),
    path("messages/<uuid:message_id>", messages.MessageLedgerItemView.as_view()),
    path("templates", templates.TemplateListView.as_view()),
    path("templates/<uuid:template_id>", templates.TemplateItemView.as_view()),
    path("delivery-policy", policy.DeliveryPolicyView.as_view()),
]
