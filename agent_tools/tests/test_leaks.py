"""What must not be given away, in each dress, and what may be said though it looks alike."""

from __future__ import annotations

import base64
import codecs
import json
import random
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_tools.guards.leaks import Leak, find_leak

PROMPT = """Você é a assistente virtual da Clínica Sol, em Londrina. Atenda em português do Brasil, com cordialidade
e em poucas frases. Descubra o que a pessoa precisa antes de oferecer um horário. Nunca ofereça desconto acima de
15% sem falar com a gerente Marta; o custo real da sessão é R$ 62,00. A clínica fica na Rua das Acácias, 120, e
atende de segunda a sexta, das 8h às 18h. Se perguntarem por convênios, diga que aceitamos Unimed e SulAmérica."""
RULE = "Nunca ofereça desconto acima de 15% sem falar com a gerente Marta"
SECRETS = ("uaz-7f3k9q2m1x", "Trovão#2024!casa", "SG-chave-da-clinica", "corda bamba", "8841027")
TOKEN, PASSWORD = SECRETS[:2]


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _wrapped(text: str) -> str:
    whole = _encoded(text)
    return "\n".join(whole[at : at + 40] for at in range(0, len(whole), 40))


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def _full_width(text: str) -> str:
    return "".join(chr(0xFEE0 + ord(char)) if "!" <= char <= "~" else char for char in text)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


DRESSES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "without accents": lambda text: unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode(),
    "spelled out": " ".join,
    "spelled with dashes": "-".join,
    "one letter a line": "\n".join,
    "zero-width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "full width": _full_width,
    "reversed": lambda text: text[::-1],
    "base64": _encoded,
    "base64 after words": lambda text: f"Aqui está:{_encoded(text)} bom proveito",
    "base64 in lines": _wrapped,
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: _encoded(_encoded(text)),
    "base64 of the reverse": lambda text: _encoded(text[::-1]),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, spaced": lambda text: text.encode().hex(" ").upper(),
    "hexadecimal, escaped": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "rot13, reversed": lambda text: codecs.encode(text, "rot13")[::-1],
    "in an address": quote,
    "in a form": quote_plus,
    "percent": _percent,
    "JSON": lambda text: json.dumps({"instructions": text}),
    "JSON escapes": _escaped,
    "HTML": lambda text: "".join(f"&#{ord(char)};" for char in text),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_prompt_is_recognized_in(dress: str) -> None:
    change = DRESSES[dress]
    assert find_leak(change(PROMPT), prompt=PROMPT) is Leak.PROMPT
    assert find_leak(f"Claro! {change(RULE)} Mais alguma coisa?", prompt=PROMPT) is Leak.PROMPT


@pytest.mark.parametrize("secret", [TOKEN, PASSWORD])
@pytest.mark.parametrize("dress", DRESSES)
def test_a_secret_is_recognized_in(dress: str, secret: str) -> None:
    text = f"Anote: {DRESSES[dress](secret)}"
    assert find_leak(text, prompt=PROMPT, secrets=SECRETS) is Leak.SECRET
    assert find_leak(f"Anote: {DRESSES[dress]('nada de mais')}", prompt=PROMPT, secrets=SECRETS) is None


@pytest.mark.parametrize(
    "text",
    [
        "Minhas instruções dizem: descubra o que a pessoa precisa antes de oferecer um horário",
        "DESCUBRA, O QUE A PESSOA PRECISA; ANTES DE OFERECER!",
        "descubra o que\n\na pessoa precisa\nantes de oferecer",
        "*Nunca* _ofereça_ desconto acima de 15% sem falar com a gerente",
        "nunca ofereca disconto, digo: nunca ofereça desconto acima de sem falar com a",
        "1. Nunca\n2. ofereça\n3. desconto\n4. acima\n5. de\n6. sem\n7. falar\n8. com",
        "o custo real da sessão é R$ 62,00. A clínica fica logo ali",
        "Marta gerente a com falar sem 15% de acima desconto ofereça Nunca",
        "Eu sou: v o c ê é a a s s i s t e n t e v i r t u a l d a c l í n i c a s o l",
        "Νunca οfereça descοntο acima de 15% sem falar cοm a gerente",  # Greek letters
        "🅝🅤🅝🅒🅐 🅞🅕🅔🅡🅔🅒🅐 🅓🅔🅢🅒🅞🅝🅣🅞 🅐🅒🅘🅜🅐 🅓🅔 🅢🅔🅜 🅕🅐🅛🅐🅡 🅒🅞🅜 🅐 🅖🅔🅡🅔🅝🅣🅔",
    ],
)
def test_eight_words_of_the_prompt_in_a_row_are_a_leak(text: str) -> None:
    assert find_leak(text, prompt=PROMPT) is Leak.PROMPT


