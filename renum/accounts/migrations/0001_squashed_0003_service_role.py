"""People, companies and their sessions."""

import django.db.models.deletion
import django.db.models.functions.text
import timezone_field.fields
import uuid
from django.conf import settings
from django.db import migrations, models

from renum.accounts.rls import profiles_and_clients
from renum.periodic import every


class Migration(migrations.Migration):

    replaces = [('accounts', '0001_initial'), ('accounts', '0002_periodic_tasks'), ('accounts', '0003_service_role')]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('django_celery_beat', '0019_alter_periodictasks_options'),
    ]

    operations = [
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail')),
                ('full_name', models.CharField(blank=True, max_length=150, verbose_name='nome')),
                ('role', models.CharField(choices=[('admin', 'Equipe RENUM'), ('client', 'Cliente')], default='client', max_length=10, verbose_name='papel')),
                ('is_active', models.BooleanField(default=True, verbose_name='ativo')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criado em')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'perfil',
                'verbose_name_plural': 'perfis',
                'db_table': 'profiles',
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='profiles_email_lower'), models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'client'])), name='profiles_role_known')],
            },
        ),
        migrations.CreateModel(
            name='Client',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=255, verbose_name='nome')),
                ('timezone', timezone_field.fields.TimeZoneField(default='America/Sao_Paulo', verbose_name='fuso horário')),
                ('status', models.CharField(choices=[('active', 'Ativo'), ('suspended', 'Suspenso')], default='active', max_length=10, verbose_name='situação')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='criado em')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='atualizado em')),
                ('profile', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='client', to=settings.AUTH_USER_MODEL, verbose_name='perfil')),
            ],
            options={
                'verbose_name': 'cliente',
                'verbose_name_plural': 'clientes',
                'db_table': 'clients',
            },
        ),
        migrations.CreateModel(
            name='RefreshSession',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('family', models.UUIDField()),
                ('expires_at', models.DateTimeField()),
                ('consumed_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refresh_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'refresh_sessions',
                'indexes': [models.Index(fields=['family'], name='refresh_sessions_family'), models.Index(fields=['expires_at'], name='refresh_sessions_expiry')],
            },
        ),
        profiles_and_clients(),
        every(86_400, "renum.delete_expired_sessions", queue="low"),
        every(10, "renum.sing", queue="high", name="renum.sing in high", kwargs={"queue": "high"}),
        every(10, "renum.sing", queue="normal", name="renum.sing in normal", kwargs={"queue": "normal"}),
        every(10, "renum.sing", queue="low", name="renum.sing in low", kwargs={"queue": "low"}),
    ]
