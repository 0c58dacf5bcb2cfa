"""What a run's reason code means, what staff can do about it, and why a person was asked for."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from agent_tools.models import AgentRun
from agent_tools.reasons import Attention, Reason
from renum.admin_columns import EMPTY, moment_text
from renum.conversations.admin.conversations import ATTENTION_REASONS

State = AgentRun.State

ADVICE: dict[str, Any] = {
    Reason.AGENT_PAUSED: _("Uma pessoa assumiu a conversa; o agente volta depois da pausa."),
    Reason.OUTSIDE_HOURS: _("Está fora do horário do agente; veja-o no agente."),
    Reason.SUPERSEDED: _("Nada: chegou outra mensagem antes de a resposta sair."),
    Reason.TAKEN_OVER: _("Nada: uma pessoa assumiu a conversa antes de a resposta sair."),
    Reason.ANSWERED_BY_PERSON: _("Nada: uma pessoa já respondeu."),
    Reason.WORKER_LOST: _("O processo que atendia parou %(attempts)d vezes; veja os logs dos workers."),
    Reason.TEXT_UNREADABLE: _("O texto não abre com as chaves atuais; confira ENCRYPTION_KEYS_RETIRED."),
    Reason.AGENT_FAILED: _(
        "O modelo falhou %(attempts)d vezes; confira o modelo do agente, ou AGENT_MODEL, e o provedor dele."
    ),
    Reason.AGENT_DISABLED: _(
        "O agente está desativado, ou nenhum responde no WhatsApp; veja os agentes do cliente."
    ),
    Reason.AGENT_DELETED: _("O agente a quem se pediu foi excluído; peça a outro."),
    Reason.AGENT_LOOP: _(
        "Parece conversa entre robôs: passou das respostas por hora. Uma pessoa foi chamada; "
        "se for mesmo gente, aumente o limite no agente."
    ),
    # the model
    "MODEL_UNAVAILABLE": _("O modelo não pôde ser usado; confira o nome, a chave e o pacote do provedor."),
    "MODEL_CALL_LIMIT": _(
        "O modelo não concluiu nas chamadas que pode fazer; reveja as instruções ou o limite do agente."
    ),
    "AGENT_TIMED_OUT": _("Passou do tempo limite do agente; aumente-o, ou use um modelo mais rápido."),
    # what was not said
    "CLAIM_WITHOUT_RECEIPT": _(
        "O agente afirmou o que nenhuma ferramenta fez, e isso não saiu; veja os passos e as instruções dele."
    ),
    "ANSWER_LEAKS": _(
        "A resposta tinha uma credencial ou as instruções do agente e não saiu; tire segredos das instruções."
    ),
    "VALIDATION_ERROR": _("O modelo escreveu o que não pode ser enviado."),
    # the tools
    "INVALID_ARGUMENTS": _(
        "O modelo usou mal uma ferramenta; veja os passos e reveja as instruções do agente."
    ),
    "TOOL_NOT_OFFERED": _(
        "O modelo pediu uma ferramenta que o agente não tem; inclua-a no agente se for o caso."
    ),
    "RECIPIENT_NOT_ALLOWED": _(
        "O destinatário não está entre os permitidos; inclua-o no agente se for o caso."
    ),
    "TABLE_NOT_ALLOWED": _(
        "A tabela não está entre as permitidas; se deve estar, o cliente a inclui na configuração do banco."
    ),
    "SQL_NOT_ALLOWED": _("O SQL que o modelo escreveu não é permitido; publique uma consulta para isso."),
    "SQL_MODE_OFF": _("O modo SQL está desligado; o cliente o liga na configuração do banco."),
    "SQL_ROLE_TOO_POWERFUL": _(
        "O usuário do banco pode mais do que ler as tabelas permitidas; o cliente deve configurar outro."
    ),
    "INVALID_QUERY": _("O banco de dados recusou a consulta; veja os passos, ou publique uma para isso."),
    "QUERY_NOT_FOUND": _("O modelo pediu uma consulta que não está publicada; publique-a se for o caso."),
    "SENDER_UNKNOWN": _(
        "Não se sabe de que telefone o contato escreve, ou falta nele o atributo que a consulta usa."
    ),
    "RATE_LIMIT_EXCEEDED": _("O cliente passou do limite de uso desta ferramenta; tente mais tarde."),
    # the connections
    "INTEGRATION_NOT_FOUND": _("O cliente não tem a integração de que o agente precisa; configure-a."),
    "INTEGRATION_DISABLED": _("A integração do cliente está desativada; ative-a."),
    "INTEGRATION_UNREADABLE": _("A configuração da integração não pôde ser lida; configure-a de novo."),
    "INVALID_CREDENTIALS": _(
        "As credenciais foram recusadas; o cliente deve configurar a integração de novo."
    ),
    "CONNECTION_FAILED": _("O provedor não respondeu; teste a conexão."),
    "CAUSE_LOOP": _("A cadeia de causas ficou longa demais; veja qual automação responde a outra."),
}
HARMLESS = frozenset({Reason.SUPERSEDED, Reason.TAKEN_OVER, Reason.ANSWERED_BY_PERSON})

ATTENTION: dict[str, Any] = {
    Attention.CUSTOMER_ASKED: _("O agente chamou uma pessoa: o contato pediu"),
    Attention.CANNOT_HELP: _("O agente chamou uma pessoa: não consegue ajudar"),
    Attention.COMPLAINT: _("O agente chamou uma pessoa: reclamação"),
    Attention.SENSITIVE: _("O agente chamou uma pessoa: assunto delicado"),
    Attention.OTHER: _("O agente chamou uma pessoa"),
    Attention.ANSWER_REFUSED: _("O agente chamou uma pessoa: o que ele ia dizer não podia ser dito"),
    Attention.FAILED: _("O agente chamou uma pessoa: ele falhou e não respondeu"),
    Attention.SILENT: _("O agente chamou uma pessoa: ele terminou sem responder"),
    Attention.LOOP: _("O agente chamou uma pessoa: parece conversa entre robôs"),
}
ATTENTION_REASONS.update({code.value: words for code, words in ATTENTION.items()})  # type: ignore[attr-defined]


def advice_on(reason_code: str, attempts: int) -> str:
    """What to do about a run that ended so; nothing where that is not known."""
    return str(ADVICE[reason_code] % {"attempts": attempts}) if reason_code in ADVICE else ""


def next_step(run: AgentRun) -> Any:
    """What happens next, or what a person can do."""
    if run.state == State.PENDING:
        return _waiting_for(run) % moment_text(run.next_attempt_at)
    if run.state == State.RUNNING:
        return _("Aguarde o agente terminar.")
    sentences = [advice_on(run.reason_code, run.attempts)]
    if _is_unanswered(run):
        if run.conversation_id:
            sentences.append(str(_("O contato ficou sem resposta; responda pelo telefone do cliente.")))
        else:
            sentences.append(str(_("O pedido ficou sem resposta; quem pediu pode pedir de novo.")))
    return " ".join(filter(None, sentences)) or EMPTY


def _waiting_for(run: AgentRun) -> Any:
    if run.reason_code == Reason.AGENT_PAUSED:
        return _("Aguardando: uma pessoa assumiu a conversa até %s.")
    if run.reason_code == Reason.OUTSIDE_HOURS:
        return _("Aguardando: o agente volta a atender em %s.")
    return _("Será atendida em %s.")


def _is_unanswered(run: AgentRun) -> bool:
    """Whether somebody still waits; of a loop a person was told, and what was asked is answered when done."""
    if run.answer_ids or run.reason_code in (*HARMLESS, Reason.AGENT_LOOP):
        return False
    if run.state == State.DONE:
        return bool(run.reason_code and run.conversation_id)
    return run.state in (State.FAILED, State.SKIPPED)
