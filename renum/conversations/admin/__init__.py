"""The console's pages about contacts, conversations, their messages, and who must not be written to."""

from renum.conversations.admin.conversations import ContactAdmin, ConversationAdmin, MessageAdmin
from renum.conversations.admin.suppressions import SuppressionAdmin

__all__ = ["ContactAdmin", "ConversationAdmin", "MessageAdmin", "SuppressionAdmin"]
