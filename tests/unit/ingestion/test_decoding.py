"""Which encoding a file is in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.errors import ConversionError, FailureKind
from ingestion.converters.texts.decoder import DecodedText, decode
from tests.support.needs import shared

GERMAN = "Die Größe der Straße änderte sich. Übermäßig heiß war es nicht, doch schön. " * 5
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
JAPANESE = "日本語の文章です。文字コードを判定します。よろしくお願いします。" * 5


@pytest.mark.parametrize("text", ["", "plain", GERMAN, RUSSIAN, JAPANESE, "emoji 👩‍💻", "tab\tline\nend\x1b[0m"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_as_it_is(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_without_a_mark(encoding: str) -> None:
    text = "An English text without any mark at its beginning. " * 4
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "windows-1251"), (RUSSIAN, "koi8-r"), (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp"), (GERMAN, "cp1252")],
)
def test_older_encodings_are_told_by_their_statistics(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["idna", "undefined", "punycode", "unicode_escape", "rot13"])
def test_a_declared_encoding_that_is_none_of_texts_is_not_believed(encoding: str) -> None:
    page = f'<meta charset="{encoding}"><p>C:\\new {GERMAN}</p>'

    assert decode(page.encode("cp1252"), declared=True).text == page


def test_a_declared_encoding_is_believed_in_html() -> None:
    page = f'<html><head><meta charset="iso-8859-2"></head><body>{"Zażółć gęślą jaźń. " * 3}</body></html>'
    assert decode(page.encode("iso-8859-2"), declared=True).text == page


def test_utf8_wins_over_a_wrong_declaration() -> None:
    page = f'<meta charset="latin-1">{GERMAN}'
    assert decode(page.encode(), declared=True).text == page


def test_an_unknown_declaration_is_no_error() -> None:
    page = f'<meta charset="klingon">{GERMAN}'
    assert decode(page.encode("cp1252"), declared=True).text == page


@pytest.mark.parametrize("seed", range(3))
def test_binary_data_is_refused(seed: int) -> None:
    with pytest.raises(ConversionError) as error:
        decode(random.Random(seed).randbytes(5000))
    assert error.value.kind is FailureKind.MISMATCH


def test_a_stray_null_does_not_make_a_text_binary() -> None:
    assert decode(b"some words\x00 and more of them").text == "some words\x00 and more of them"


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", "Заявление на отпуск подают за две недели. Руководитель отвечает в течение трёх рабочих дней."),
        (
            "cp1252",
            "Die Prüfer müssen jährlich geschult werden; größere Schäden meldet man am selben Tag der Werkstatt.",
        ),
        (
            "cp1250",
            "Zaměstnanci žádají o dovolenou dva týdny předem. Žluté lístky se vracejí příští středu do kanceláře.",
        ),
        ("shift_jis", "休暇の申請は二週間前までに提出してください。上司は三営業日以内に返事をします。"),
        ("euc-jp", "会議室の鍵は受付で受け取り、使い終わったら同じ場所に返してください。"),
        ("big5", "請假申請必須在兩週前提出,主管會在三個工作天內回覆,緊急情況請直接打電話。"),
        ("gb2312", "请假申请必须在两周前提出,主管会在三个工作日内回复,紧急情况请直接打电话。"),
    ],
)
def test_an_office_text_in_an_old_encoding_is_read_as_it_was_written(codec: str, text: str) -> None:
    whole = "\n".join([text] * 3)
    assert decode(whole.encode(codec)).text == whole


DATA = Path(__file__).parents[2] / "data" / "encodings"


@pytest.mark.parametrize("name", ["en_ascii_1bad.txt", "en_curly_1bad.txt", "fr_utf8_1bad.txt"])
def test_utf8_with_a_bad_byte_stays_utf8_and_the_byte_is_named(name: str) -> None:
    data = (DATA / name).read_bytes()
    decoded = decode(data)

    assert decoded.text == data.decode("utf-8", "replace")
    assert decoded.text.count("\ufffd") == 1
    assert decoded.doubt == "1 byte is not UTF-8; \ufffd stands in the text for such."


def test_an_umlaut_at_the_end_of_a_long_ascii_file_decides_its_encoding() -> None:
    text = "The kitchen is open every day.\n" * 2400 + "Der Pförtner führt das Buch.\n"
    assert decode(text.encode("cp1252")) == DecodedText(text)


def test_one_letter_of_an_older_encoding_is_no_damage() -> None:
    text = "The kitchen is open every day.\n" * 100 + "The café opens at nine.\n"
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("long_cp1250.txt", "Paní Dvořáková řídí oddělení účtů."),
        ("long_cp1251.txt", "Дежурный хранит ключи в сейфе."),
        ("long_cp437.txt", "Der Schlüssel liegt für Gäste bereit."),
        ("long_iso-2022-jp.txt", "鍵は受付にあります。"),
        ("long_koi8-r.txt", "Дежурный хранит ключи."),
        ("long_latin-1.txt", "El señor Núñez abrió la puerta mañana."),
        ("long_shift_jis.txt", "鍵は受付にあります。"),
        ("short_cp1252.txt", "Der Pförtner führt das Schlüsselbuch."),
        ("short_latin-1.txt", "El señor Núñez abrió la puerta mañana."),
    ],
)
def test_older_encodings_give_the_words_as_written(name: str, sentence: str) -> None:
    decoded = decode((DATA / name).read_bytes())

    assert set(decoded.text.replace(sentence, "").split()) == set()
    assert not decoded.doubt


def test_a_declared_encoding_is_read_as_browsers_read_it() -> None:
    page = '<meta charset="iso-8859-1"><p>“quoted” – and so on</p>'
    assert decode(page.encode("cp1252"), declared=True).text == page


def test_an_encoding_that_cannot_be_told_from_another_is_named() -> None:
    decoded = decode("Š ť ž".encode("cp1250"))

    assert "Its encoding is not stated" in decoded.doubt


# What the files' folder calls them, and the wider encoding that they are in by what browsers make of it.
WIDER = {"gb2312": "gb18030", "shift_jis": "cp932", "euc-tw": "", "tis-620": "cp874", "macCyrillic": "mac_cyrillic"}


def _truth(folder: str, data: bytes) -> str | None:
    languages = "croatian czech hungarian polish slovak slovene bulgarian russian arabic greek turkish romanian hebrew"
    name = folder.lower()
    for language in languages.split():
        name = name.removesuffix(f"-{language}")
    name = {"maccyrillic": "mac_cyrillic"}.get(name, WIDER.get(name, name))
    return data.decode(name).removeprefix("\ufeff") if name else None


def test_of_real_files_in_51_encodings_all_but_one_in_a_hundred_are_read_and_none_wrongly_in_silence() -> None:
    """Chardet's own test files, without what HTML and XML declare."""
    right = wrong = total = 0
    for path in sorted(shared("messy-files", "chardet", "tests").glob("*/*")):
        data = path.read_bytes()
        if (truth := _truth(path.parent.name, data)) is None:
            continue
        total += 1
        try:
            decoded = decode(data)
        except ConversionError:
            continue  # named
        same = decoded.text.removeprefix("\ufeff") == truth
        right += same
        wrong += not same and not decoded.doubt
    assert wrong == 0
    assert right >= 0.99 * total > 400
