"""Italian."""

from __future__ import annotations

from serving.wording.wording import Wording

ITALIAN = Wording(
    code="it",
    not_found="Non l'ho trovato nei documenti.",
    not_named="Nessuno dei passi trovati nomina {names}.",
    not_dated="*I documenti di quella data non lo dicono; questo viene dagli altri.*",
    differ="*Le fonti si contraddicono:* {one}; {other}.",
    says="{source} dice {value}",
    undated="senza data",
    broke_off="Il modello si è interrotto qui. Ecco che cosa dicono i documenti:",
    declined="Non è nei documenti",
    degraded="Il modello linguistico non è disponibile in questo momento: il resto è citato dai documenti.",
    quoted="Citato parola per parola dai documenti: nessun modello linguistico ha scritto questo. "
    "Come collegarne uno è spiegato in {guide}.",
    sources="Fonti",
    source="Fonte {number}",
    places="Dove guardare",
    page="pagina {number}",
    weak="il passo forse non lo dice",
    identity="Rispondo alle domande in base ai documenti che mi sono stati dati e dico dove si trova la risposta.",
    thanks="Prego. Chieda pure ancora.",
    farewell="Arrivederci.",
    greeting="Buongiorno. Faccia una domanda e cercherò la risposta nei documenti.",
    assent="Bene. Chieda pure ancora.",
    no_words="Qui non leggo parole. Faccia una domanda e cercherò la risposta nei documenti.",
)
