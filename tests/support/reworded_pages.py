"""Pages, and questions about them in other words, which the search for words does not find."""

from __future__ import annotations

from pathlib import Path

from serving.factory import Services, open_services
from tests.support.installed import lay_installation

PAGES = {
    "dogs": ("Dogs may come along on Fridays.", "Which day are pets allowed?"),
    "doctor": ("Whoever is ill tells the team lead before nine.", "By what time does a sick colleague call in?"),
    "bicycles": ("Bicycles are locked up in the yard.", "Where do cyclists park?"),
    "lunch": ("The canteen serves soup until two.", "How long can employees eat a warm meal?"),
    "visitors": ("Visitors wear a yellow badge.", "How are guests recognised?"),
    "trains": ("Journeys by train are paid second class.", "What rail ticket gets reimbursed?"),
    "screens": ("Two monitors stand on every desk.", "How many displays does a workplace have?"),
    "smoke": ("When smoke is seen, everybody leaves by the stairs.", "What happens during a fire?"),
    "babies": ("New mothers stay at home for fourteen weeks.", "How long does maternity leave last?"),
    "pay": ("Salaries arrive on the last banking day.", "What date do wages get transferred?"),
    "keys": ("A lost key costs thirty euros.", "What does somebody owe who cannot find theirs any more?"),
    "plants": ("The gardener waters flowers on Mondays.", "Who takes care of the greenery?"),
    "phones": ("Mobiles are switched off in meetings.", "May somebody take calls during a conference?"),
    "rubbish": ("Glass goes into the green container.", "Where are empty bottles thrown away?"),
}


def installed(folder: Path, dense_weight: float) -> Services:
    """An installation with these pages, whose first release searches with this share of the embedder."""
    pages = {f"{name}.md": f"# {name.capitalize()}\n\n{says}\n" for name, (says, _) in PAGES.items()}
    return open_services(lay_installation(folder, "house", pages, dense_weight=dense_weight))
