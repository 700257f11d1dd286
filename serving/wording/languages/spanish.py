"""Spanish."""

from __future__ import annotations

from serving.wording.wording import Wording

SPANISH = Wording(
    code="es",
    not_found="No he encontrado esto en los documentos.",
    not_named="Ninguno de los pasajes encontrados menciona {names}.",
    not_dated="*Los documentos de esa fecha no lo dicen; esto procede de los demás.*",
    differ="*Las fuentes se contradicen:* {one}; {other}.",
    says="{source} dice {value}",
    undated="sin fecha",
    broke_off="El modelo se interrumpió aquí. Esto es lo que dicen los documentos:",
    declined="No está en los documentos",
    degraded="El modelo de lenguaje no está disponible en este momento: el resto está citado de los documentos.",
    quoted="Citado palabra por palabra de los documentos: ningún modelo de lenguaje ha escrito esto. "
    "Cómo conectar uno se explica en {guide}.",
    sources="Fuentes",
    source="Fuente {number}",
    places="Dónde mirar",
    page="página {number}",
    weak="puede que el pasaje no diga esto",
    identity="Respondo preguntas a partir de los documentos que me han dado y digo dónde está cada respuesta.",
    thanks="De nada. Pregunte cuando quiera.",
    farewell="Adiós.",
    greeting="Hola. Haga una pregunta y buscaré la respuesta en los documentos.",
    assent="Bien. Pregunte cuando quiera.",
    no_words="No leo ninguna palabra ahí. Haga una pregunta y buscaré la respuesta en los documentos.",
)
