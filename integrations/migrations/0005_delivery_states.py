"""What delivery remembers of a connection."""

import django.db.models.deletion
import uuid
from django.db import migrations, models
from renum.accounts.rls import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ('accounts', '0002_periodic_tasks'),
        ('integrations', '0004_outbound_kinds'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeliveryState',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('integration', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='delivery_state', to='integrations.integration')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='accounts.client', verbose_name='cliente')),
                ('failures', models.PositiveSmallIntegerField(default=0, verbose_name='falhas seguidas')),
                ('open_until', models.DateTimeField(blank=True, null=True, verbose_name='interrompida até')),
                ('probe_until', models.DateTimeField(blank=True, null=True)),
                ('next_proactive_at', models.DateTimeField(blank=True, null=True, verbose_name='próximo envio')),
                ('new_chats_blocked_until', models.DateTimeField(blank=True, null=True, verbose_name='novas conversas bloqueadas até')),
            ],
            options={
                'verbose_name': 'estado de entrega',
                'verbose_name_plural': 'estados de entrega',
                'db_table': 'delivery_states',
            },
        ),
        tenant_table("delivery_states", "delivery states", client_writes=False),
    ]
