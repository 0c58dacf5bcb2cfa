"""The console's pages about automations."""

from triggers.admin.executions import TriggerExecutionAdmin
from triggers.admin.policies import AutomationPolicyAdmin
from triggers.admin.triggers import TriggerAdmin

__all__ = ["AutomationPolicyAdmin", "TriggerAdmin", "TriggerExecutionAdmin"]
