from django.urls import path

from renum.conversations.api import contacts, policy, views

urlpatterns = [
    path("contacts", contacts.ContactListView.as_view(), name="contacts"),
    path("contacts/<uuid:contact_id>", contacts.ContactView.as_view(), name="contact"),
    path("contacts/<uuid:contact_id>/export", contacts.ContactExportView.as_view(), name="contact-export"),
    path("conversation-policy", policy.ConversationPolicyView.as_view(), name="conversation-policy"),
    path("conversations", views.ConversationListView.as_view(), name="conversations"),
    path("conversations/<uuid:conversation_id>", views.ConversationView.as_view(), name="conversation"),
    path(
        "conversations/<uuid:conversation_id>/messages",
        views.MessageListView.as_view(),
        name="conversation-messages",
    ),
]
