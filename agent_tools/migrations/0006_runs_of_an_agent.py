"""The latest runs of an agent, by an index, for the console's list of agents."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agent_tools', '0005_agents_of_all_clients'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='agentrun',
            index=models.Index(models.F('client'), models.F('agent'), models.OrderBy(models.F('created_at'), descending=True, nulls_last=True), name='agent_runs_agent'),
        ),
    ]