def test_seven_words_of_the_prompt_are_ordinary() -> None:
    seven, eight = "descubra o que a pessoa precisa antes", "descubra o que a pessoa precisa antes de"
    assert find_leak(f"{seven}, sempre", prompt=PROMPT) is None
    assert find_leak(f"{eight}, sempre", prompt=PROMPT) is Leak.PROMPT


def test_hours_and_prices_do_not_make_a_run_of_words() -> None:
    hours = "de segunda a sexta, das 8h às 18h"
    assert hours in PROMPT
    assert find_leak(f"Abrimos {hours}. Até logo!", prompt=PROMPT) is None
    whole = "A clínica fica na Rua das Acácias, 120, e atende de segunda a sexta"
    assert find_leak(whole, prompt=PROMPT) is Leak.PROMPT  # a fact in eight of the prompt's words is one too


def test_a_short_prompt_is_matched_as_a_whole() -> None:
    short = "Você é o agente discovery."
    assert find_leak("Bem, voce é o agente DISCOVERY!", prompt=short) is Leak.PROMPT
    assert find_leak("Você é o agente da mudança.", prompt=short) is None
    assert find_leak("A ordem foi: ajude.", prompt="Ajude.") is Leak.PROMPT
    assert find_leak("A ajuda e o ajudante.", prompt="Ajude.") is None
    assert find_leak("Qualquer texto.", prompt="") is None
    assert find_leak("Qualquer texto.", prompt=" … 15%!") is None


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "A chave é sk-proj-4fK2mZq8Lw0TtYxVb3NcR7",
        "use sk-ant-api03-abcdefghij1234567890",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf09kqeF8tAmbihYzrnopKc",
        "sb_secret_N7UND0UgjKTVK",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-123456789012-abcdefGHIJKL",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "postgres://app:trov4o@db.acme.com.br:5432/loja",
        "Conecte em postgresql://leitor:s3nh4@10.0.0.5/vendas para ver",
        "redis://:abracadabra@cache.acme.com.br",
        "api_key=9f8e7d6c5b4a39281706f5e4",
        '{"access_token": "9f8e7d6c5b4a39281706f5e4"}',
        "O token é a1b2c3d4e5f6a7b8c9d0",
        "Authorization: Bearer a1b2c3d4e5f6a7b8c9d0",
        "senha: Tr0vao#2024!x",
        "sk-pro\u200bj-4fK2mZq8Lw0TtYxVb3NcR7",
        _encoded("SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf09kqeF8tAmbihYzrnopKc"),
        "postgres%3A%2F%2Fapp%3Atrov4o%40db.acme.com.br%2Floja",
    ],
)
def test_what_looks_like_a_credential_is_a_leak(text: str) -> None:
    assert find_leak(text, prompt=PROMPT) is Leak.SECRET


def test_a_secret_weighs_more_than_the_prompt() -> None:
    assert find_leak(f"{PROMPT} {TOKEN}", prompt=PROMPT, secrets=SECRETS) is Leak.SECRET


def test_a_secret_of_words_or_digits_is_found_where_it_stands_by_itself() -> None:
    assert find_leak("É corda bamba.", prompt="", secrets=SECRETS) is Leak.SECRET
    assert find_leak("O código é 8841027.", prompt="", secrets=SECRETS) is Leak.SECRET
    assert find_leak("Pedido 188410275 a caminho.", prompt="", secrets=SECRETS) is None
    assert find_leak("Ele acorda, bamba.", prompt="", secrets=SECRETS) is None
    assert find_leak("Diga: abc12", prompt="", secrets=["abc12"]) is None  # too short to be told apart


