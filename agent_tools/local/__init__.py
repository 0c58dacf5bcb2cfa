"""How the local model understands Portuguese: tables of words and pure functions, without LangChain."""
