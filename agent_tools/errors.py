from __future__ import annotations

from renum.errors import Conflict


class TurnOver(Conflict):
    """Chegou outra mensagem do contato, ou uma pessoa assumiu a conversa: esta resposta não será enviada."""

    code = "SUPERSEDED"
