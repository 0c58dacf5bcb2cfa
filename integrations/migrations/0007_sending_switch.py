"""The kill switch for everything: one row that all may read and staff may change."""

from django.db import migrations, models
from renum.accounts.rls import readable_by_all


class Migration(migrations.Migration):
    dependencies = [
        ('integrations', '0006_delivery_policies'),
    ]

    operations = [
        migrations.CreateModel(
            name='SendingSwitch',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('paused', models.BooleanField(default=False, verbose_name='todos os envios pausados')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='alterado em')),
            ],
            options={
                'verbose_name': 'chave geral de envios',
                'verbose_name_plural': 'chave geral de envios',
                'db_table': 'sending_switch',
            },
        ),
        migrations.AddConstraint(
            model_name='sendingswitch',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='sending_switch_one_row'),
        ),
        migrations.RunSQL("INSERT INTO sending_switch (id, paused, updated_at) VALUES (1, false, now())", "DELETE FROM sending_switch"),
        readable_by_all("sending_switch", "sending switch"),
    ]
