from django.urls import path

from webhooks.views import receive_evolution, receive_sendgrid, receive_uazapi

urlpatterns = [
    path("uazapi", receive_uazapi, name="webhook-uazapi"),
    path("uazapi/<str:key>", receive_uazapi, name="webhook-uazapi-key"),
    path("evolution/<str:key>", receive_evolution, name="webhook-evolution"),
    path("sendgrid/<str:key>", receive_sendgrid, name="webhook-sendgrid"),
]
