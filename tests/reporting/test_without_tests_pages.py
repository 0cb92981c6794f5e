"""Pages of a case without tests: words that speak of none, sections left out, and the banner of an illustration."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from pmbudget.reporting import page
from pmbudget.reporting.words import Words, _phrases, _said_otherwise

TEST_WORDS = re.compile(r"\btest|laborator|diagnosti", re.IGNORECASE)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_what_is_said_otherwise_speaks_of_no_test(language):
    """What replaces a text has its gaps or fewer, and no word of tests but that there are none."""
    base, instead = _phrases(language), _phrases(language, tests=False)

    def compared(old, new, path=()):
        if isinstance(new, dict):
            for key, inner in new.items():
                yield from compared(old[key], inner, (*path, key))
        elif old != new:
            yield path, old, new

    changes = list(compared(base, instead))
    assert len(changes) > 30
    for path, old, new in changes:
        gaps = [set(re.findall(r"\{(\w+)\}", text)) for text in (old, new)]
        assert gaps[1] <= gaps[0], path
        assert not TEST_WORDS.search(new) or new.startswith(("Inga tester", "No tests")), path


def test_both_languages_say_the_same_texts_otherwise():
    def changed(language):
        base, instead = _phrases(language), _phrases(language, tests=False)
        return {key for key in base if base[key] != instead[key]}

    assert changed("sv") == changed("en")


def test_a_text_that_replaces_nothing_is_a_fault():
    with pytest.raises(ValueError, match="lost stands in texts/without_tests"):
        _said_otherwise({"kept": "x"}, {"lost": "y"})


def made(**given):
    cells = [
        new_markdown_cell("# Rubrik", metadata={"tags": ["lang-sv"]}),
        new_markdown_cell("Om testen", metadata={"tags": ["lang-sv", "with-tests"]}),
        new_markdown_cell("Om behandlingen", metadata={"tags": ["lang-sv", "without-tests"]}),
        new_code_cell("1"),
    ]
    about = {"language": "sv", "title": "T", "about": "Fall", "index": "../index.html", "made": "nu"}
    return page.notebook_html(new_notebook(cells=cells), **about, **given)


def test_prose_on_tests_stands_only_where_there_are_some():
    with_tests, without = made(), made(tests=False)
    assert ("Om testen" in with_tests, "Om behandlingen" in with_tests) == (True, False)
    assert ("Om testen" in without, "Om behandlingen" in without) == (False, True)


def test_an_illustration_is_called_so_above_the_heading():
    told = Words("sv")("illustration_warning")
    assert told in made(illustration=True)
    assert told not in made()
