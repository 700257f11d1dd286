"""German."""

from __future__ import annotations

from serving.wording.wording import Wording

GERMAN = Wording(
    code="de",
    not_found="Das habe ich in den Dokumenten nicht gefunden.",
    not_named="Keine der gefundenen Stellen nennt {names}.",
    not_dated="*Die Dokumente aus dieser Zeit sagen dazu nichts; das Folgende stammt aus den übrigen.*",
    differ="*Die Quellen widersprechen sich:* {one}; {other}.",
    says="{source} sagt {value}",
    undated="ohne Datum",
    broke_off="Hier hat das Modell abgebrochen. In den Dokumenten steht:",
    declined="Nicht in den Dokumenten",
    degraded="Das Sprachmodell ist gerade nicht verfügbar: Was nicht von ihm ist, ist aus den Dokumenten zitiert.",
    quoted="Wörtlich aus den Dokumenten zitiert: Das hat kein Sprachmodell geschrieben. "
    "Wie man eines anschließt, steht in {guide}.",
    sources="Quellen",
    source="Quelle {number}",
    places="Wo Sie nachsehen können",
    page="Seite {number}",
    weak="die Stelle sagt das vielleicht nicht",
    identity="Ich beantworte Fragen aus den Dokumenten, die mir gegeben wurden, und sage, wo die Antwort steht.",
    thanks="Gern geschehen. Fragen Sie ruhig weiter.",
    farewell="Auf Wiedersehen.",
    greeting="Guten Tag. Stellen Sie eine Frage, dann suche ich die Antwort in den Dokumenten.",
    assent="Gut. Fragen Sie ruhig weiter.",
    no_words="Darin lese ich keine Wörter. Stellen Sie eine Frage, dann suche ich die Antwort in den Dokumenten.",
)
