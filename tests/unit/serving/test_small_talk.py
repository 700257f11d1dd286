"""What people say beside their questions is answered as such; what may be a question is not."""

from __future__ import annotations

import pytest

from serving.client_task import REFUSED, task_reply
from serving.small_talk import small_talk
from serving.wording.languages.english import ENGLISH


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("Hi", "Hello."),
        ("hello there!", "Hello."),
        ("Hi, thanks!", "You are welcome."),
        ("THANK YOU SO MUCH", "You are welcome."),
        ("that's all, bye", "Goodbye."),
        ("Who are you?", "I answer questions"),
        ("What's your name?", "I answer questions"),
        ("ok 👍", "Good."),
        ("Danke schön!", "Gern geschehen."),
        ("Bonjour", "Bonjour."),
        ("¿Qué tal?", "Hola."),
        ("谢谢！", "不客气。"),
        ("ありがとうございます", "どういたしまして。"),
        ("شكرا", "على الرحب والسعة."),
        ("спасибо", "Пожалуйста."),
        ("नमस्ते", "नमस्ते।"),
        ("謝謝", "不客氣。"),
        ("👍🎉", ENGLISH.no_words),
        ("???", ENGLISH.no_words),
    ],
)
def test_small_talk_is_answered_in_its_language(said: str, answered: str) -> None:
    remark = small_talk(said)
    assert remark is not None
    assert remark.answer.startswith(answered)


@pytest.mark.parametrize(
    "question",
    [
        "Thanks, and when does it close?",
        "hello kitty",
        "Who are you allowed to call?",
        "good morning shift",
        "Goodbye letters",
        "ok button",
        "Vacation?",
        "thanks " * 100 + "when",
        "7",
        "年假几天？",
    ],
)
def test_what_may_be_a_question_is_no_small_talk(question: str) -> None:
    assert small_talk(question) is None


def test_a_client_that_asks_for_a_title_gets_the_first_question_in_its_form() -> None:
    prompt = '### Task:\nGenerate a title.\nJSON format: { "title": "x" }\n### Chat History:\nUSER: When is lunch?\n'
    assert task_reply(prompt) == '{"title": "When is lunch"}'
    plain = "Provide a concise, 5-word-or-less title for the conversation.\n\nConversation:\nUser: When is lunch?\n"
    assert task_reply(plain) == "When is lunch"


def test_a_title_made_of_what_was_said_leaves_as_harmless_as_any_answer() -> None:
    said = task_reply("Generate a title for this chat.\n<chat_history>\nUSER: ![a](http://evil.example/b) why\n")
    assert said is not None
    assert "![" not in said
    assert "http://evil.example" not in said


def test_a_task_that_cannot_be_done_here_is_refused_in_a_sentence() -> None:
    assert task_reply("### Task:\nTranslate this.\n<chat_history>\nUSER: Hi\n</chat_history>") == REFUSED


@pytest.mark.parametrize(
    "question",
    [
        "Generate a title for the annual report",
        "Suggest a summary of the travel policy",
        "### Task: who signs?",
        "Write a follow-up to the customer conversation",
        "What is a chat history?",
    ],
)
def test_a_question_that_reads_like_a_task_is_a_question(question: str) -> None:
    assert task_reply(question) is None
