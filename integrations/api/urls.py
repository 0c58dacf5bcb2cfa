from django.urls import path

from integrations.api import views

urlpatterns = [
    path("integrations/whatsapp/configure", views.WhatsAppConfigureView.as_view()),
    path("integrations/whatsapp/status", views.WhatsAppStatusView.as_view()),
    path("integrations/whatsapp/send", views.WhatsAppSendView.as_view()),
    path("integrations/whatsapp/test", views.WhatsAppTestView.as_view()),
    path("messages", views.MessageLedgerView.as_view()),
    path("messages/<uuid:message_id>", views.MessageLedgerItemView.as_view()),
]
