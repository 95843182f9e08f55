"""Compiling: what is refused with its line, what is kept in its place, what is numbered."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.content.compile import compile_letter
from posthouse.sending.content.letters import Compiled, Letter, Outcome


def codes(outcome: Outcome) -> list[str]:
    return [problem.code for problem in outcome.errors]


HOSTILE = {
    "66_nested_loops": "{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}",
    "67_a_loop_of_100_million": "{% for i in (1..100000000) %}x{% endfor %}",
    "68_string_doubling": "{% assign s = 'aa' %}" + "{% assign s = s | append: s %}" * 56,
    "69_number_squaring": "{% assign s = 9999 %}" + "{% assign s = s | times: s %}" * 24 + "{{ s }}",
    "70_replace_growth": "{% assign s = 'aa' %}" + "{% assign s = s | replace: 'a', 'aaaaaaaaaa' %}" * 24,
    "71_capture_growth": "{% assign s = 'aa' %}" + "{% capture s %}{{ s }}{{ s }}{% endcapture %}" * 40,
    "72_three_thousand_ifs": "{% if true %}" * 3000 + "{% endif %}" * 3000,
    "73_joined_range": "{{ (1..50000000) | join: ',' }}",
    "73_joined_range_from_a_field": "{{ (1..points) | join: ',' }}",
    "66_a_hundred_loops_in_a_row": "{% for i in (1..9000) %}{% endfor %}" * 100,
    "73_date_width": "{{ 'now' | date: '%999999999d' }}",
    "73_split_to_letters": "{% assign s = 'a' %}" + "{% assign s = s | append: s %}" * 16 + "{% assign s = s | split: '' %}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_66_to_73_what_asks_for_too_much_is_stopped(kit: SimpleNamespace, body: str) -> None:
    """Every such letter is refused within a fraction of a second, whatever a contact holds."""
    started = time.perf_counter()
    outcome = compile_letter(kit.letter(f"<p>{body}</p>", sample={"points": 50_000_000}))
    assert time.perf_counter() - started < 2  # tens of milliseconds alone; the machine may be busy
    assert outcome.compiled is None
    assert codes(outcome)[0] in {"template_limit", "template_fails", "template_too_deep", "template_syntax"}


@pytest.mark.parametrize("probe", ["{{ ''.__class__ }}", "{{ contact.__class__.__mro__ }}", "{{ lipsum.__globals__ }}", "{{ first_name | attr: 'format' }}", "{{ 'a' * 1000000000 }}",
                                   "{% include '../../etc/passwd' %}", "{% render 'x' %}", "{{ env }}", "{{ config }}", "{{ self }}", "{{ request }}", "{{ _l[0] }}", "{{ first_name | _web_url }}", "{{ first_name | safe }}"])  # fmt: skip
def test_74_75_probes_are_refused(kit: SimpleNamespace, probe: str) -> None:
    """Nothing of Python, files or the house itself can be named."""
    assert compile_letter(kit.letter(f"<p>{probe}</p>")).compiled is None


def test_an_unknown_field_is_named_with_its_line(kit: SimpleNamespace) -> None:
    """The author learns the line, the name and the nearest one that exists."""
    outcome = compile_letter(kit.letter("<p>\n\nHi {{ contact.frist_name }}</p>"))
    problem = outcome.errors[0]
    assert (problem.code, problem.line, problem.part) == ("unknown_field", 3, "html")
    assert "“first_name”" in problem.sentence
    assert problem.excerpt is not None
    assert "frist_name" in problem.excerpt


@pytest.mark.parametrize(("broken", "line"), [("{{ first_name", 2), ("{% if first_name %}", 2), ("{% nonsense %}", 2), ("{{ first_name | nonsense }}", 2), ("{% endfor %}", 2), ("{% raw %}", 2), ("{% comment %}", 2), ("{% for x on y %}{% endfor %}", 2)])  # fmt: skip
def test_a_syntax_error_is_shown_with_its_line(kit: SimpleNamespace, broken: str, line: int) -> None:
    """The finding points at the line, or at the end of the letter where something is never closed."""
    outcome = compile_letter(kit.letter(f"<p>\n{broken}</p>"))
    assert outcome.compiled is None
    assert outcome.errors[0].code == "template_syntax"
    assert outcome.errors[0].line is not None
    assert outcome.errors[0].line >= line - 1


def test_loops_stay_in_their_table(kit: SimpleNamespace) -> None:
    """HTML5's parser would put the loop before the table; here it stays around its row, in HTML and in text."""
    body = "<table>{% for p in products %}<tr><td>{{ p.name }}</td><td>{{ p.price }}</td></tr>{% endfor %}</table>"
    made = kit.compiled(body)
    assert (
        made.html.index("<tbody>")
        < made.html.index("{% for")
        < made.html.index("<tr>")
        < made.html.index("{% endfor")
        < made.html.index("</tbody>")
    )
    assert made.text.index("{% for") < made.text.index("{{ p.name }}") < made.text.index("{% endfor")


