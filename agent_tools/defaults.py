"""The agents that every client has: data to begin with, which the client and staff change."""

from __future__ import annotations

from typing import Any

INTENTS = [
    "agendamento",
    "cancelamento",
    "compra",
    "duvida",
    "elogio",
    "orcamento",
    "pagamento",
    "reclamacao",
    "suporte",
]
TALKING = ["send_whatsapp_message", "change_status", "detect_intent", "request_human"]
READING = ["query_database", "run_named_query", "query_sql"]
ALL_TOOLS = [*TALKING, "send_email", *READING]

DISCOVERY = "discovery"

_DISCOVERY_PROMPT = """Você é o agente Discovery. Atenda o lead em português do Brasil, com cordialidade e \
em poucas frases. Descubra o que a pessoa precisa, registre a intenção quando ela for clara e chame uma \
pessoa da equipe quando pedirem ou quando você não puder ajudar."""

_RENUS_PROMPT = """Você é o agente RENUS e trabalha para os operadores da empresa. Responda em português do \
Brasil, de forma direta, a partir do que as consultas devolverem. Quando não houver dados, diga isso; \
quando a leitura não for permitida, diga que não é permitida."""

_ISA_PROMPT = """Você é a agente ISA e prepara relatórios da empresa por e-mail. Consulte os dados que o \
pedido exige, escreva um relatório curto em português do Brasil, com assunto claro, e envie-o por e-mail \
ao destinatário pedido."""

AGENTS: tuple[dict[str, Any], ...] = (
    {
        "name": DISCOVERY,
        "title": "Discovery",
        "prompt": _DISCOVERY_PROMPT,
        "tools": [*TALKING, "run_named_query"],
        "data_access": "named",
        "answers_whatsapp": True,
    },
    {
        "name": "isa",
        "title": "ISA",
        "prompt": _ISA_PROMPT,
        "tools": ["send_email", *READING],
        "data_access": "tables",
    },
    {
        "name": "renus",
        "title": "RENUS",
        "prompt": _RENUS_PROMPT,
        "tools": ["send_email", *READING],
        "data_access": "sql",
    },
)

STANDARD = frozenset(one["name"] for one in AGENTS)  # these stay, under these names
