"""What people want, by the words that they use for it, and what is said to somebody who says no more."""

from __future__ import annotations

from agent_tools.local.words import Clause, fold, listed, read_clauses, read_words, says

# What is cancelled is often an appointment or a plan, and what is complained of, anything: these come first.
INTENTS: dict[str, tuple[str, ...]] = {
    "cancelamento": ("cancel*", "desist*", "reembols*", "devolu*", "devolver", "estorn*"),
    "reclamação": ("reclam*", "insatisf*", "pessimo|pessima|absurdo", "mal atendid*"),
    "agendamento": (
        "agend*",
        "marcar|remarc*",
        "horario|horarios",
        "consulta|consultas",
        "reuniao|reunioes",
        "visita|visitas",
    ),
    "orçamento": (
        "orcament*",
        "preco|precos|valor|valores",
        "quanto custa|custam|fica|sai",
        "proposta|propostas",
        "plano|planos",
    ),
    "pagamento": ("pagar|paguei|pagamento|pagamentos", "boleto|boletos|pix|fatura|faturas", "segunda via"),
    "suporte": (
        "suporte",
        "nao funciona|abre|carrega|consigo",
        "erro|erros|defeito|travou|travando|problema*",
    ),
    "compra": ("compr*", "encomend*", "contratar"),
    "elogio": ("parabens", "elogi*", "adorei|amei|excelente"),
    "dúvida": ("duvida|duvidas", "como funciona", "gostaria saber", "queria saber"),
}

GREETING = "Olá! Sou o assistente virtual e posso ajudar com agendamento, orçamento ou cancelamento."
QUESTION = "Sobre qual desses assuntos você quer falar?"
FOLLOW_UP = "Entendi que o assunto é {intent}. Pode me contar um pouco mais?"

_PERSON = "pessoa|atendente|humano|humana|alguem|gerente|vendedor|vendedora|consultor|consultora|responsavel"
WANTS_PERSON = (
    f"falar|fala|conversar|falo com {_PERSON}",
    "chamar|chama|chame|transferir|transfere|passar|passa|passe um|uma|o|a|para|pra atendente|humano|gerente",
    "chamar|chama|chame uma|alguma pessoa",
    "quero|preciso|prefiro|queria atendente|humano",
    "atendimento humano",
)
_PERSON_ALONE = frozenset({"atendente", "humano", "atendente humano", "pessoa real"})

_WANTS_END = ("encerrar|encerra|encerre|finalizar|finaliza|finalize|fechar|fecha atendimento|conversa|chat",)
_END_ALONE = frozenset(
    {
        *("so isso", "era so isso", "e so isso", "nada mais", "mais nada", "era isso"),
        *("pode encerrar", "pode finalizar", "pode fechar", "podemos encerrar", "encerrar", "tchau"),
    }
)
_COURTESY = listed("por favor obrigado obrigada obg valeu entao mesmo muito ok ja agora hoje tudo bem")


def recognize_intent(text: str) -> str | None:
    """Name the first of the intents whose words occur in the text, in Portuguese with its accents."""
    clauses = read_clauses(read_words(text))
    return next((intent for intent, words in INTENTS.items() if says(clauses, words, denied=True)), None)


def slug_of(intent: str) -> str:
    """The intent's name in ASCII."""
    return fold(intent)


def compose_reply(text: str) -> str:
    """The greeting, and what follows from the text."""
    intent = recognize_intent(text)
    return f"{GREETING} {FOLLOW_UP.format(intent=intent) if intent else QUESTION}"


def wants_person(text: str) -> bool:
    """Whether somebody asks to talk with a person."""
    clauses = read_clauses(read_words(text))
    return says(clauses, WANTS_PERSON) or _is_alone(clauses, _PERSON_ALONE)


def wants_to_end(text: str) -> bool:
    """Whether somebody has nothing more to ask; who also asks for something else has."""
    clauses = [clause for clause in read_clauses(read_words(text)) if not clause.is_question]
    if recognize_intent(text) not in (None, "elogio"):
        return False
    return says(clauses, _WANTS_END) or _is_alone(clauses, _END_ALONE)


def _is_alone(clauses: list[Clause], sayings: frozenset[str]) -> bool:
    """Whether a clause is one of the sayings, and courtesy."""
    return any(" ".join(word for word in one.words if word not in _COURTESY) in sayings for one in clauses)
