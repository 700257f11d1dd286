"""Whatever a template tries, it reaches no Python and ends soon, and the error says what is allowed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, TooLargeError
from core.types import Turn
from serving.prompts import sandbox as prompt_sandbox
from serving.prompts.sandbox import LONGEST_RENDERED, render, variables


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("Hello {{ who }}", {"who": "Ann"}, "Hello Ann"),
        ("{% for turn in turns %}{{ loop.index }} {{ turn.role }}: {{ turn.content }}\n{% endfor %}",
         {"turns": [Turn("user", "Hi"), Turn("assistant", "Ho")]}, "1 user: Hi\n2 assistant: Ho\n"),
        ("{% if names %}{{ names|join(', ') }}{% else %}nobody{% endif %}", {"names": ["Ann", "Ben"]}, "Ann, Ben"),
        ("{% if names %}{{ names|join(', ') }}{% else %}nobody{% endif %}", {"names": []}, "nobody"),
        ("{% if count > 3 and not quiet %}many{% endif %}", {"count": 4, "quiet": False}, "many"),
        ("{{ who|trim }}, {{ who|upper }}", {"who": " a "}, "a,  A "),
        ("{{ items[0].name }}", {"items": [{"name": "x"}]}, "x"),
        ("{% raw %}{{ untouched }}{% endraw %}{# a note #}", {}, "{{ untouched }}"),
    ],
)  # fmt: skip
def test_what_prompts_need_works(template: str, values: dict[str, object], text: str) -> None:
    assert variables(template) == set(values)
    assert render(template, values) == text


ATTACKS = [
    # to Python
    "{{ ''.__class__ }}",
    "{{ who.__class__.__mro__[1].__subclasses__() }}",
    "{{ who['__class__'] }}",
    "{{ who|attr('__class__') }}",
    "{{ who|map(attribute='__class__')|list }}",
    "{{ who._private }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self }}",
    "{{ loop.__class__ }}",
    "{{ 'a{0.__class__}'.format(who) }}",
    "{{ who.format(who) }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace(a=1).a }}",
    "{{ dict(a=1) }}",
    "{{ who.__getattribute__('x') }}",
    "{{ ()|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    # to other files
    "{% include 'answer/1.yaml' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'os' import system %}{{ system('id') }}",
    "{% extends 'answer/1.yaml' %}",
    "{% block a %}{% endblock %}",
    # without end
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(999999999) %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for a in who recursive %}{{ loop(a) }}{% endfor %}",
    "{% for a in who %}{% for b in who %}{% endfor %}{% endfor %}",
    "{% for a in who %}{% for b in who %}{% for c in who %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in who %}{% if a %}{% for b in who %}{% endfor %}{% endif %}{% endfor %}",
    "{% for a in who %}{% else %}{% for b in who %}{% endfor %}{% endfor %}",
    # without limit
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ who * 999999999 }}",
    "{{ 9**9**9 }}",
    "{{ [0] * 10**9 }}",
    "{{ who ~ who }}",
    "{{ '%999999999d' % 1 }}",
    "{{ 'x'|center(10**9) }}",
    "{{ who|center(999999999) }}",
    "{{ who|indent(999999999) }}",
    "{{ who|replace('', who) }}",
    "{{ who|join(who) }}",
    "{{ who|join('" + "x" * 21 + "') }}",
    "{{ who|join('x')|join('x')|join('x') }}",
    "{{ who|join(d='x') }}",
    "{{ who|format(999999999) }}",
    "{{ who|tojson(indent=999999999) }}",
    "{% set a = who ~ who %}{{ a }}",
    "{% with a = who %}{{ a }}{% endwith %}",
    "{% filter upper %}{{ who }}{% endfilter %}",
    "{% call who() %}{% endcall %}",
    "{% autoescape true %}{{ who }}{% endautoescape %}",
    "{{ who[0:999999999] }}",
    "{{ who[who] }}",
    "{{ {'a': who}['a'] }}",
    # too deep for a parser
    "{{ " + "(" * 20_000 + "who" + ")" * 20_000 + " }}",
    "{{ " + "not " * 20_000 + "who }}",
    "{{ who" + ".a" * 20_000 + " }}",
    "{% if who %}" * 60 + "{% endif %}" * 60,
    "{% if who %}" * 5_000 + "{% endif %}" * 5_000,
    "{{ " + "[" * 20_000,
]  # fmt: skip


@pytest.mark.parametrize("template", ATTACKS, ids=lambda template: template[:50])
def test_a_template_that_tries_more_is_refused_at_once_when_it_is_read(template: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError) as refused:
        variables(template)
    assert time.monotonic() - started < 30  # not for ever
    assert "template" in refused.value.message
    assert refused.value.hint.startswith("A template may hold {{ value }}")


def test_the_names_that_jinja_knows_by_itself_are_unknown_variables() -> None:
    assert variables("{{ range }}{{ cycler }}{{ lipsum }}") == {"range", "cycler", "lipsum"}


def test_an_error_names_the_line() -> None:
    with pytest.raises(InputError, match=r"line 3 of the template: call is not allowed"):
        variables("one\n{{ two }}\n{{ three() }}\n")


def test_what_is_rendered_has_a_length_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_sandbox, "LONGEST_RENDERED", 1000)
    template = "{% for item in items %}{{ item }}{% endfor %}"
    assert len(render(template, {"items": ["x"] * 1000})) == 1000
    with pytest.raises(TooLargeError, match="more than 1,000 characters"):
        render(template, {"items": ["x"] * 1001})


def test_a_list_that_would_make_a_huge_prompt_ends_at_the_limit() -> None:
    started = time.monotonic()
    with pytest.raises(TooLargeError):
        render("{% for item in items %}{{ item }}{% endfor %}", {"items": ["x" * (LONGEST_RENDERED // 4)] * 1_000_000})
    assert time.monotonic() - started < 30  # not for ever


@pytest.mark.parametrize("values", [{"items": 5}, {"items": None}, {}, {"items": [{}]}, {"items": 10**5000}])
def test_values_that_do_not_fit_are_an_error_that_says_so(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        render("{% for item in items %}{{ item.name }}{% endfor %}", values)
    with pytest.raises(InputError):
        render("{{ items.name }}", values)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "for", "in", "if", "endfor", "endif", "a", "b", ".", "|", "join", "(", ")", "[", "]",
             "'", "__class__", "*", "~", "1", "0", "set", "=", "loop", "range", "{#", "#}", "-", " ", "\n", "not", "is"]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_any_text_is_a_template_that_renders_or_a_typed_error(pieces: list[str]) -> None:
    template = " ".join(pieces)
    try:
        names = variables(template)
        render(template, dict.fromkeys(names, "value"))
    except InputError:
        pass
