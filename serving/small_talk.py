"""What people say to whoever answers, and what asks nothing of the documents: greetings, thanks, goodbyes. Pure.

small_talk("Thanks a lot!")     # "You are welcome. ..."
small_talk("Thanks, and when?") # None: that is a question
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

NO_WORDS = "I read no words in that. Ask a question, and I look for its answer in the documents."

_NO_LETTERS = re.compile(r"[\W_]+")
# A longer text is no greeting, whatever it begins with.
_MOST_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What is said, by what is answered. Of several kinds in one text the first here is answered."""

    identity: str
    thanks: str
    farewell: str
    greeting: str
    assent: str


_SAID = {
    "english": _Phrases(
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
    "german": _Phrases(
        "wer bist du|wer sind sie|was kannst du|was können sie|wie heißt du",
        "danke|vielen dank|dankeschön|danke schön|danke sehr|herzlichen dank|besten dank",
        "tschüss|auf wiedersehen|bis bald|schönen tag noch|gute nacht",
        "hallo|guten tag|guten morgen|guten abend|servus|moin|grüß gott|wie geht es dir|wie gehts",
        "gut|prima|alles klar|verstanden|sehr gut|in ordnung",
    ),
    "french": _Phrases(
        "qui es tu|qui êtes vous|que peux tu faire|que pouvez vous faire",
        "merci|merci beaucoup|merci bien|mille mercis",
        "au revoir|à bientôt|bonne nuit|bonne journée",
        "bonjour|salut|bonsoir|coucou|comment ça va|ça va",
        "d accord|parfait|très bien|compris",
    ),
    "spanish": _Phrases(
        "quién eres|qué puedes hacer|quién es usted",
        "gracias|muchas gracias|mil gracias",
        "adiós|hasta luego|hasta pronto|buenas noches",
        "hola|buenos días|buenas tardes|qué tal|cómo estás",
        "vale|perfecto|muy bien|entendido|de acuerdo",
    ),
    "portuguese": _Phrases(
        "quem é você|o que você pode fazer", "obrigado|obrigada|muito obrigado|muito obrigada",
        "tchau|até logo|boa noite", "olá|oi|bom dia|boa tarde|tudo bem", "perfeito|muito bem|entendi",
    ),
    "italian": _Phrases(
        "chi sei|cosa puoi fare", "grazie|grazie mille|molte grazie", "arrivederci|a presto|buona notte",
        "ciao|buongiorno|buonasera|come stai", "perfetto|va bene|capito",
    ),
    "chinese": _Phrases(
        "你是谁|你能做什么", "谢谢|谢谢你|多谢|非常感谢", "再见|拜拜", "你好|您好|早上好", "好的|明白了",
    ),
    "japanese": _Phrases(
        "あなたは誰ですか|何ができますか", "ありがとう|ありがとうございます|どうも", "さようなら|またね",
        "こんにちは|おはようございます|こんばんは|はじめまして", "わかりました|了解です",
    ),
    "arabic": _Phrases(
        "من أنت|ماذا يمكنك أن تفعل", "شكرا|شكرا جزيلا", "مع السلامة|وداعا", "مرحبا|السلام عليكم|أهلا",
        "حسنا|تمام",
    ),
    "russian": _Phrases(
        "кто ты|что ты умеешь|кто вы", "спасибо|большое спасибо|благодарю", "пока|до свидания",
        "привет|здравствуйте|добрый день|доброе утро|добрый вечер", "хорошо|понятно|отлично",
    ),
}  # fmt: skip

_ANSWERED = {
    "english": _Phrases(
        "I answer questions from the documents that were given to me, and say where each answer stands.",
        "You are welcome. Ask on whenever you like.",
        "Goodbye.",
        "Hello. Ask a question, and I look for its answer in the documents.",
        "Good. Ask on whenever you like.",
    ),
    "german": _Phrases(
        "Ich beantworte Fragen aus den Dokumenten, die mir gegeben wurden, und sage, wo die Antwort steht.",
        "Gern geschehen. Fragen Sie ruhig weiter.",
        "Auf Wiedersehen.",
        "Guten Tag. Stellen Sie eine Frage, dann suche ich die Antwort in den Dokumenten.",
        "Gut. Fragen Sie ruhig weiter.",
    ),
    "french": _Phrases(
        "Je réponds aux questions à partir des documents qui m'ont été confiés, et je dis où se trouve la réponse.",
        "Je vous en prie.", "Au revoir.",
        "Bonjour. Posez une question et je chercherai la réponse dans les documents.", "Bien.",
    ),
    "spanish": _Phrases(
        "Respondo preguntas a partir de los documentos que me han dado y digo dónde está cada respuesta.",
        "De nada.", "Adiós.", "Hola. Haga una pregunta y buscaré la respuesta en los documentos.", "Bien.",
    ),
    "portuguese": _Phrases(
        "Respondo a perguntas a partir dos documentos que me foram dados e digo onde está cada resposta.",
        "De nada.", "Até logo.", "Olá. Faça uma pergunta e procuro a resposta nos documentos.", "Certo.",
    ),
    "italian": _Phrases(
        "Rispondo alle domande in base ai documenti che mi sono stati dati e dico dove si trova la risposta.",
        "Prego.", "Arrivederci.", "Buongiorno. Faccia una domanda e cercherò la risposta nei documenti.", "Bene.",
    ),
    "chinese": _Phrases(
        "我根据提供给我的文档回答问题，并注明答案的出处。", "不客气。", "再见。",
        "你好。请提问，我会在文档中查找答案。", "好的。",
    ),
    "japanese": _Phrases(
        "渡された文書をもとに質問に答え、答えの出典を示します。", "どういたしまして。", "さようなら。",
        "こんにちは。質問をどうぞ。文書の中から答えを探します。", "はい。",
    ),
    "arabic": _Phrases(
        "أجيب عن الأسئلة من المستندات التي أُعطيت لي، وأذكر موضع كل إجابة.", "على الرحب والسعة.", "مع السلامة.",
        "مرحبا. اطرح سؤالا وسأبحث عن جوابه في المستندات.", "حسنا.",
    ),
    "russian": _Phrases(
        "Я отвечаю на вопросы по переданным мне документам и указываю, где находится ответ.", "Пожалуйста.",
        "До свидания.", "Здравствуйте. Задайте вопрос, и я поищу ответ в документах.", "Хорошо.",
    ),
}  # fmt: skip

_KINDS = ("identity", "thanks", "farewell", "greeting", "assent")


def small_talk(text: str) -> str | None:
    """What is said to that, in its language; None for whatever may be a question."""
    words = tuple(_normal(text).split())
    if not words:
        return NO_WORDS
    if len(text) > _MOST_CHARACTERS:
        return None
    said = _said(words)
    if not said:
        return None
    language, kind = min(said, key=lambda one: _KINDS.index(one[1]))
    answer: str = getattr(_ANSWERED[language], kind)
    return answer


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
