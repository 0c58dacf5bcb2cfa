from django.urls import path

from webhooks.views import receive_sendgrid, receive_uazapi

urlpatterns = [
    path("uazapi", receive_uazapi, name="webhook-uazapi"),
    path("uazapi/<str:key>", receive_uazapi, name="webhook-uazapi-key"),
    path("sendgrid/<str:key>", receive_sendgrid, name="webhook-sendgrid"),
]
