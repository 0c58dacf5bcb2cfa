"""The words in which deeds are told: verbs with their forms, and the nouns that say which deed it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from agent_tools.guards.plain import fold, squeeze


class Kind(Enum):
    """What a verb tells, before its object is looked at."""

    SEND = auto()
    HAND = auto()  # to somebody; alone it tells nothing
    ROUTE = auto()  # to somebody, whether named or not
    TELL = auto()  # somebody of the team
    ASK = auto()
    TALK = auto()
    CALL = auto()
    BOOK = auto()
    KEEP = auto()  # a place or a thing
    PUT = auto()  # on a list
    CONFIRM = auto()
    LOOK = auto()
    GLANCE = auto()  # a look-up only if records are named
    CLOSE = auto()
    CHANGE = auto()
    ACT = auto()
    DO = auto()  # the noun tells what
    ANSWER = auto()
    GET = auto()


class Form(Enum):
    """Who did it, as far as the form of the verb tells."""

    ME = auto()
    US = auto()  # "enviamos": yesterday, or always
    THEY = auto()
    DONE = auto()  # the participle
    TO_DO = auto()  # the infinitive


@dataclass(frozen=True, slots=True)
class Verb:
    infinitive: str
    kind: Kind


def plain_words(words: str) -> frozenset[str]:
    """These words in the spelling that `plain` leaves."""
    return frozenset(squeeze(fold(word)) for word in words.split())


_VERBS = {
    Kind.SEND: """enviar reenviar mandar encaminhar reencaminhar disparar compartilhar remeter repostar""",
    Kind.HAND: "passar levar",
    Kind.ROUTE: "transferir repassar direcionar redirecionar escalar acionar",
    Kind.TELL: """avisar notificar comunicar informar alertar chamar contatar contactar convocar sinalizar
        reportar relatar orientar delegar explicar designar""",
    Kind.ASK: "pedir solicitar requisitar",
    Kind.TALK: "falar conversar combinar alinhar tratar",
    Kind.CALL: "ligar telefonar",
    Kind.BOOK: "agendar reagendar marcar remarcar reservar encaixar programar antecipar adiar postergar",
    Kind.KEEP: "garantir segurar separar guardar",
    Kind.PUT: "colocar botar pôr tirar",
    Kind.CONFIRM: "confirmar reconfirmar",
    Kind.LOOK: "consultar verificar conferir checar pesquisar localizar apurar",
    Kind.GLANCE: "olhar ver procurar buscar encontrar achar analisar rastrear identificar levantar",
    Kind.CLOSE: "encerrar finalizar concluir fechar reabrir arquivar",
    Kind.CHANGE: "alterar atualizar mudar trocar",
    Kind.ACT: """cancelar desmarcar estornar reembolsar pagar devolver creditar depositar quitar cobrar
        registrar cadastrar recadastrar anotar salvar gravar lançar emitir gerar abrir protocolar criar
        incluir inserir adicionar acrescentar remover excluir apagar retirar aplicar liberar ativar reativar
        desativar bloquear desbloquear renovar corrigir ajustar editar resolver solucionar processar
        autorizar aprovar anexar despachar postar expedir entregar comprar contratar matricular
        inscrever descadastrar substituir vincular parcelar negociar prorrogar providenciar
        compensar debitar instalar consertar redefinir restabelecer configurar habilitar desabilitar
        restaurar validar regularizar suspender interromper pausar trancar faturar encomendar isentar abater
        conceder retificar resetar assinar""",
    Kind.DO: "fazer realizar efetuar efetivar completar executar dar deixar",
    Kind.ANSWER: "responder retornar escrever",
    Kind.GET: "receber",
}

# me, us, they, participles
_IRREGULAR = {
    "fazer": ("fiz", "fizemos", "fez", "feito"),
    "ver": ("vi", "vimos", "viu", ""),
    "dar": ("dei", "demos", "deu", "dado"),
    "pôr": ("pus", "pusemos", "pôs", "posto"),
    "suspender": ("suspendi", "suspendemos", "suspendeu", "suspenso"),
    "isentar": ("isentei", "isentamos", "isentou", "isento"),
    "abrir": ("abri", "abrimos", "abriu", "aberto"),
    "reabrir": ("reabri", "reabrimos", "reabriu", "reaberto"),
    "pagar": ("paguei", "pagamos", "pagou", "pago"),
    "entregar": ("entreguei", "entregamos", "entregou", "entregue"),
    "inscrever": ("inscrevi", "inscrevemos", "inscreveu", "inscrito"),
    "escrever": ("escrevi", "escrevemos", "escreveu", "escrito"),
    "passar": ("passei", "passamos", "passou", ""),  # "passado" is last week's
}
_ENDINGS = ("o", "a", "os", "as", "inho", "inha", "íssimo", "íssima")
_CLEAR_US = frozenset({"fizemos", "demos", "pusemos"})
_SLIPS = {"envei": "enviei", "inviei": "enviei", "emviei": "enviei", "agendey": "agendei", "mandey": "mandei"}

# Participles that are adjectives or nouns as often, so that they tell a deed only after "foi".
_ADJECTIVES = plain_words(
    """aberto fechado incluido atualizado feito dado passado encontrado achado solicitado pedido informado
    comunicado pago gerado criado aplicado separado ajustado programado analisado visto procurado
    buscado retirado ligado falado combinado tratado deixado realizado anotado registrado autorizado
    editado gravado negociado garantido recebido processado instalado resolvido seguro segurado guardado
    colocado botado posto tirado configurado isento assinado validado"""
)


def _forms(infinitive: str) -> tuple[str, str, str, str]:
    if infinitive in _IRREGULAR:
        return _IRREGULAR[infinitive]
    stem, ending = infinitive[:-2], infinitive[-2:]
    if ending == "ar":
        hard = {"c": "qu", "g": "gu"}.get(stem[-1])
        first = stem[:-1] + hard if hard else stem
        return f"{first}ei", f"{stem}amos", f"{stem}ou", f"{stem}ado"
    if ending == "er":
        return f"{stem}i", f"{stem}emos", f"{stem}eu", f"{stem}ido"
    return f"{stem}i", f"{stem}imos", f"{stem}iu", f"{stem}ido"


def _read_lexicon() -> dict[str, tuple[Verb, Form]]:
    found: dict[str, tuple[Verb, Form]] = {}
    for kind, infinitives in _VERBS.items():
        for infinitive in infinitives.split():
            verb = Verb(squeeze(fold(infinitive)), kind)
            me, us, they, done = _forms(infinitive)
            forms = {infinitive: Form.TO_DO, they: Form.THEY, us: Form.US, me: Form.ME}
            if done:
                stem = done[:-1] if done[-1] in "oe" else done
                endings = _ENDINGS if done[-1] == "o" else ("e", "es")
                forms |= {f"{stem}{ending}": Form.DONE for ending in endings}
            for word, form in forms.items():
                found[squeeze(fold(word))] = (verb, Form.ME if word in _CLEAR_US else form)
    return found | {slip: found[right] for slip, right in _SLIPS.items()}


LEXICON = _read_lexicon()
LONGEST_FORM = max(map(len, LEXICON))


def is_adjective(participle: str) -> bool:
    """Whether the participle tells a deed only together with "foi", and nothing on its own."""
    singular = participle.removesuffix("s")
    return f"{singular[:-1]}o" in _ADJECTIVES


MAIL = plain_words("email emails gmail hotmail outlook inbox endereçoeletronico") | {"@"}
MESSAGE = plain_words("mensagem mensagens whatsapp whats zap wpp msg conversa chat áudio")
BY_POST = plain_words(
    """encomenda encomendas produto produtos pacote pacotes mercadoria mercadorias motoboy correios
    transportadora sedex pedido pedidos técnico entregador sms carta peça peças caminhão guincho compra"""
)
TEAM = plain_words(
    """equipe time setor departamento atendente atendentes consultor consultora consultores especialista
    especialistas responsável responsáveis pessoa pessoal alguém humano humana colega colegas supervisor
    supervisora gerente gerência gestor gestora coordenador coordenadora coordenação diretor diretora
    diretoria financeiro comercial jurídico suporte rh cobrança logística ouvidoria recepção
    recepcionista central vendedor vendedora corretor corretora advogado advogada advogados técnico técnica
    técnicos analista operador operadora plantão nível comprador estoquista cozinha entregador motorista
    professor professora doutor doutora dr dra médico médica veterinário veterinária síndico proprietário
    fornecedor parceiro transportadora banco laboratório fábrica matriz secretaria secretária contador
    contadora engenheiro arquiteta mecânico marketing vendas administração administrativo atendimento
    nutricionista dentista fisioterapeuta instrutor"""
)
PERSONS = plain_words("ele ela eles elas")
# Who of us did it, where the verb is in the third person.
OURS = plain_words("equipe time sistema financeiro suporte setor central recepção gente departamento pessoal")
OTHERS = plain_words(
    """você vocês cliente clientes senhor senhora senhores senhoras paciente aluno aluna ele ela eles elas
    remetente usuário mãe pai marido esposa filho filha amigo amiga síndico"""
)
# By whom things are done that are no affair of ours.
STRANGERS = OTHERS | plain_words(
    "banca banco operadora governo prefeitura convênio juiz tribunal receita faculdade médico fabricante"
)
TICKET = plain_words(
    """conversa atendimento chamado ticket status caso solicitação protocolo demanda ocorrência conversas"""
)
VISIT = plain_words(
    """agendamento reserva horário horários consulta visita sessão exame avaliação reunião retorno aula vaga
    presença mesa sala quarto passeio marcação instalação coleta voo passagem encaixe check hospedagem
    procedimento vistoria entrevista demonstração corte compromisso banho lugar evento agenda
    avaliações viagem tosa manutenção limpeza inscrição sábado domingo segunda terça quarta quinta sexta
    amanhã"""
)
RECORD = plain_words(
    """sistema agenda cadastro planilha banco base estoque histórico extrato painel registro registros cpf
    cnpj pedido pedidos compra contrato saldo ficha prontuário dados nota fatura boleto rastreio número
    imóvel imóveis produto encomenda débito débitos matrícula reserva agendamento nome código cadastros
    parcela parcelas conta protocolo"""
)
# What "fiz", "realizado" and the like are said of, and what they then tell.
SENDING = plain_words("envio disparo remessa reenvio encaminhamento")
LOOKING = plain_words(
    "busca pesquisa verificação conferência levantamento consulta olhada checagem rastreio conferida espiada"
)
HANDING = plain_words("transferência encaminhamento")
BOOKING = plain_words("agendamento reserva marcação reagendamento remarcação agendamentos reservas encaixe")
DEALING = plain_words(
    """cadastro pagamento cancelamento estorno reembolso pedido alteração atualização matrícula inscrição
    troca solicitação pix depósito devolução compra registro baixa entrada correção ajuste lançamento
    renovação ativação desbloqueio bloqueio mudança liberação transferência ligação andamento
    prosseguimento abertura exclusão inclusão chamado desconto contratação"""
)
OPENED = plain_words(
    """chamado protocolo ticket solicitação ocorrência reclamação ordem conta pedido cadastro login acesso
    usuário perfil senha demanda"""
)
DOCUMENTS = plain_words(
    """link foto fotos comprovante boleto nota catálogo código documento documentos manual contato proposta
    lista dados vídeo fatura contrato orçamento rastreio opções"""
)
MONEY = plain_words("pagamento pix depósito valor dinheiro reais quantia sinal saldo transferência")
PAID_OR_BOUGHT = plain_words(
    "pagamento pix depósito compra pedido cadastro matrícula plano frete endereço dados"
)
NOTES = plain_words("recado aviso mensagem observação bilhete nota")
THINGS = (
    MAIL
    | MESSAGE
    | BY_POST
    | TICKET
    | VISIT
    | RECORD
    | SENDING
    | LOOKING
    | BOOKING
    | DEALING
    | plain_words(
        """boleto link lembrete convite proposta orçamento contrato comprovante catálogo arquivo documento
        documentos fatura nota laudo currículo plano acesso valor desconto cupom endereço tudo reembolso
        mensagem código folder cardápio relatório senha assinatura recado certificado exame"""
    )
) - plain_words("segunda terça quarta quinta sexta sábado domingo amanhã atendimentos banco")
