"""The console's pages about contacts, conversations, their messages, their rules, and who is barred."""

from renum.conversations.admin.contacts import ContactAdmin
from renum.conversations.admin.conversations import ConversationAdmin, MessageAdmin
from renum.conversations.admin.doubts import IdentityDoubtAdmin
from renum.conversations.admin.policies import ConversationPolicyAdmin
from renum.conversations.admin.suppressions import SuppressionAdmin

__all__ = [
    "ContactAdmin",
    "ConversationAdmin",
    "ConversationPolicyAdmin",
    "IdentityDoubtAdmin",
    "MessageAdmin",
    "SuppressionAdmin",
]
