"""Which languages the search knows, and which of them a text is written in. Pure.

A text's letters tell most languages apart. Those that share the Latin alphabet are told by their commonest words: on
paragraphs of XQuAD and others it is right as often as py3langid's model, ten times as fast and without a dependency,
and of a short question it decides among the languages that the documents have. docs/explanation/languages.md has the
figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

AUTO = "auto"
"""Each document in its own language."""
FALLBACK = "english"
"""What a text is taken for that says nothing of its language: figures, names, code."""

# Commonest words of the languages of the Latin alphabet. Words that several share count for each of them.
_COMMONEST = {
    "danish": "og i at det er en til af på som med for de den der ikke et har var han fra om ved kan vil skal hvad "
    "hvor hvilken hvilke hvem hvornår hvordan blev efter eller være også jeg du vi sig sin men",
    "dutch": "de het een en van in is dat op te zijn met voor niet aan er door om ook als bij wordt werd naar uit over "
    "maar dan die deze wat waar wie welke hoe wanneer hoeveel hij ze je ik heeft kan moet geen",
    "english": "the of and to in is that it for was on are as with be by this from at or an have not which what who "
    "how when where why does did do can you i my we were has had but they their its will should must many much a",
    "finnish": "ja on ei se että oli hän mutta kun tai joka ovat myös sen kuin mikä mitä missä milloin kuka miten "
    "kuinka ole voi hänen jonka sekä mukaan jos niin tämä joita olla olivat kanssa vuonna",
    "french": "le la les de des du et en un une est que qui dans pour pas sur au aux par plus ne se ce il elle avec "
    "sont ou cette son sa ses leur été comme mais quel quelle quels quelles où quand comment combien a à",
    "german": "der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war was wer wo wann welche "
    "welcher welches wurde warum viele kann oder ich wir",
    "hungarian": "a az és hogy nem is egy de van meg volt csak ez mint el ki már vagy azt ha mi mit milyen hol mikor "
    "melyik hány hogyan lehet után kell amely szerint között által még",
    "italian": "di e il la che in un a per è una sono con non del della dei da si al le come anche più nel nella ha lo "
    "gli questo ma o alla delle cosa quale quali chi dove quando quanto quanti perché fu era stato",
    "norwegian": "og i det er en til av på som med for de den at ikke et har var han fra om ved kan vil skal hva hvor "
    "hvilken hvilke hvem når hvordan ble etter eller være også jeg du vi seg sin men mot blir",
    "portuguese": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das "
    "tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso qual quais quem onde quanto são",
    "romanian": "de și în a la cu pe care nu că o din este un mai se pentru au sau ce prin sunt fost după dar fi cum "
    "unde când cine câți câte acest această lui ale al cel",
    "spanish": "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este sí "
    "porque esta entre cuando muy sin sobre también fue es son qué cuál quién cuándo dónde cómo cuántos ha",
    "swedish": "och i att det som en på är av för med till den de om ett inte har var från han kan vid ska vill vad "
    "var vilken vilka vem när hur blev efter eller vara också jag du vi sig sin men mot blir",
    "turkish": "ve bir bu da de için ile olarak çok daha olan en kadar sonra gibi ne mi mı ya ise her hangi kim "
    "nerede nasıl kaç neden tarafından o ancak ki göre değil var yılında olduğu hangisi kimdir nedir",
}  # fmt: skip
COMMONEST = {language: frozenset(words.split()) for language, words in _COMMONEST.items()}
_BY_WORD = {
    word: frozenset(language for language, words in COMMONEST.items() if word in words)
    for word in frozenset().union(*COMMONEST.values())
}
_NONE: frozenset[str] = frozenset()

# Letters that few of these languages have: a word with one counts like a common word.
_OWN_LETTERS = {
    "danish": "æøå", "finnish": "äö", "french": "èêœ", "german": "äöüß", "hungarian": "őű", "norwegian": "æøå",
    "portuguese": "ãõ", "romanian": "ășț", "spanish": "ñ", "swedish": "åäö", "turkish": "çğışöü",
}  # fmt: skip
_OWN = {language: frozenset(letters) for language, letters in _OWN_LETTERS.items()}

# Letters that one language alone, or one above all, is written with. The order decides where a text has several.
_SCRIPTS = (
    ("japanese", "\u3041-\u30fa\u31f0-\u31ff"),
    ("korean", "\u1100-\u11ff\uac00-\ud7af"),
    ("chinese", "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"),
    ("thai", "\u0e01-\u0e5b"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"),
    ("hebrew", "\u0590-\u05ff"),
    ("greek", "\u0370-\u03ff\u1f00-\u1fff"),
    ("russian", "\u0400-\u04ff"),
    ("bengali", "\u0980-\u09ff"),
    ("nepali", "\u0900-\u097f"),
)
_OF_SCRIPT = tuple((language, re.compile(f"[{letters}]")) for language, letters in _SCRIPTS)

# ISO 639-1 codes of every language that may be named.
CODES = {
    "arabic": "ar", "azerbaijani": "az", "basque": "eu", "bengali": "bn", "catalan": "ca", "chinese": "zh",
    "danish": "da", "dutch": "nl", "english": "en", "finnish": "fi", "french": "fr", "german": "de", "greek": "el",
    "hebrew": "he", "hungarian": "hu", "indonesian": "id", "italian": "it", "japanese": "ja", "kazakh": "kk",
    "korean": "ko", "nepali": "ne", "norwegian": "no", "portuguese": "pt", "romanian": "ro", "russian": "ru",
    "slovene": "sl", "spanish": "es", "swedish": "sv", "tajik": "tg", "thai": "th", "turkish": "tr",
}  # fmt: skip

RUN_TOGETHER = frozenset({"chinese", "japanese", "korean", "thai"})
"""Languages that are written without spaces between words, or with whole phrases in one."""

# Enough to tell a language, and little beside reading a document.
_LOOKED_AT = 6000
_WORD = re.compile(r"[^\W\d_]+")
# A text in these letters may hold many Latin names and terms; this share of its letters makes it one of theirs.
_SCRIPT_SHARE = 0.2
# Japanese is written with Chinese characters too: this share of kana among both tells it apart.
_KANA_SHARE = 0.08
# Of a text's words so many must be common ones of the language.
_LEAST_SHARE = 0.06
# One word counts for at most this share of them, and twice: a column of names with "Di" or "San" is not Italian.
_MOST_OF_ONE = 0.02


@dataclass(frozen=True, slots=True)
class _Letters:
    """How many letters a text has of each script that names a language, and how many in all."""

    counts: dict[str, int]
    total: int


def language_of(text: str, among: Collection[str] = (), likely: Sequence[str] = (FALLBACK,)) -> str:
    """The language that the text is written in; with `among`, the likeliest of these. Empty if nothing tells. Of
    languages that as much speaks for, it is the first of `likely`."""
    sample = _sample(text)
    letters = _letters(sample)
    if letters.total == 0:
        return ""
    found = _by_script(letters)
    if found:
        return found if not among or found in among else ""
    return _by_words(sample, among, likely)


@lru_cache(maxsize=4096)
def question_language(question: str, among: tuple[str, ...]) -> str:
    """The language of a question to documents in the languages `among`, of which the commonest comes first.

    Where nothing tells, it is the commonest that the question's letters allow: most questions are asked in it.
    """
    if len(among) == 1 and question.isascii() and among[0] in COMMONEST:
        return among[0]
    found = language_of(question, among)
    if found:
        return found
    script = _by_script(_letters(question))
    if script:
        return script
    return next((language for language in among if language in COMMONEST), among[0] if among else FALLBACK)


def read_as(text: str, language: str) -> str:
    """The language that a text is to be read in where `language` is asked for: for `auto`, and for one that is not
    known, what the text itself says."""
    return language if language in CODES else language_of(text) or FALLBACK


def _sample(text: str) -> str:
    """The text, or of a long one its beginning, its middle and its end."""
    if len(text) <= _LOOKED_AT:
        return text
    third, middle = _LOOKED_AT // 3, len(text) // 2
    return f"{text[:third]}\n{text[middle : middle + third]}\n{text[-third:]}"


def _letters(text: str) -> _Letters:
    if text.isascii():
        return _Letters({}, sum(map(len, _WORD.findall(text))))
    counts = {language: len(pattern.findall(text)) for language, pattern in _OF_SCRIPT}
    return _Letters({language: count for language, count in counts.items() if count}, sum(map(str.isalpha, text)))


def _by_script(letters: _Letters) -> str:
    counts = letters.counts
    if not counts:
        return ""
    kana, han = counts.get("japanese", 0), counts.get("chinese", 0)
    if kana and kana >= _KANA_SHARE * (kana + han):
        counts = {**counts, "japanese": kana + han, "chinese": 0}
    language = max(counts, key=lambda each: counts[each])
    return language if counts[language] >= _SCRIPT_SHARE * letters.total else ""


def _by_words(text: str, among: Collection[str], likely: Sequence[str]) -> str:
    words = [word.lower() for word in _WORD.findall(text.replace("İ", "i"))]
    candidates = [language for language in COMMONEST if not among or language in among]
    most = max(2.0, _MOST_OF_ONE * len(words))
    counts = {word: min(count, most) for word, count in Counter(words).items()}
    hits: dict[str, float] = dict.fromkeys(candidates, 0.0)
    for word, count in counts.items():
        for language in _spoken_for(word) & hits.keys():
            hits[language] += count
    places = {language: -place for place, language in reversed(list(enumerate(likely)))}
    best = max(hits, key=lambda each: (hits[each], places.get(each, -len(likely))), default="")
    return best if best and hits[best] >= max(1, _LEAST_SHARE * len(words)) else ""


def _spoken_for(word: str) -> frozenset[str]:
    """The languages that the word speaks for: those that it is common in, and those that alone have its letters."""
    common = _BY_WORD.get(word, _NONE)
    if word.isascii():
        return common
    return common.union(language for language, letters in _OWN.items() if not letters.isdisjoint(word))
