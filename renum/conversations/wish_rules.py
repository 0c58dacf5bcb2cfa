"""The words by which people ask for silence, or for messages again. Read by `wishes`; plain words only."""

from __future__ import annotations

import re

from renum.conversations.plain_words import any_of


def _compile(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


# --- parts ---------------------------------------------------------------------------------------------

_MESSAGES = any_of(
    """
    mensagem mensagens mensagen mensajem mensage mensages msg msgs mensagenzinha mensagenzinhas
    mensagemzinha zap zaps zapzap whats whatsapp whatszap aviso avisos propaganda propagandas
    publicidade publicidades spam spams anuncio anuncios divulgacao divulgacoes marketing lembrete
    lembretes notificacao notificacoes informativo informativos comunicado comunicados newsletter
    newsletters torpedo torpedos
    """
)
_OFFERS = any_of(
    """
    promocao promocoes promo promos oferta ofertas campanha campanhas novidade novidades conteudo
    conteudos
    """
)
_OBJECT = rf"(?:{_MESSAGES}|{_OFFERS})"
# Also sent and received, but not by us, or not known to be.
_OTHER_OBJECT = any_of(
    """
    email emails sms ligacao ligacoes chamada chamadas isso isto coisa coisas audio audios foto fotos
    """
)
# What may stand between a verb and its object; any other word there makes it another object.
_BETWEEN = any_of(
    """
    mais me nos mim eu a as o os um uma uns umas esse essa esses essas este esta estes estas aquela
    aquelas tal tais tipo de do da dos das desse dessa desses dessas deste desta tanto tanta tantos
    tantas mil nenhum nenhuma qualquer quaisquer seu sua seus suas voces dele deles ficar ficarem todo
    toda todos todas nova novas aqui no na meu minha pra para celular numero tambem voltar meus minhas
    a_toda_hora todo_dia por novamente nunca
    """
)
_GAP = rf"(?:(?:{_BETWEEN}|,) ){{0,7}}"
_SEND = any_of(
    """
    mandar mandarem mande mandem manda mandam mandando enviar enviarem envie enviem envia enviam
    enviando encaminhar encaminhando disparar disparando escrever escrevendo passar encher_de
    """
)
_RECEIVE = any_of("receber recebendo")
_END = r"(?= ,|$)"
_NOT = any_of("nao nunca jamais nem")
_WANT = any_of(
    """
    quero queria desejo gostaria_de gostaria aceito autorizo pretendo concordo_em
    tenho_mais_interesse_em vou_querer quiser tenho_interesse_em
    estou_mais_interessado_em estou_mais_interessada_em estou_interessado_em
    """
)
_TO_STOP = any_of(
    """
    parar pararem parassem parasse parem pare cessar cessem suspender suspenda suspendam interromper
    interrompa interrompam
    """
)
_STOP_DOING = rf"(?:{_TO_STOP}|{any_of('para deixar deixem deixe deixa')}) (?:, )?de"
_CANCEL = any_of("cancelar cancela cancele cancelem desativar desativa desative desativem")
_DELETE = any_of("apagar apaga apague apaguem deletar deleta delete")
_TAKE_OFF = any_of(
    """
    tirar tira tire tirem retirar retira retire retirem remover remove remova removam excluir exclui
    exclua excluam eliminar elimine
    """
)
_NUMBER = any_of("numero contato telefone celular zap whatsapp whats fone")
_OUR_KIND = any_of(
    """
    transmissao contato contatos mensagem mensagens envio envios voces disparo disparos propaganda
    propagandas divulgacao clientes marketing whatsapp zap avisos promocoes
    """
)
# Not a waiting list, nor one of guests.
_LIST = rf"{any_of('lista listas')}(?! {any_of('de do da dos das')} (?!{_OUR_KIND}))"
_UNSUBSCRIBE = (
    rf"\b(?:(?:des|dis)cad\w{{0,3}}st\w{{1,12}}|desinscrev\w{{1,6}}|unsubscribe)\b"
    rf"(?! (?:o|a|os|as|meu|minha) (?!{_NUMBER}|{_MESSAGES}|{any_of('nome email cadastro')}))"
)
_AGAIN = any_of("de_novo novamente outra_vez de_volta")

# --- verb and object of communication -------------------------------------------------------------------

# Orders; a negation before one turns it round.
ORDERS = _compile(
    rf"{_STOP_DOING} {_GAP}(?:{_SEND}|{_RECEIVE})(?: {_GAP}{_OBJECT}| mais nada|{_END})",
    rf"{_TO_STOP} (?:com )?{_GAP}(?:{any_of('envio envios')} {_GAP})?{_OBJECT}",
    rf"{_CANCEL} {_GAP}(?:{any_of('cadastro inscricao assinatura envio recebimento')} {_GAP})?{_MESSAGES}",
    rf"{_TAKE_OFF} (?:(?:{_BETWEEN}|{_NUMBER}|nome|cadastro) ){{0,8}}{_LIST}",
    rf"{any_of('sair saio')} {any_of('da dessa desta das dessas de')} {_GAP}{_LIST}",
    rf"{_TAKE_OFF} (?:o |a )?{any_of('meu este esse nosso')} {_NUMBER}"
    rf"(?: {any_of('do da de dos')})?(?: {any_of('dai sistema base cadastro voces contatos agenda')})?{_END}",
    rf"{any_of('removido retirado excluido tirado removida retirada excluida')} {_GAP}{_LIST}",
    rf"{any_of('exclusao remocao retirada')} {_GAP}(?:nome|{_NUMBER}|{_LIST})",
    _UNSUBSCRIBE,
    r"\bstop (?:sending|texting|mesaging)\b",
    rf"{any_of('chega basta')} de {_GAP}{_OBJECT}",
)
# Refusals; they say no themselves.
REFUSALS = _compile(
    rf"{_NOT} {_GAP}{_WANT} {_GAP}(?:que {_GAP})?(?:{_RECEIVE}|{_SEND})"
    rf"(?: {_GAP}{_OBJECT}| {_GAP}nada(?: {_GAP}voces)?{_END}|{_END})",
    rf"{_NOT} {_GAP}{_WANT} {_GAP}{any_of('envio recebimento contato')} {_GAP}(?:{_OBJECT}|voces)",
    rf"{any_of('para pra prefiro quero queria gostaria_de melhor pode podem como')} {_NOT} {_GAP}"
    rf"(?:{_RECEIVE}|{_SEND}) {_GAP}{_OBJECT}",
    rf"{_NOT} (?:{any_of('mais me nos voces')} ){{0,3}}{any_of('mande mandem mandar envie enviem enviar')} "
    rf"(?:{_GAP}{_OBJECT}|mais nada)",
    rf"(?:^|, |voces ){_NOT} (?:{any_of('mais me nos')} ){{0,2}}{any_of('manda envia')} "
    rf"(?:{_GAP}{_OBJECT}|mais nada)",
    rf"{_NOT} (?:{any_of('mais me nos')} ){{0,2}}{any_of('mande mandem envie enviem manda envia')} "
    rf"mais{_END}",
    rf"{_NOT} (?:{any_of('mais me')} ){{0,2}}{any_of('entre entrem entrar')} (?:mais )?em contato",
    rf"{_NOT} (?:{any_of('mais me')} ){{0,2}}{any_of('contate contatem')}",
    rf"{_NOT} {_GAP}{_WANT} mais (?:saber de )?{_GAP}(?:{_MESSAGES}|contato)",
)
RETURNS = _compile(
    rf"{any_of('voltar volte voltem volta')} a {_GAP}(?:{_SEND}|{_RECEIVE})"
    rf"(?: {_GAP}{_OBJECT}| tudo|{_END})",
    rf"{any_of('reativar reativa reative reativem retomar retomem')} {_GAP}"
    rf"(?:{any_of('cadastro inscricao numero contato envio recebimento')}{_END}"
    rf"|(?:{any_of('envio recebimento')} )?{_GAP}{_OBJECT})",
    rf"{any_of('quero queria gostaria_de aceito autorizo desejo')} {_GAP}(?:{_RECEIVE}|envio) {_GAP}{_OBJECT}"
    rf"(?: {_GAP}{_AGAIN})?{_END}",
    rf"{any_of('quero queria gostaria_de desejo')} {_GAP}{_RECEIVE} {_GAP}{_AGAIN}",
    rf"{any_of('pode podem')} {_GAP}{_SEND} {_GAP}{_MESSAGES} {_AGAIN}",
    rf"{any_of('coloca coloque colocar adiciona adicione adicionar inclui inclua incluir bota entrar')} "
    rf"(?:me |meu numero )?(?:{_AGAIN} na {_LIST}|na {_LIST} {_AGAIN})",
    rf"{any_of('recadastrar recadastra recadastre')}{_END}"
    rf"|{any_of('cadastrar cadastra cadastre')} {_GAP}{_AGAIN}{_END}",
)
_BOTHER = any_of(
    """
    incomode incomodem perturbe perturbem encha encham chame chamem procure procurem ligue liguem liga
    """
)
# Displeased, or about to leave; whether it is about our messages, a person can tell.
COMPLAINTS = _compile(
    rf"\bcansei (?:{any_of('disso')}|(?:de )?(?:{_RECEIVE} )?{_GAP}{_OBJECT})",
    rf"{any_of('cansado cansada farto farta saco_cheio')} (?:de )?(?:{_RECEIVE} )?{_GAP}{_OBJECT}",
    rf"que saco {_GAP}{_OBJECT}|{_NOT} gosto de {_GAP}{_RECEIVE} {_GAP}{_OBJECT}",
    rf"{_OBJECT} (?:, )?{any_of('parem pare')}{_END}",
    rf"{any_of('para pare parem parar')} com {any_of('isso isto')}",
    rf"{_NOT} (?:mais )?me (?:mais )?{_BOTHER}",
    rf"{any_of('pare parem')} de (?:ficar )?(?:me )?"
    rf"{any_of('incomodar perturbar encher atormentar ligar ligando chamar chamando procurar')}",
    rf"(?:(?:^|, |voces )para|{any_of('pode podem da_pra')} parar) de (?:ficar )?me "
    rf"{any_of('incomodar perturbar encher atormentar ligar ligando chamar chamando procurar')}",
    rf"{_STOP_DOING} {_GAP}{_SEND} {_GAP}{_OTHER_OBJECT}",
    rf"{_NOT} {_GAP}{any_of('mande mandem envie enviem')} {_GAP}{_OTHER_OBJECT}",
    rf"me {any_of('deixa deixe deixem')} em paz|{_NOT} perturb\w{{1,4}}",
    rf"me {any_of('esquece esqueca esquecam esquecem')}{_END}",
    rf"{any_of('vou irei vamos')} (?:{any_of('te voces ter que')} ){{0,3}}"
    rf"(?:denunciar|bloquear(?:{_END}| {any_of('voces esse este o_numero o_contato')}))",
    rf"{any_of('isso isto voces')} (?:{any_of('sao e ta aqui')} ){{0,2}}spam",
    rf"{_NOT} {any_of('param parou pararam')} de {_GAP}(?:{_SEND}|{_RECEIVE}|chegar|chegando) "
    rf"{_GAP}{_OBJECT}",
    rf"{_NOT} (?:mais )?{any_of('quer querem')} {_GAP}(?:{_RECEIVE}|que {_GAP}{_SEND}) {_GAP}{_OBJECT}",
    rf"{_NOT} {_GAP}{_WANT} {_GAP}(?:{_MESSAGES}|contato)",
    rf"{_NOT} {any_of('preciso precisa precisam')} {_GAP}(?:{_SEND}|{_RECEIVE}) {_GAP}{_OBJECT}",
    rf"{any_of('sair tira tire tirem remove remova')} {_GAP}grupo",
    rf"(?:{_DELETE}|{_TAKE_OFF}|{_CANCEL}) {_GAP}{any_of('dados cadastro inscricao conta')}{_END}",
    rf"{_DELETE} {_GAP}{_NUMBER}(?:{_END}| {any_of('dai da do')})",
    # a stop word and messages in one breath, in a way that no rule foresees
    rf"{any_of('parem pare para_de parar_de chega_de')}(?: [a-z0-9]{{1,20}}){{0,8}} {_MESSAGES}",
)

# --- what makes it another wish, or none ----------------------------------------------------------------

# Ends right before an order.
NEGATED = re.compile(
    rf"(?:{_NOT}|\bsem) (?:"
    + any_of(
        """
        quero queria desejo gostaria precisa precisam preciso pode podem vai vao va e era disse falei pedi
        mandei falou quis deve devem devo posso vou consigo que de pra para o voces eu me a nunca
        """
    )
    + r" ){0,5}$"
)
# The writer's own messages.
OWN = re.compile(rf"{any_of('vou irei vamos posso devo preciso consigo quero queria tenho_que')} $")
# Somebody else's wish, or one that might be.
HYPOTHESIS = re.compile(
    any_of(
        """
        se caso quando quiser ele ela eles elas mae pai marido esposa filho filha irmao irma paciente amigo
        amiga sistema medico medica doutor doutora dr dra operadora banco loja outro outra grupo pediu disse
        falou perguntou pediram pararam
        """
    )
)
REQUEST = re.compile(
    any_of(
        """
        pode podem poderia poderiam podes tem_como teria_como tem_jeito da_pra da_para daria consegue
        conseguem como possivel posso quero queria gostaria preciso peco solicito
        """
    )
)
COMMAND = re.compile(
    any_of(
        """
        parem pare chega basta cancela cancele cancelem tira tire tirem retire remove remova removam exclui
        exclua
        """
    )
)
# Only some of the messages, or only for a while.
LIMITED = re.compile(
    any_of(
        """
        so apenas somente exceto menos mas porem noite madrugada domingo domingos sabado sabados feriado
        feriados semana horario cedo tarde antes depois ate durante enquanto hoje amanha momento ainda
        consulta consultas exame exames agendamento agendamentos resultado resultados remedio remedios
        cobranca cobrancas boleto boletos confirmacao aniversario outro outra trabalho mae pai marido esposa
        filho filha antigo email sms ligacao ligacoes
        """
    )
)
FOR_NOW = re.compile(r"\bagora\b")
# Something that an agent is to do beside.
ERRAND = re.compile(
    any_of("cancelar cancela cancele desmarcar desmarca remarcar remarca reagend* agend* marcar confirm*")
)

# --- words that say it alone ----------------------------------------------------------------------------

_STOP_WORD = any_of("parar pare parem sair stop remover remova optout opt_out")
LONE_OUT = re.compile(
    rf"(?:(?:{_STOP_WORD}|{_UNSUBSCRIBE})(?: |$)){{1,6}}|quero sair|sair fora|(?:quero )?me remover"
    rf"|me {any_of('remova remove removam exclua exclui excluam')}|remova me"
)
LONE_IN = re.compile(
    r"(?:sim )?(?:eu )?(?:quero )?"
    rf"(?:{any_of('voltar volte voltem reativar reative reativa retomar recadastrar start')}(?: |$)){{1,6}}"
)
# "Cancelar" and "não quero mais" answer an agent that speaks of an appointment as often as us.
LONE_UNCLEAR = re.compile(
    r"(?:"
    + any_of(
        """
        para chega basta cansei cancelar cancela cancele cancelem cancelamento excluir exclui bloquear
        bloqueia
        """
    )
    + rf"(?: |$)){{1,6}}|(?:eu )?(?:quero|queria) {any_of('cancelar parar')}|(?:eu )?nao quero mais(?: nao)?"
    rf"|me {any_of('tira tire tirem')}(?: {any_of('dai daqui disso')})?"
    rf"|{any_of('parar parem para pare')} tudo"
    rf"|sem mais {_MESSAGES}|(?:eu )?pedi {any_of('para pra')} {any_of('parar pararem')}"
)
