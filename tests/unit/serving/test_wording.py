"""RAGLoop's own words: every language has all of them, with the same places to fill, and each question gets its own."""

from __future__ import annotations

import re
from dataclasses import fields
from string import Formatter

import pytest

from core.text.markdown_lines import is_item
from serving.small_talk import small_talk
from serving.wording.catalogue import WORDINGS, wording, wording_for
from serving.wording.languages.english import ENGLISH
from serving.wording.wording import Wording

TEXTS = [each.name for each in fields(Wording) if each.name not in ("code", "colon", "direction")]
# What may stand alike in two languages: a heading, a label.
SHORT = {"sources", "source", "page", "says"}

ASKED = {
    "en": ["How long may an employee be away?", "Wie is the director?", "who founded mission nuestra señora?"],
    "zh-Hans": ["员工每年有几天年假？", "谁批准出差？", "VPN 的密码在哪里重置？"],
    "zh-Hant": ["員工每年有幾天年假？", "誰批准出差？", "VPN 的密碼在哪裡重設？"],
    "es": ["¿Quién aprueba los viajes?", "cuántos días de vacaciones hay", "¿Cuánto cuesta?", "dónde está la oficina"],
    "ar": ["من يوافق على السفر؟", "كم عدد أيام الإجازة؟"],
    "hi": ["यात्रा को कौन मंज़ूरी देता है?", "छुट्टी के कितने दिन हैं?"],
    "pt": ["Quem aprova as viagens?", "Quantos dias de férias há por ano?", "Onde fica o escritório?"],
    "fr": ["Qui approuve les voyages ?", "Combien de jours de congé y a-t-il par an ?", "Où est le bureau ?"],
    "de": ["Wer genehmigt Dienstreisen?", "Wie viele Tage Urlaub gibt es?", "Wo ist das Büro?"],
    "ja": ["出張は誰が承認しますか？", "年次休暇は何日ですか？"],
    "ru": ["Кто утверждает командировки?", "Сколько дней отпуска в году?"],
    "it": ["Chi approva le trasferte?", "Quanti giorni di ferie ci sono?", "Dove si trova l'ufficio?"],
}


def test_the_ten_largest_languages_have_words() -> None:
    assert WORDINGS.keys() >= {"en", "zh-Hans", "zh-Hant", "es", "ar", "hi", "pt", "fr", "de", "ja", "ru"}


@pytest.mark.parametrize("words", WORDINGS.values(), ids=WORDINGS)
@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_there_with_the_places_to_fill_of_the_english_one(words: Wording, name: str) -> None:
    text, english = getattr(words, name), getattr(ENGLISH, name)
    assert text == text.strip() != ""
    assert sorted(filled(text)) == sorted(filled(english))
    assert text.count("*") == english.count("*")
    assert not is_item(text)
    assert words is ENGLISH or name in SHORT or text != english


@pytest.mark.parametrize("words", WORDINGS.values(), ids=WORDINGS)
def test_italics_are_such_to_a_reader_of_markdown(words: Wording) -> None:
    from app.pages.markdown import html, parse

    for text in (words.not_dated, words.differ.format(one="Travel", other="Leave")):
        assert html(*parse(text)).count("<em>") == 1, text


def filled(text: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


@pytest.mark.parametrize(("code", "question"), [(code, each) for code, asked in ASKED.items() for each in asked])
def test_a_question_is_answered_in_its_own_language(code: str, question: str) -> None:
    if question == "Wie is the director?":  # one word of another language is not enough
        assert wording_for([question], ["german"]).code == code
    assert wording_for([question], []).code == code
    assert wording_for([question], ["english", "english", "german"]).code == code


@pytest.mark.parametrize("question", ["ZRX-9999", "2023?", "Budget", "👍?"])
def test_where_a_question_does_not_tell_the_one_before_it_counts_and_then_the_documents(question: str) -> None:
    assert wording_for([question], ["german", "german", "french"]).code == "de"
    assert wording_for([question, "¿Quién aprueba los viajes?"], ["german"]).code == "es"
    assert wording_for([question], ["", ""]).code == "en"
    assert wording_for([question], []).code == "en"


@pytest.mark.parametrize(
    "question",
    [
        "Hoeveel vakantiedagen heeft een medewerker?",
        "چه کسی سفر را تایید می‌کند؟",
        "Хто затверджує відрядження?",
        "휴가는 며칠입니까?",
    ],
)
def test_a_language_without_words_gets_english_ones_and_not_those_of_a_neighbour(question: str) -> None:
    assert wording_for([question], ["german"]) is ENGLISH


def test_a_language_that_is_not_there_is_english() -> None:
    assert wording("xx") is ENGLISH


def test_arabic_is_written_from_right_to_left_and_the_others_are_not() -> None:
    assert {code for code, words in WORDINGS.items() if words.direction == "rtl"} == {"ar"}


@pytest.mark.parametrize(
    ("said", "code"), [("नमस्ते", "hi"), ("謝謝", "zh-Hant"), ("谢谢", "zh-Hans"), ("Danke!", "de"), ("👍", "en")]
)
def test_small_talk_is_answered_with_the_words_of_its_language(said: str, code: str) -> None:
    remark = small_talk(said)
    assert remark is not None
    assert remark.words.code == code
    assert remark.answer in (getattr(remark.words, name) for name in TEXTS)


def test_nothing_but_braces_is_left_in_latin_letters_where_a_script_is_another() -> None:
    for code in ("zh-Hans", "zh-Hant", "ja", "ar", "ru", "hi"):
        for name in TEXTS:
            bare = re.sub(r"\{\w+\}", "", getattr(wording(code), name))
            assert not re.search(r"[A-Za-z]", bare), (code, name)
