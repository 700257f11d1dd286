"""What people say to whoever answers, and what asks nothing of the documents: greetings, thanks, goodbyes. Pure.

small_talk("Thanks a lot!")     # Remark("You are welcome. ...", ...)
small_talk("Thanks, and when?") # None: that is a question
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from serving.wording.catalogue import wording
from serving.wording.languages.english import ENGLISH
from serving.wording.wording import Wording

_NO_LETTERS = re.compile(r"[\W_]+")
# A longer text is no greeting, whatever it begins with.
_MOST_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What is said, by what is answered: the field of Wording. Of several kinds in one text the first here is
    answered."""

    identity: str
    thanks: str
    farewell: str
    greeting: str
    assent: str


_SAID = {
    "en": _Phrases(
        "who are you|what are you|what can you do|what do you do|what is your name|whats your name|are you a bot"
        "|are you human|how can you help me|how do you work",
        "thanks|thank you|thx|ty|cheers|thanks a lot|thank you very much|thank you so much|many thanks"
        "|much appreciated",
        "bye|goodbye|good bye|bye bye|see you|see you later|good night|have a nice day|thats all",
        "hi|hello|hey|hi there|hello there|hey there|good morning|good afternoon|good evening|greetings|how are you"
        "|how are you doing|howdy",
        "ok|okay|great|perfect|nice|cool|good|awesome|fine|i see|got it|understood|all right|alright|very good"
        "|well done|sure|super|wow",
    ),
    "de": _Phrases(
        "wer bist du|wer sind sie|was kannst du|was können sie|wie heißt du",
        "danke|vielen dank|dankeschön|danke schön|danke sehr|herzlichen dank|besten dank",
        "tschüss|auf wiedersehen|bis bald|schönen tag noch|gute nacht",
        "hallo|guten tag|guten morgen|guten abend|servus|moin|grüß gott|wie geht es dir|wie gehts",
        "gut|prima|alles klar|verstanden|sehr gut|in ordnung",
    ),
    "fr": _Phrases(
        "qui es tu|qui êtes vous|que peux tu faire|que pouvez vous faire",
        "merci|merci beaucoup|merci bien|mille mercis",
        "au revoir|à bientôt|bonne nuit|bonne journée",
        "bonjour|salut|bonsoir|coucou|comment ça va|ça va",
        "d accord|parfait|très bien|compris",
    ),
    "es": _Phrases(
        "quién eres|qué puedes hacer|quién es usted",
        "gracias|muchas gracias|mil gracias",
        "adiós|hasta luego|hasta pronto|buenas noches",
        "hola|buenos días|buenas tardes|qué tal|cómo estás",
        "vale|perfecto|muy bien|entendido|de acuerdo",
    ),
    "pt": _Phrases(
        "quem é você|o que você pode fazer", "obrigado|obrigada|muito obrigado|muito obrigada",
        "tchau|até logo|boa noite", "olá|oi|bom dia|boa tarde|tudo bem", "perfeito|muito bem|entendi",
    ),
    "it": _Phrases(
        "chi sei|cosa puoi fare", "grazie|grazie mille|molte grazie", "arrivederci|a presto|buona notte",
        "ciao|buongiorno|buonasera|come stai", "perfetto|va bene|capito",
    ),
    "zh-Hans": _Phrases(
        "你是谁|你能做什么", "谢谢|谢谢你|多谢|非常感谢", "再见|拜拜", "你好|您好|早上好", "好的|明白了",
    ),
    "zh-Hant": _Phrases(
        "你是誰|你能做什麼", "謝謝|謝謝你|多謝|非常感謝", "再見|掰掰", "妳好|哈囉|早安|午安|晚安", "好|明白了",
    ),
    "ja": _Phrases(
        "あなたは誰ですか|何ができますか", "ありがとう|ありがとうございます|どうも", "さようなら|またね",
        "こんにちは|おはようございます|こんばんは|はじめまして", "わかりました|了解です",
    ),
    "ar": _Phrases(
        "من أنت|ماذا يمكنك أن تفعل", "شكرا|شكرا جزيلا", "مع السلامة|وداعا", "مرحبا|السلام عليكم|أهلا",
        "حسنا|تمام",
    ),
    "ru": _Phrases(
        "кто ты|что ты умеешь|кто вы", "спасибо|большое спасибо|благодарю", "пока|до свидания",
        "привет|здравствуйте|добрый день|доброе утро|добрый вечер", "хорошо|понятно|отлично",
    ),
    "hi": _Phrases(
        "आप कौन हैं|तुम कौन हो|आप क्या कर सकते हैं", "धन्यवाद|शुक्रिया|बहुत धन्यवाद|बहुत बहुत धन्यवाद",
        "अलविदा|फिर मिलेंगे|शुभ रात्रि", "नमस्ते|नमस्कार|हैलो|सुप्रभात|आप कैसे हैं", "ठीक है|अच्छा|समझ गया|समझ गई|बढ़िया",
    ),
}  # fmt: skip

_KINDS = ("identity", "thanks", "farewell", "greeting", "assent")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is answered to small talk, out of the words of its language."""

    answer: str
    words: Wording


def small_talk(text: str) -> Remark | None:
    """What is said to that, in its language; None for whatever may be a question."""
    words = tuple(_normal(text).split())
    if not words:
        return Remark(ENGLISH.no_words, ENGLISH)
    if len(text) > _MOST_CHARACTERS:
        return None
    said = _said(words)
    if not said:
        return None
    language, kind = min(said, key=lambda one: _KINDS.index(one[1]))
    answer: str = getattr(wording(language), kind)
    return Remark(answer, wording(language))


def _said(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """The (language, kind) of each phrase, if the words are made of known phrases and of nothing else."""
    found: list[tuple[str, str]] = []
    while words:
        size = next((size for size in range(min(_LONGEST, len(words)), 0, -1) if words[:size] in _KNOWN), 0)
        if not size:
            return []
        found.append(_KNOWN[words[:size]])
        words = words[size:]
    return found


def _normal(text: str) -> str:
    """Words in lower case with single spaces between them, apostrophes gone, all other signs too."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    return _NO_LETTERS.sub(" ", plain).strip()


def _known() -> Mapping[tuple[str, ...], tuple[str, str]]:
    known: dict[tuple[str, ...], tuple[str, str]] = {}
    for language, phrases in _SAID.items():
        for kind in _KINDS:
            for phrase in getattr(phrases, kind).split("|"):
                known.setdefault(tuple(_normal(phrase).split()), (language, kind))
    return known


_KNOWN = _known()
_LONGEST = max(map(len, chain(_KNOWN)))
