"""Which encoding a file is in."""

from __future__ import annotations

import random

import pytest

from core.errors import ConversionError, FailureKind
from ingestion.converters.decoder import decode
from tests.support.needs import shared

GERMAN = "Die Größe der Straße änderte sich. Übermäßig heiß war es nicht, doch schön. " * 5
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
JAPANESE = "日本語の文章です。文字コードを判定します。よろしくお願いします。" * 5


@pytest.mark.parametrize("text", ["", "plain", GERMAN, RUSSIAN, JAPANESE, "emoji 👩‍💻", "tab\tline\nend\x1b[0m"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_as_it_is(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_without_a_mark(encoding: str) -> None:
    text = "An English text without any mark at its beginning. " * 4
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "windows-1251"), (RUSSIAN, "koi8-r"), (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp"), (GERMAN, "cp1252")],
)
def test_older_encodings_are_told_by_their_statistics(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_declared_encoding_is_believed_in_html() -> None:
    page = f'<html><head><meta charset="iso-8859-2"></head><body>{"Zażółć gęślą jaźń. " * 3}</body></html>'
    assert decode(page.encode("iso-8859-2"), declared=True) == page


def test_utf8_wins_over_a_wrong_declaration() -> None:
    page = f'<meta charset="latin-1">{GERMAN}'
    assert decode(page.encode(), declared=True) == page


def test_an_unknown_declaration_is_no_error() -> None:
    page = f'<meta charset="klingon">{GERMAN}'
    assert decode(page.encode("cp1252"), declared=True) == page


@pytest.mark.parametrize("seed", range(3))
def test_binary_data_is_refused(seed: int) -> None:
    with pytest.raises(ConversionError) as error:
        decode(random.Random(seed).randbytes(5000))
    assert error.value.kind is FailureKind.MISMATCH


def test_a_stray_null_does_not_make_a_text_binary() -> None:
    assert decode(b"some words\x00 and more of them") == "some words\x00 and more of them"


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
    assert decode(whole.encode(codec)) == whole


@pytest.mark.parametrize(
    ("folder", "codec"),
    [
        ("windows-1251-russian", "cp1251"),
        ("SHIFT_JIS", "shift_jis"),
        ("EUC-JP", "euc-jp"),
        ("Big5", "big5"),
        ("GB2312", "gb2312"),
    ],
)
def test_real_files_in_old_encodings_are_read(folder: str, codec: str) -> None:
    """Chardet's own test files: at least four of five must come out exactly."""
    root = shared("messy-files", "chardet", "tests", folder)
    right = total = 0
    for path in sorted(root.glob("*.*"))[:20]:
        data = path.read_bytes()
        try:
            truth = data.decode(codec)
        except UnicodeDecodeError:
            continue
        total += 1
        right += decode(data, declared=path.suffix in (".html", ".xml")) == truth
    assert total
    assert right >= total * 0.8