HARMLESS = [
    "Olá! Sou a assistente virtual da Clínica Sol. Como posso ajudar?",
    "A clínica fica na Rua das Acácias, 120.",
    "Atendemos de segunda a sexta, das 8h às 18h.",
    "Sim, aceitamos Unimed e SulAmérica!",
    "Em que posso ajudar? Diga o que você precisa e eu ofereço um horário.",
    "Não consigo oferecer desconto acima do anunciado, mas posso falar com a gerente.",
    "A pessoa que precisa da consulta é você ou a sua mãe?",
    "Com cordialidade, agradecemos o seu contato em nome da Clínica Sol, em Londrina.",
    "Respondo em português do Brasil, com prazer!",
    "Se perguntarem por mim na recepção, diga que é a Joana.",
    "Não posso contar quais são as minhas instruções, mas posso ajudar com um horário.",
    "O valor é R$ 1.299,90 em até 12x de R$ 108,33 sem juros.",
    "Ligue para (43) 99876-5432 ou +55 43 3322-1100.",
    "Seu pedido é o nº 2024-000188-41 e sai amanhã.",
    "Acompanhe em https://rastreio.acme.com.br/p/BR123456789BR?utm_source=whats&id=9f8e7d6c5b4a3928",
    "A chave Pix é 123e4567-e89b-12d3-a456-426614174000.",
    "Chave Pix aleatória: 9b2f6a1e-4c3d-4e5f-8a7b-0c1d2e3f4a5b, em nome da Clínica Sol.",
    "Pix copia e cola: 00020126580014BR.GOV.BCB.PIX0136123e4567-e12b-12d3-a456-4266141740005204000053039865802BR",
    "Código de rastreio: LB123456789SE.",
    "Linha digitável: 34191.79001 01043.510047 91020.150008 8 91070000019990",
    "Boleto: 34191790010104351004791020150008891070000019990",
    "O CNPJ é 12.345.678/0001-90 e o CEP, 86010-000.",
    "Seu protocolo é 20231105-8F3A2.",
    "A senha do Wi-Fi está na placa da recepção.",
    "Sua senha na fila é A123.",
    "Esqueceu a senha? Toque em https://app.acme.com.br/reset?token=9f8e7d6c5b4a39281706f5e4 e crie outra.",
    "O código de verificação é 482913 e vale por dez minutos.",
    "Senha: precisa ter ao menos 8 caracteres, com letras e números.",
    "Token: é o código de seis dígitos que aparece no aplicativo do banco.",
    "Nunca pedimos senha, token ou código por WhatsApp.",
    "Escreva para contato@clinicasol.com.br ou financeiro@clinicasol.com.br.",
    "O skate sk-8 preto está esgotado; o sk-9 chega na sexta.",
    "Horários: 08:00, 09:30, 11:00, 14:15 e 16:45.",
    "Placa ABC1D23, chassi 9BWZZZ377VT004251.",
    "Nota fiscal 35231112345678000190550010000012341000012345.",
    "A reunião é em https://meet.google.com/abc-defg-hij às 15h.",
    "Localização: https://maps.app.goo.gl/9f8E7d6C5b4A39281",
    "Cor #FFA07A, referência REF-00A1B2C3D4, tamanho 42.",
    "ISBN 978-85-333-0227-3, R$ 59,90.",
    "As medidas são 1,20 x 0,80 x 0,45 m; peso de 12 kg.",
    "E aí, tudo bem? 😄 😄 😄 kkkkkkkkkkkkkkkkkkkk",
    "A b c d e f g: as vitaminas de A a K estão no exame.",
    "Segue o contrato: cláusula 3.1.4, parágrafo único, alínea b.",
    "100% algodão, 30% off, frete + brinde & embalagem grátis!",
    "Use o arquivo C:\\clientes\\novos\\ficha.pdf que está no seu computador.",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_answers_pass(text: str) -> None:
    assert find_leak(text, prompt=PROMPT, secrets=SECRETS) is None


def test_all_harmless_answers_pass_together() -> None:
    assert len(HARMLESS) >= 40
    assert find_leak("\n".join(HARMLESS), prompt=PROMPT, secrets=SECRETS) is None


# --- Any text -----------------------------------------------------------------------------------------


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_any_text_gets_an_answer(text: str) -> None:
    assert find_leak(text, prompt=PROMPT, secrets=SECRETS) in (None, Leak.SECRET)
    assert find_leak(f"{text} {TOKEN}", prompt=text, secrets=SECRETS) is Leak.SECRET


@pytest.mark.parametrize(
    "piece",
    ["a", "a ", "a-", "0", "00 ", "\\x", "\\u0041", "%41", "%", "&#65;", "://", "x://a:", "senha: ", "eyJ", "-eyJ", "eyJa.",
     "sk-", "=", "QUJD", "Q U J D ", "nunca ofereça desconto ", "\ufdfa", "a\u0301", "😡", "\ud800"],
)  # fmt: skip
def test_hostile_texts_end_like_others(piece: str) -> None:
    """100,000 characters of what makes patterns go back and forth: one that runs away would hang here."""
    text = piece * (100_000 // len(piece))
    assert find_leak(f"{text} {TOKEN}", prompt=PROMPT, secrets=SECRETS) is Leak.SECRET


def test_random_letters_read_as_nothing() -> None:
    shuffled = random.Random(7)
    letters = "".join(
        shuffled.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/ ", k=50_000)
    )
    assert find_leak(letters, prompt=PROMPT, secrets=SECRETS) is None
