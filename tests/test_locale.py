"""The Spanish catalogue: complete, compiled, and true to the placeholders of the English texts.

After a change of a text: `django-admin makemessages -l es --no-location --no-obsolete --ignore .venv`, translate what
is empty or fuzzy in the .po, and compile it with `django-admin compilemessages` or polib's `save_as_mofile`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from inbox.services import moments
from tests import visible

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "locale" / "es" / "LC_MESSAGES" / "django.po"
PYTHON = [path for folder in ("inbox", "accounts") for path in sorted((ROOT / folder).rglob("*.py"))]
TEMPLATES = [path for path in sorted((ROOT / "templates").rglob("*")) if path.is_file()]

ARGUMENTS = {
    "_": ("text",),
    "gettext": ("text",),
    "gettext_lazy": ("text",),
    "gettext_noop": ("text",),
    "ngettext": ("text", "plural"),
    "ngettext_lazy": ("text", "plural"),
    "pgettext": ("context", "text"),
    "pgettext_lazy": ("context", "text"),
    "npgettext": ("context", "text", "plural"),
    "npgettext_lazy": ("context", "text", "plural"),
}
STRING = r"""u?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
CALL = re.compile(rf"\b(?:_|n?p?gettext)\({STRING}(?:, ?(?:{STRING}|count))*\)")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|</?\w+>")

Key = tuple[str, str, str]
"""Context, text, plural: what the catalogue finds a translation by; "" for none."""


def used_in_python(source: str) -> Iterator[Key]:
    """The texts of all gettext calls; a call whose text is not written out has none."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ARGUMENTS:
            names = ARGUMENTS[call.func.id]
            said = {n: arg.value for n, arg in zip(names, call.args, strict=False) if isinstance(arg, ast.Constant)}
            if "text" in said:
                yield said.get("context", ""), said["text"], said.get("plural", "")


def used_in_template(source: str) -> Iterator[Key]:
    """The texts of the translation tags and filters, found by what makemessages uses."""
    for call in CALL.findall(templatize(source)):
        yield from used_in_python(call)


def used() -> set[Key]:
    found = {key for path in PYTHON for key in used_in_python(path.read_text(encoding="utf-8"))}
    return found | {key for path in TEMPLATES for key in used_in_template(path.read_text(encoding="utf-8"))}


def key(entry: polib.POEntry) -> Key:
    return entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""


def forms(entry: polib.POEntry) -> list[str]:
    """The translation, or one for each plural form."""
    return [entry.msgstr_plural[n] for n in sorted(entry.msgstr_plural)] if entry.msgid_plural else [entry.msgstr]


@pytest.fixture(scope="module")
def entries() -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]


def test_texts_are_found_however_they_are_written() -> None:
    source = """{% load i18n %}{% translate "One" %}{% translate 'Two' context "tab" %}{{ name|default:_("Three") }}
    {% blocktranslate count n=rows %}Four{% plural %}{{ n }} fours{% endblocktranslate %}
    {% blocktranslate with name=person.name %}Five for “{{ name }}”{% endblocktranslate %}"""
    assert set(used_in_template(source)) == {
        ("", "One", ""),
        ("tab", "Two", ""),
        ("", "Three", ""),
        ("", "Four", "%(n)s fours"),
        ("", "Five for “%(name)s”", ""),
    }
    assert set(used_in_python("""x = f"{_('Six')}: {ngettext('one ' 'day', '%(n)s days', n)}" """)) == {
        ("", "Six", ""),
        ("", "one day", "%(n)s days"),
    }


def test_every_text_of_the_pages_is_translated(entries: list[polib.POEntry]) -> None:
    translated = {key(entry) for entry in entries if all(forms(entry)) and not entry.fuzzy}
    texts = used()
    assert len(texts) > 250
    assert sorted(texts - translated) == []


def test_no_translation_is_empty_or_a_guess(entries: list[polib.POEntry]) -> None:
    assert [entry.msgid for entry in entries if entry.fuzzy or not all(forms(entry))] == []


def test_the_compiled_catalogue_is_in_step_with_the_text(entries: list[polib.POEntry]) -> None:
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    assert {key(entry): forms(entry) for entry in compiled} == {key(entry): forms(entry) for entry in entries}


def test_placeholders_and_tags_are_the_same_in_both_languages(entries: list[polib.POEntry]) -> None:
    for entry in entries:
        english = [entry.msgid, *[entry.msgid_plural] * (len(forms(entry)) - 1)]
        for ours, theirs in zip(english, forms(entry), strict=True):
            assert sorted(PLACEHOLDER.findall(ours)) == sorted(PLACEHOLDER.findall(theirs)), entry.msgid


def test_there_are_as_many_plural_forms_as_spanish_has(entries: list[polib.POEntry]) -> None:
    said = re.search(r"nplurals=(\d)", polib.pofile(str(CATALOGUE)).metadata["Plural-Forms"])
    counted = [entry for entry in entries if entry.msgid_plural]
    assert said and counted
    for entry in counted:
        assert len(forms(entry)) == int(said[1]), entry.msgid


@pytest.mark.parametrize(("n", "said"), [(1, "1 conversación"), (2, "2 conversaciones"), (10**6, "1000000 convers")])
def test_plurals_follow_the_number(n: int, said: str) -> None:
    with translation.override("es"):
        text = translation.ngettext("%(count)s unread thread.", "%(count)s unread threads.", n)
    assert (text % {"count": n}).startswith(said)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_says_nothing_that_can_not_be_translated(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    source = re.sub(
        r"{% blocktranslate.*?endblocktranslate %}|{%.*?%}|{{.*?}}|#?\bi-[a-z-]+", "", source, flags=re.DOTALL
    )
    words = set(re.findall(r"[^\W\d_]{2,}", " ".join(visible.texts(source))))
    assert words <= {"Ctrl"}


def test_dates_are_written_as_in_each_language() -> None:
    instant, birthday = "2024-11-17T10:00:00Z", "1987-05-12"
    assert (moments.moment(instant).short, moments.moment(instant).full) == (
        "17 Nov 2024",
        "Sunday 17 November 2024, 10:00 UTC",
    )
    assert (moments.day_line("2024-11-17"), moments.born(birthday)) == ("Sunday 17 November 2024", "12 May 1987")
    with translation.override("es"):
        assert (moments.moment(instant).short, moments.moment(instant).full) == (
            "17 nov 2024",
            "Domingo 17 de noviembre de 2024, 10:00 UTC",
        )
        assert (moments.day_line("2024-11-17"), moments.born(birthday)) == (
            "Domingo 17 de noviembre de 2024",
            "12 may 1987",
        )
