"""Everything in a page is escaped unless it is HTML already."""

import base64
from html import unescape

import pytest
from hypothesis import given
from support.properties import repeatable, texts

from alexnet_keras.figures.markup import Markup, data_uri, joined, tag


@repeatable
@given(texts)
def test_text_and_attributes_come_back_from_the_page(text):
    element = tag("p", text, title=text)
    assert isinstance(element, Markup)
    start, content = element.removeprefix('<p title="').removesuffix("</p>").split('">')
    assert (unescape(start), unescape(content)) == (text, text)
    assert not set('<>"') & {*start, *content}


def test_markup_is_not_escaped_again():
    inner = tag("b", "a < b")
    assert inner == "<b>a &lt; b</b>"
    assert tag("p", inner, " & ", 3) == "<p><b>a &lt; b</b> &amp; 3</p>"
    assert joined(inner, "<i>") == "<b>a &lt; b</b>&lt;i&gt;"


def test_names_of_attributes():
    assert tag("a", class_="x", aria_label="y", href=None) == '<a class="x" aria-label="y"></a>'


@pytest.mark.parametrize("name", ["img", "source", "meta"])
def test_empty_elements_have_no_end(name):
    assert tag(name, src="a.png") == f'<{name} src="a.png">'


def test_an_image_in_the_page_holds_its_bytes():
    kind, _, content = data_uri("image/png", bytes(range(256))).partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(content) == bytes(range(256))
