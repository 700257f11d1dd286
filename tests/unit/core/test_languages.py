"""Which language a text is in, by its letters and its commonest words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.languages import AUTO, CODES, language_of, question_language, read_as

TEXTS = Path(__file__).parents[2] / "data" / "text"
SAID = {
    "danish": "Hvad koster det, hvis jeg ikke kan komme, og hvem skal jeg ringe til?",
    "dutch": "De kosten worden vergoed als het formulier op tijd is ingeleverd door de medewerker.",
    "english": "The leave has to be asked for two weeks before it begins, and a manager approves it.",
    "finnish": "Loma on haettava ennen kuin se alkaa, ja esimies hyväksyy sen, mutta ei aina.",
    "french": "Les frais sont remboursés dans le mois qui suit la demande, et non pas plus tard.",
    "german": "Der Urlaub ist zwei Wochen vorher zu beantragen und wird von der Leitung genehmigt.",
    "hungarian": "A szabadság kérelmét két héttel előtte kell beadni, és a vezető is jóváhagyja, hogy menni lehet.",
    "italian": "Le ferie sono da chiedere due settimane prima e il responsabile le approva nella settimana.",
    "portuguese": "As férias são pedidas duas semanas antes e não podem ser mais de trinta dias.",
    "romanian": "Concediul este cerut cu două săptămâni înainte și nu poate fi mai lung de treizeci de zile.",
    "spanish": "Las vacaciones se piden dos semanas antes y no pueden ser más de treinta días por año.",
    "swedish": "Semestern ska sökas två veckor i förväg och godkänns av chefen, men inte alltid.",
    "turkish": "İzin iki hafta önce istenir ve yönetici tarafından onaylanır, ancak bu her zaman böyle değil.",
    "russian": "Отпуск оформляется за две недели до начала.",
    "greek": "Η άδεια ζητείται δύο εβδομάδες πριν.",
    "hebrew": "החופשה מבוקשת שבועיים מראש.",
}


@pytest.mark.parametrize(("language", "text"), SAID.items())
def test_a_sentence_tells_its_language(language: str, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("korean.txt", "korean"),
        ("thai.txt", "thai"),
        ("arabic.txt", "arabic"),
        ("zh.md", "chinese"),
        ("ja.md", "japanese"),
    ],
)
def test_letters_tell_it_alone(name: str, language: str) -> None:
    assert language_of((TEXTS / name).read_text(encoding="utf-8")) == language


def test_a_foreign_name_does_not_make_a_text_foreign() -> None:
    assert language_of("The office in 東京 is open on weekdays, and the one in Αθήνα is not.") == "english"


def test_a_name_that_stands_in_every_row_does_not_make_a_table_foreign() -> None:
    rows = "\n".join(f"| Site {number} | {number} | Di Team |" for number in range(30))
    assert (
        read_as(f"All plants of the northern group.\n\n| Plant | Doors | Keyholder |\n|---|---|---|\n{rows}", AUTO)
        == "english"
    )


@pytest.mark.parametrize("text", ["", "42", "v2.14.3", "👍👍👍", "Qwrtz Xkcd"])
def test_what_says_nothing_has_none_and_is_read_as_english(text: str) -> None:
    assert language_of(text) == ""
    assert read_as(text, AUTO) == "english"


def test_a_question_is_taken_for_one_of_the_documents_languages() -> None:
    assert question_language("Hvem skal godkjenne det?", ("english", "norwegian")) == "norwegian"
    assert question_language("Budget 2024?", ("german", "english")) == "german"
    assert question_language("Where is it?", ("english",)) == "english"


def test_a_question_in_letters_of_no_document_keeps_its_own_language() -> None:
    assert question_language("有給休暇は何日ですか", ("english", "german")) == "japanese"


@given(st.text(max_size=300))
def test_any_text_is_read_in_a_known_language(text: str) -> None:
    assert read_as(text, AUTO) in CODES
