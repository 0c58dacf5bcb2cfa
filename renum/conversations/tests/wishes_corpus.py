"""What people write to Brazilian companies, and what it asks of our sending. One sentence a line.

The groups under NONE are the tempting ones: each name says which word lures, and to what.
"""

from __future__ import annotations

from renum.conversations.wishes import Wish

_GROUPS: dict[tuple[Wish, str], str] = {
    (Wish.OPT_OUT, "the word alone"): """
        PARAR
        parar
        Pare
        PAREM!!!
        sair
        Sair.
        STOP
        stop please
        Descadastrar
        descadastre-me
        me descadastra
        descadastro
        descadrastar
        REMOVER
        me remova
        me remove por favor
        me exclui
        unsubscribe
        opt-out
        parar parar parar
    """,
    (Wish.OPT_OUT, "the word alone, politely or not"): """
        parar por favor
        Parar, por favor.
        Boa tarde, parar
        oi, sair
        sair obrigado
        sair, obg
        Bom dia! Quero sair, obrigada
        pare já
        PARAR AGORA MESMO
        parem pelo amor de Deus
        quero me descadastrar por gentileza
    """,
    (Wish.OPT_OUT, "the word alone, dressed up"): """
        *PARAR*
        _Parar_
        ~sair~
        "PARAR"
        P A R A R
        S.A.I.R
        paraaaaar
        saiiiir 😡
        🙏 parar 🙏
        𝗣𝗔𝗥𝗔𝗥
        PÁRAR
    """,
    (Wish.OPT_OUT, "stop + send + messages"): """
        parem de me mandar mensagem
        Pare de mandar mensagens
        para de me mandar msg
        Parem, por favor, de me enviar mensagens
        por favor parem de ficar mandando propaganda
        podem parar de me mandar mensagem?
        tem como parar de mandar mensagem pra mim?
        vcs podem por favor parar de enviar essas propagandas
        dá pra parar de me encher de propaganda?
        parem de enviar avisos
        deixem de me mandar promoções
        Não, parem de me mandar mensagem
        não aguento mais parem de mandar msg
        Já pedi para pararem de me mandar mensagem
        eu quero que vocês parem de me mandar mensagens
        parem de mandar
        Parem com essas mensagens!!
        pare com as propagandas
        parem as mensagens
        parar o envio de mensagens
        tem como suspender os avisos?
        chega de propaganda
        chega de mensagem por favor
        número errado, parem de mandar mensagem
        Vocês são ótimos mas parem de mandar mensagem
    """,
    (Wish.OPT_OUT, "not want + receive"): """
        não quero mais receber mensagens
        Não quero mais receber mensagens de vocês.
        nao quero receber mais msg
        n quero mais receber essas mensagens
        ñ quero receber propaganda
        não quero mais receber avisos
        não desejo receber mensagens
        não gostaria de receber mais propagandas
        Bom dia, não tenho interesse em receber promoções
        não autorizo o envio de mensagens para o meu número
        não quero receber mais nada de vocês
        não quero mais receber
        não quero mais essas mensagens
        não quero mais propaganda
        não quero mais contato de vocês
        prefiro não receber mais mensagens
        nunca mais quero receber mensagem de vocês
        quero parar de receber mensagens
        gostaria de parar de receber essas notificações
        como faço para parar de receber mensagens?
        como faço pra não receber mais essas mensagens?
        quero deixar de receber as novidades
        não quero voltar a receber mensagens
    """,
    (Wish.OPT_OUT, "do not send"): """
        não me mande mais mensagem
        Não me mandem mais mensagens por favor
        não mandem mais nada
        não me mande mais
        não envie mais mensagens para este número
        nao manda mais msg
        por favor não me enviem mais propaganda
        nunca mais me mande mensagem
        não entrem mais em contato comigo
        não me contatem mais
        não quero que vocês me mandem mensagens
        Esse número não é mais da Maria, não mandem mais mensagem
    """,
    (Wish.OPT_OUT, "off the list"): """
        me tira dessa lista
        Me tirem da lista, por favor
        tira meu número da lista
        quero sair da lista
        quero sair da lista de transmissão
        como saio dessa lista?
        me remove dessa lista de vocês
        exclui meu número da sua lista de contatos
        remove meu número
        removam meu contato do sistema
        quero descadastrar meu número
        como me descadastro?
        cancela meu cadastro de mensagens
        cancelar o recebimento de mensagens
        cancelem o envio de propagandas
        cancelar mensagens
        me tira dessa lista?
    """,
    (Wish.OPT_IN, "wants them again"): """
        VOLTAR
        voltar
        Voltar, por favor
        *VOLTAR*
        quero voltar
        sim, quero voltar
        reativar
        START
        quero voltar a receber
        Quero voltar a receber as mensagens
        gostaria de voltar a receber os avisos
        pode voltar a mandar
        podem voltar a me mandar mensagens
        podem voltar a mandar mensagem, por favor
        posso voltar a receber as mensagens?
        quero receber mensagens de novo
        quero receber novamente
        reativa meu cadastro
        reativem o envio de mensagens
        me coloca de volta na lista
        quero me recadastrar
        quero me cadastrar de novo
        aceito receber mensagens
        autorizo o envio de mensagens
        me arrependi, quero voltar a receber
    """,
    (Wish.UNCLEAR, "displeased"): """
        chega
        já chega!
        cansei
        cansei disso
        cansei dessas mensagens
        estou cansada de receber mensagem
        não me incomode
        Não me incomodem mais
        parem de me incomodar
        para com isso
        parem com isso
        me deixa em paz
        me deixem em paz!!!
        vou te bloquear
        vou bloquear vocês
        vou ter que bloquear esse número
        vou denunciar
        isso é spam
        não perturbe
        vocês não param de mandar mensagem
        para
        parar tudo
        quero parar
        Parar?
        já pedi pra parar
    """,
    (Wish.UNCLEAR, "perhaps an answer to the agent"): """
        cancelar
        Cancelar por favor
        cancela
        CANCELE
        quero cancelar
        não quero mais
        não quero mais, obrigado
        excluir
        excluir meu cadastro
        apaguem meus dados
        apaga meu número
        não precisa mais mandar mensagem
    """,
    (Wish.UNCLEAR, "only some, only now, or somebody else's"): """
        não quero receber mensagem agora
        não me manda mensagem hoje
        parem de mandar mensagem de madrugada
        não mandem mensagem no domingo
        não quero mais receber lembretes de consulta
        não quero mais receber propaganda, só os avisos da minha consulta
        parem de mandar mensagem de cobrança
        parem de me mandar email
        parem de me ligar
        não quero receber mensagens no meu trabalho
        minha mãe não quer mais receber mensagens
        meu marido pediu para parar de mandar mensagem
        quando vocês vão parar de me mandar mensagem?
        se eu parar de receber mensagens perco o desconto?
        quero sair do grupo
        Cancela minha consulta e parem de me mandar mensagem
        Não tenho interesse. Parar.
        parem de ficar o dia inteiro me entupindo de mensagem
        Podem parar de mandar mensagem? Quero confirmar a consulta de amanhã
        não parem de mandar mensagem?
    """,
    (Wish.NONE, "'parar' of pain"): """
        tem como parar a dor?
        a dor não para
        Doutora, a dor não quer parar
        o que faço para parar a dor de cabeça
        minha dor parou
        o sangramento não para, o que faço?
        como faço para parar o sangramento?
        para de doer quando eu deito
        o dente não para de me incomodar
        preciso parar de sentir essa dor
        o remédio faz a dor parar?
    """,
    (Wish.NONE, "'parar' of medicine and treatment"): """
        posso parar de tomar o remédio?
        Preciso parar o antibiótico antes do exame?
        quero parar de fumar
        posso parar com o remédio da pressão?
        quando devo parar a medicação?
        meu médico mandou parar o tratamento
        devo suspender o anticoagulante antes da cirurgia?
        parei de tomar o remédio
        pode parar de usar o aparelho?
        quero parar o tratamento
        pare de tomar se passar mal, foi o que ele disse
    """,
    (Wish.NONE, "'parar' in a place"): """
        onde posso parar o carro?
        tem lugar para parar perto da clínica?
        o ônibus para em frente?
        meu carro parou na avenida, vou atrasar
        fui parar no hospital
    """,
    (Wish.NONE, "'cancelar' of an appointment"): """
        quero cancelar minha consulta
        preciso cancelar o agendamento de amanhã
        Cancela minha consulta por favor
        pode cancelar o horário das 15h?
        como faço para cancelar meu exame?
        quero cancelar minha consulta e marcar outra
        gostaria de cancelar o plano
        cancelar consulta
        vou ter que cancelar a sessão de hoje
        cancela a de amanhã
        posso cancelar até quando?
        quero cancelar a promoção que comprei
    """,
    (Wish.NONE, "'sair' of going out"): """
        preciso sair mais cedo
        vou sair da cidade
        que horas posso sair?
        acabei de sair da consulta
        já saiu o resultado?
        quando sai a lista de aprovados?
        posso sair de casa depois da cirurgia?
        o que fazer se sair sangue?
        vou sair agora, chego em 10 minutos
        quero sair da lista de espera
        me tira da lista de espera, já consegui vaga
    """,
    (Wish.NONE, "'remover', 'tirar', 'excluir' of something else"): """
        quero remover um dente
        precisa remover o siso?
        quanto custa remover a tatuagem?
        me tira uma dúvida
        posso tirar os pontos amanhã?
        quero tirar o aparelho
        tira meu agendamento de sexta
        remover esmalte
        preciso tirar o celular antes do exame?
        quero excluir um procedimento do orçamento
        removeram minha vesícula
        meu número antigo é outro, anota o novo
    """,
    (Wish.NONE, "'não quero' and 'mais' of something else"): """
        não quero mais o horário das 10
        não quero mais remédio
        não quero mais marcar, obrigado
        não quero mais nada, obrigado
        não quero receber o remédio em casa
        não quero receber visita
        não quero
        não, obrigado
        não tenho interesse
        não posso amanhã
        não quero incomodar
        desculpa incomodar, que horas abre?
        a dor incomoda muito
        não quero mais sentir isso
    """,
    (Wish.NONE, "'mensagem' without a wish to stop"): """
        não parem de mandar mensagem
        por favor não parem de enviar os lembretes
        não quero parar de receber
        não quero parar de receber as mensagens
        não quero que parem de me mandar os avisos
        não quero deixar de receber as novidades
        nunca parem de mandar mensagem, eu adoro
        não quero ficar sem receber mensagens
        por que vocês pararam de mandar mensagem?
        parei de receber os lembretes, o que houve?
        não recebi a mensagem
        não estou recebendo as mensagens de vocês
        recebi a mensagem de vocês, obrigada
        vou parar de mandar mensagem, desculpa
        pode mandar mensagem mais tarde?
        me manda o endereço por mensagem
        não consegui mandar mensagem ontem
        o sistema não manda mais mensagem
        não quero sair da lista
        não me tira da lista
        não precisa parar de mandar mensagem
        não quero me descadastrar
        a mensagem caiu no spam
        essa propaganda é de vocês?
        quero a promoção do clareamento
        não quero perder as promoções
    """,
    (Wish.NONE, "'voltar' of coming back"): """
        quando posso voltar?
        vou voltar amanhã
        preciso voltar ao médico?
        posso voltar a tomar o remédio?
        quero voltar a treinar, pode?
        a dor voltou
        volto às 14h
        pode mandar de novo? não abriu
        quero reativar meu plano
        pode voltar a me mandar o boleto?
    """,
    (Wish.NONE, "'chega', 'bloquear', 'stop' and others of something else"): """
        a encomenda chega amanhã?
        que horas o doutor chega?
        chego em 5 minutos
        chega de sofrer com essa dor
        meu cartão foi bloqueado
        preciso de um bloqueio anestésico?
        vou bloquear a agenda de sexta
        cansei de esperar na recepção
        tomei stop gripe ontem
        para amanhã tem horário?
        para com quem eu falo sobre orçamento?
    """,
    (Wish.NONE, "nothing of the kind"): """
        Oi
        Bom dia!
        Quero agendar uma consulta
        Qual o valor da limpeza?
        ok
        sim
        👍
        obrigado
        ???
    """,
    (Wish.OPT_OUT, "written after the rules"): """
        Oi, me retire da lista de vocês
        Gostaria que parassem de me enviar mensagens
        não mande mensagem pra mim nunca mais
        quero que me tirem dessa lista de propaganda
        boa noite não quero receber promoções de vocês
        favor retirar meu número do cadastro
        favor não enviar mais mensagens
        Favor remover meu contato da lista
        Solicito a exclusão do meu número da lista
        não desejo mais receber esse tipo de mensagem
        eu não pedi pra receber essas mensagens, parem de mandar
        pare de me enviar mensagem toda hora
        Por gentileza, não me enviem mais mensagens
        tira eu dessa lista
        to fora, me tira da lista
        quero cancelar as mensagens
        desativar mensagens
        cancelar notificações
        não quero mais saber de propaganda de vocês
        para de mandar zap
        não me mandem mais zap
        Não quero receber nenhuma mensagem de vocês
        quero ser removido da lista
        quero ser descadastrado
        pode me descadastrar por favor?
        gostaria de não receber mais mensagens
        já falei que não quero mais receber mensagens
        nao tenho mais interesse em receber as mensagens
        stop sending messages
        PARE DE MANDAR MENSAGEM SEU CHATO
        eu quero sair dessa lista de mensagens
        Sair da lista
        mudei de cidade, podem parar de mandar mensagem
        desinscrever
        Por favor não me mande mais esse tipo de mensagem
        Favor parar com essas mensagens
        eu gostaria de sair dessa lista
        Não estou mais interessado em receber mensagens
        parem de mandar essas msgs chatas pelo amor de deus
        vc pode parar de mandar mensagem?
        to pedindo pra parar de mandar mensagem
        sem mais mensagens por favor, parem de enviar
        exclua meu contato por favor
        me descadastre dessa lista por favor
        tirem meu nome dessa lista
        Não quero mais receber nenhum tipo de propaganda
        para de enviar mensagem
        nao me manda mais nada
        não quero receber nada de vocês
        PAREM DE ENVIAR PROPAGANDA NO MEU WHATSAPP
    """,
    (Wish.OPT_IN, "written after the rules"): """
        pode voltar a me enviar as promoções
        mudei de ideia, quero receber as mensagens
        quero voltar a receber msg de vcs
        podem me mandar mensagem de novo
        voltem a mandar os avisos por favor
        voltar a receber
        Quero receber os avisos novamente
    """,
    (Wish.UNCLEAR, "written after the rules"): """
        que saco essas mensagens
        não me liga mais
        tá bom, chega
        quero excluir minha conta
        não gosto de receber mensagem à noite
        Não aguento mais tanta mensagem, parem
        não enviem mais mensagens, eu já sou cliente de outra clínica
    """,
    (Wish.NONE, "written after the rules"): """
        não quero falar com robô, quero um atendente
        qual o valor para sair com o dente novo?
        estou sem parar de tossir desde ontem
        a febre não para
        pode parar na recepção antes?
        vocês param para almoço?
        quero remover o cateter
        preciso cancelar e remarcar
        cancela por favor a consulta do meu filho
        Não vou poder ir, pode cancelar?
        me tira da agenda de quinta
        quero tirar uma dúvida sobre a lista de materiais
        qual a lista de documentos para sair o laudo?
        não recebi o aviso de consulta
        não esqueçam de me mandar mensagem amanhã
        não deixem de me avisar
        quero receber o resultado por mensagem
        pode me mandar mensagem quando chegar?
        prefiro mensagem do que ligação
        o médico disse para parar de comer glúten
        parar de amamentar é necessário para o exame?
        não mande o motoboy hoje
        quero sair do plano família
        para de funcionar o aparelho quando molha?
        quero retirar meu exame
        pode retirar o boleto do meu cadastro?
        atualiza meu telefone no cadastro
        mudei de número, remove o antigo
        vi a propaganda de vocês no instagram
        tenho medo de parar o remédio e voltar a crise
        voltar ao menu
        voltar para o menu anterior
        quero voltar com a doutora Ana
        bloqueei o cartão sem querer
        não quero mais esperar
        não quero mais essa dor
        sem mais, obrigado
        para mim pode ser às 10
        pare na rua de trás
        Doutor, tenho que parar de tomar o anticoncepcional?
        o sangramento parou de sair
        não quero mais parar o tratamento
        quero parar de sentir dor
        posso sair com o curativo?
        pode mandar a mensagem de confirmação?
        não recebi mais mensagens de vocês, aconteceu algo?
        vocês não mandam mais mensagem?
        não mandaram mais mensagem
        vou sair de férias, podemos remarcar?
        vou remover a cirurgia do calendário
        quero que me removam o siso
        descadastrar meu cartão do convênio
        parar na farmácia antes
        remove o esmalte e coloca outro
        pare de me dar desconto kkk
        me chama no zap quando puder
        não liga não, manda mensagem
        não precisa ligar, manda mensagem
        só recebo mensagem depois das 18h
        se sair vaga me avisa
        quero sair às 18h, dá tempo?
        preciso suspender o tratamento
        tira o meu da lista de exames
        não posso receber ligação agora, manda mensagem
        não posso falar agora
        não vou parar de mandar mensagem enquanto não responderem
        quero parar de mandar meu filho nessa escola
        vocês são muito chatos
        eu já disse que não quero
        vou reclamar no procon
    """,
}

CORPUS: list[tuple[Wish, str, str]] = [
    (wish, group, line.strip())
    for (wish, group), lines in _GROUPS.items()
    for line in lines.strip().splitlines()
]
