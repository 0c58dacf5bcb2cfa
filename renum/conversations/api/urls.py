from django.urls import path

from renum.conversations.api import views

urlpatterns = [
    path("conversations", views.ConversationListView.as_view(), name="conversations"),
    path("conversations/<uuid:conversation_id>", views.ConversationView.as_view(), name="conversation"),
    path(
        "conversations/<uuid:conversation_id>/messages",
        views.MessageListView.as_view(),
        name="conversation-messages",
    ),
]
