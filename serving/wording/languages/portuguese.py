"""Portuguese."""

from __future__ import annotations

from serving.wording.wording import Wording

PORTUGUESE = Wording(
    code="pt",
    not_found="Não encontrei isto nos documentos.",
    not_named="Nenhum dos trechos encontrados menciona {names}.",
    not_dated="*Os documentos dessa data não o dizem; isto vem dos outros.*",
    differ="*As fontes divergem:* {one}; {other}.",
    says="{source} diz {value}",
    undated="sem data",
    broke_off="O modelo interrompeu-se aqui. Isto é o que dizem os documentos:",
    declined="Não está nos documentos",
    degraded="O modelo de linguagem não está disponível de momento: o que ele não escreveu é citado dos documentos.",
    quoted="Citado palavra por palavra dos documentos: nenhum modelo de linguagem escreveu isto. "
    "Como ligar um está explicado em {guide}.",
    sources="Fontes",
    source="Fonte {number}",
    places="Onde procurar",
    page="página {number}",
    weak="o trecho talvez não diga isto",
    identity="Respondo a perguntas a partir dos documentos que me foram dados e digo onde está cada resposta.",
    thanks="De nada. Pergunte quando quiser.",
    farewell="Até logo.",
    greeting="Olá. Faça uma pergunta e procuro a resposta nos documentos.",
    assent="Certo. Pergunte quando quiser.",
    no_words="Não leio aí nenhuma palavra. Faça uma pergunta e procuro a resposta nos documentos.",
)
