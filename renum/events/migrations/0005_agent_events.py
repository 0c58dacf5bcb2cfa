"""A kind more: agents are changed by people."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0004_unconsidered_events'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('message_received', 'Mensagem recebida'), ('message_sent', 'Mensagem enviada'), ('message_failed', 'Mensagem não enviada'), ('message_unknown', 'Envio incerto'), ('conversation_opened', 'Conversa aberta'), ('status_changed', 'Situação alterada'), ('integration_configured', 'Integração configurada'), ('integration_refused', 'Credenciais recusadas'), ('integration_changed', 'Integração alterada'), ('integration_removed', 'Integração removida'), ('delivery_policy_changed', 'Regras de envio alteradas'), ('contact_suppressed', 'Envio bloqueado para o contato'), ('message_delivered', 'Mensagem entregue'), ('contact_opted_out', 'Contato pediu para não receber'), ('contact_opted_in', 'Contato pediu para voltar a receber'), ('contact_exported', 'Dados do contato exportados'), ('contact_erased', 'Dados do contato apagados'), ('integration_connected', 'Integração conectada'), ('integration_disconnected', 'Integração desconectada'), ('agent_paused', 'Agente em pausa'), ('agent_resumed', 'Agente retomado'), ('attention_wanted', 'Conversa pede atenção'), ('attention_given', 'Conversa atendida por pessoa'), ('intent_detected', 'Intenção detectada'), ('trigger_paused', 'Gatilho pausado por falhas'), ('conversation_policy_changed', 'Regras de conversa alteradas'), ('agent_changed', 'Agente alterado'), ('automation_policy_changed', 'Regras de automação alteradas')], max_length=40, verbose_name='tipo'),
        ),
    ]
