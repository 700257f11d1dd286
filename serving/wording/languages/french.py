"""French."""

from __future__ import annotations

from serving.wording.wording import Wording

FRENCH = Wording(
    code="fr",
    not_found="Je n'ai pas trouvé cela dans les documents.",
    not_named="Aucun des passages trouvés ne mentionne {names}.",
    not_dated="*Les documents de cette date ne le disent pas ; ceci vient des autres.*",
    differ="*Les sources se contredisent :* {one} ; {other}.",
    says="{source} dit {value}",
    undated="sans date",
    broke_off="Le modèle s'est interrompu ici. Voici ce que disent les documents :",
    declined="Pas dans les documents",
    degraded="Le modèle de langage n'est pas disponible pour le moment : le reste est cité des documents.",
    quoted="Cité mot pour mot des documents : aucun modèle de langage n'a écrit ceci. "
    "Pour savoir comment en connecter un, voir {guide}.",
    sources="Sources",
    source="Source {number}",
    places="Où chercher",
    page="page {number}",
    weak="le passage ne le dit peut-être pas",
    identity="Je réponds aux questions à partir des documents qui m'ont été confiés, et je dis où est la réponse.",
    thanks="Je vous en prie. N'hésitez pas à poser d'autres questions.",
    farewell="Au revoir.",
    greeting="Bonjour. Posez une question et je chercherai la réponse dans les documents.",
    assent="Bien. N'hésitez pas à poser d'autres questions.",
    no_words="Je n'y lis aucun mot. Posez une question et je chercherai la réponse dans les documents.",
    colon=" :",
)