def test_liquid_survives_in_attributes_styles_comments_and_conditions(kit: SimpleNamespace) -> None:
    """`<` in a condition, quotes in a default, tags within tags, Outlook's comments: all come out as they went in."""
    body = """<style>.a{color:red} @media (max-width:9px){.a{color:{{ city }}}}</style><!--[if mso]>{{ city }}<![endif]-->
<p class="a {% if points < 3 %}low{% endif %}" title='{{ first_name | default: "x>y" }}'>{% if points &lt; 3 %}few{% endif %}</p>{% raw %}{{ kept }}{% endraw %}"""
    made = kit.compiled(body)
    for piece in ["@media (max-width:9px){.a{color:{{ city }}}}", "<!--[if mso]>{{ city }}<![endif]-->", "{% if points < 3 %}low{% endif %}", '{{ first_name | default: "x>y" }}', "{% if points < 3 %}few", "{% raw %}{{ kept }}{% endraw %}", "color: red"]:  # fmt: skip
        assert piece in made.html


@given(names=st.lists(st.sampled_from(["{{ city }}", "{% if city %}x{% endif %}", "<b>y</b>", "<table><tr><td>{{ points }}</td></tr></table>", "<p title='{{ city }}'>z</p>", "<!-- {{ city }} -->", "{% comment %}<p>{% endcomment %}"]), max_size=12))  # fmt: skip
def test_every_tag_is_still_there_in_its_order(names: list[str]) -> None:
    """Whatever is mixed, the Liquid of the result is the Liquid of the source."""
    source = f"<html><body>{''.join(names)}<p>{{{{ postal_address }}}} <a href='{{{{ unsubscribe_url }}}}'>u</a></p></body></html>"
    outcome = compile_letter(Letter(subject="s", html=source, postal_address="A 1, B", fields=frozenset({"city", "points"})))
    assert outcome.compiled is not None
    for tag in ("{{ city }}", "{% if city %}", "{% endif %}", "{{ points }}", "{% comment %}"):
        assert outcome.compiled.html.count(tag) == source.count(tag)


def test_mjml_is_compiled_and_fetches_nothing(kit: SimpleNamespace) -> None:
    """MJML with loops between and within its elements; no font or icon of others."""
    source = """<mjml><mj-head><mj-title>T</mj-title></mj-head><mj-body>{% for p in products %}<mj-section><mj-column>
<mj-text>{% if points < 3 %}{{ p.name }}{% endif %}</mj-text><mj-button href="https://tea.example/?a=1&b=2">Go</mj-button>
<mj-table>{% for q in products %}<tr><td>{{ q.name }}</td></tr>{% endfor %}</mj-table></mj-column></mj-section>{% endfor %}
<mj-section><mj-column><mj-text>{{ postal_address }} <a href="{{ unsubscribe_url }}">u</a></mj-text></mj-column></mj-section></mj-body></mjml>"""
    made = kit.compiled(html=source, kind="mjml")
    assert made.links == ("https://tea.example/?a=1&b=2",)
    assert "{% if points < 3 %}{{ p.name }}{% endif %}" in made.html
    assert "fonts." not in made.html
    assert made.html.count("{% for") == made.html.count("{% endfor") == 2


@pytest.mark.parametrize(("source", "code"), [("<mjml><mj-body><mj-include path='/etc/passwd'/></mj-body></mjml>", "mjml_unknown"), ("<mjml><mj-body><mj-include path='file:///etc/passwd'/></mj-body></mjml>", "mjml_unknown"),
                                               ("<mjml><mj-body><mj-section></mj-body></mjml>", "mjml_syntax"), ("<mjml><mj-body>\n<mj-nonsense/></mj-body></mjml>", "mjml_unknown"), ("no mjml", "mjml_syntax"),
                                               ("<mjml><mj-body>" + "<mj-wrapper>" * 5000 + "</mj-wrapper>" * 5000 + "</mj-body></mjml>", "html_too_deep")])  # fmt: skip
def test_82_mjml_that_cant_be_taken(kit: SimpleNamespace, source: str, code: str) -> None:
    """Includes, unknown tags, unclosed tags and endless nesting are refused with a reason."""
    assert code in codes(compile_letter(kit.letter(html=source, kind="mjml")))


def test_81_huge_html_is_refused_quickly(kit: SimpleNamespace) -> None:
    """A million tags, an unclosed comment, ten thousand links, two megabytes: an answer within a second or so."""
    started = time.perf_counter()
    assert codes(compile_letter(kit.letter("<b>" * 600_000))) == ["html_too_many_tags"]
    assert codes(compile_letter(kit.letter("<p>" + "x" * 2_000_001))) == ["too_large"]
    many = "".join(f"<a href='https://tea.example/{number}'>x</a>" for number in range(10_000))
    assert codes(compile_letter(kit.letter(many))) == ["html_too_many_tags"]
    assert "too_many_links" in codes(compile_letter(kit.letter(many[: many.index("/600'")] + "/'>x</a>")))
    assert "unsubscribe_missing" in codes(compile_letter(kit.letter("<!-- never closed ")))
    assert codes(compile_letter(kit.letter("{{" * 300_000))) == ["template_syntax"]
    assert codes(compile_letter(kit.letter("{% raw %}" * 100_000))) == ["template_syntax"]
    assert "html_too_deep" in codes(compile_letter(kit.letter("<div>" * 5000 + "</div>" * 5000)))
    assert time.perf_counter() - started < 8  # about one second in all on a quiet machine


