"""The examples of the brief's API contracts, to the letter, and what it is to answer in their shape."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from integrations.tests.contracts import INSTANT

WHATSAPP = json.loads("""{
  "api_url": "https://api.uazapi.com/v1",
  "api_token": "uazapi_token_here",
  "phone_number": "+5511999999999"
}""")
WHATSAPP_SEND = json.loads("""{
  "phone": "+5511999999999",
  "message": "Olá! Como posso ajudar?"
}""")
SMTP = json.loads("""{
  "provider": "smtp",
  "host": "smtp.gmail.com",
  "port": 587,
  "username": "user@example.com",
  "password": "app_password_here",
  "use_tls": true,
  "from_email": "noreply@renum.com.br"
}""")
SENDGRID = json.loads("""{
  "provider": "sendgrid",
  "api_key": "SG.xxxxx",
  "from_email": "noreply@renum.com.br",
  "from_name": "RENUM"
}""")
EMAIL_SEND = json.loads("""{
  "to": ["user@example.com"],
  "subject": "Relatório de Leads",
  "body": "<h1>Relatório</h1><p>Conteúdo aqui...</p>",
  "cc": ["admin@renum.com.br"]
}""")
DATABASE = json.loads("""{
  "supabase_url": "https://client-project.supabase.co",
  "supabase_key": "service_role_key_here",
  "read_only": true,
  "allowed_tables": ["distribuidores", "vendas"]
}""")
CONFIGURED = {
    "success": True,
    "integration": {
        "id": "uuid",
        "type": "whatsapp",
        "status": "connected",
        "created_at": "2025-12-04T10:30:00Z",
    },
}
TESTED = {"success": True, "message": "Connection successful", "latency_ms": 245}
SENT = {"success": True, "message_id": "msg_abc123", "sent_at": "2025-12-04T10:30:00Z"}
DATABASE_TESTED = {**TESTED, "tables_found": ["distribuidores", "vendas", "produtos"]}


def in_shape_of(example: dict[str, Any], answer: dict[str, Any]) -> None:
    """At least the example's members, each of its kind."""
    for name, shown in example.items():
        value = answer[name]
        if isinstance(shown, dict):
            in_shape_of(shown, value)
        elif name in ("id", "message_id"):
            UUID(value)
        elif isinstance(shown, str) and INSTANT.fullmatch(shown):
            assert INSTANT.fullmatch(value), name
        else:
            assert type(value) is type(shown), name