@pytest.mark.parametrize("href", ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java&#10;script:x", "data:text/html,x", "file:///etc/passwd", "ftp://a.example/", "//evil.example/x", "/relative", "https://user@evil.example/", "https://", "https://a b.example/", "http://[::1", "vbscript:x"])  # fmt: skip
def test_77_a_link_must_lead_somewhere_from_a_mail(kit: SimpleNamespace, href: str) -> None:
    """Only http, https, mailto, tel, sms and anchors; the finding names the link and its line."""
    problem = compile_letter(kit.letter(f'<p>\n<a href="{href}">x</a></p>')).errors[0]
    assert (problem.code, problem.line) in {("link_scheme", 2), ("html_active", 2), ("link_scheme", None)}


def test_links_are_numbered_once_each(kit: SimpleNamespace) -> None:
    """The same target has one number; mailto, anchors and telephone stay; a personal link stays and is said to be uncounted."""
    body = '<a href="https://a.example/?x=1&amp;y=2">1</a><a href=https://b.example/>2</a><a href=\'https://a.example/?x=1&y=2\'>3</a><a href="mailto:a@b.example">m</a><a href="#top">t</a><a href="tel:+1">c</a><a href="https://c.example/?n={{ city }}">p</a>'  # fmt: skip
    outcome = compile_letter(kit.letter(body))
    assert outcome.compiled is not None
    assert outcome.compiled.links == ("https://a.example/?x=1&y=2", "https://b.example/")
    assert outcome.compiled.html.count("_l[0]") == 2
    assert [problem.code for problem in outcome.problems] == ["link_personal"]
    assert 'href="mailto:a@b.example"' in outcome.compiled.html


@pytest.mark.parametrize("html", ["<script>x</script>", "<iframe src='https://x.example'></iframe>", "<p onclick='x'>", "<img src=x onerror=alert(1)>", "<meta http-equiv='refresh' content='0'>", "<base href='https://x.example'>", "<style>@import 'https://x.example/a.css'</style>", "<p style='width:expression(1)'>", "<object data='x'></object>"])  # fmt: skip
def test_active_content_is_refused(kit: SimpleNamespace, html: str) -> None:
    """What could run in a preview, or be fetched, is refused with its line."""
    assert "html_active" in codes(compile_letter(kit.letter(html)))


@pytest.mark.parametrize(("changes", "code"), [({"html": "<p>{{ postal_address }}</p>"}, "unsubscribe_missing"), ({"html": '<a href="{{ unsubscribe_url }}">u</a>'}, "postal_address_missing"),
                                                ({"html": '{% if first_name %}<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">u</a></p>{% endif %}'}, "unsubscribe_missing"),
                                                ({"text": "no footer"}, "unsubscribe_missing"), ({"postal_address": " "}, "postal_address_unset"), ({"subject": " "}, "subject_missing"), ({"html": " "}, "html_missing"), ({"html": "a\x00b"}, "bad_characters")])  # fmt: skip
def test_marketing_mail_has_its_footer_for_everybody(kit: SimpleNamespace, changes: dict[str, str], code: str) -> None:
    """Postal address and unsubscribe link must be there for every recipient, in both parts; the finding says what to add."""
    assert code in codes(compile_letter(kit.letter(**changes)))


def test_a_single_message_needs_no_footer(kit: SimpleNamespace) -> None:
    """Transactional mail is not asked for an unsubscribe link."""
    assert compile_letter(kit.letter(html="<p>Your code: 1</p>", stream="transactional", postal_address="")).compiled is not None


def test_warnings_do_not_forbid(kit: SimpleNamespace) -> None:
    """Pictures without alt or address, and a letter that Gmail would clip, are said and sent."""
    outcome = compile_letter(
        kit.letter("<img src='https://x.example/a.png'><img alt='' src='local.png'>" + "<p>" + "word " * 25_000 + "</p>")
    )
    assert outcome.compiled is not None
    assert {problem.code for problem in outcome.problems} == {"image_without_alt", "image_address", "gmail_clip"}


def test_the_stored_form_reads_back(kit: SimpleNamespace) -> None:
    """What is stored is what was compiled."""
    made = kit.compiled('<a href="https://a.example/">x</a>')
    assert Compiled.from_json(made.to_json()) == made


@given(st.text(max_size=300))
def test_any_text_gives_an_answer(text: str) -> None:
    """No input makes the compiler itself fail."""
    compile_letter(Letter(subject=text or "s", html=text, text=text, preheader=text, postal_address="A", kind="html"))
