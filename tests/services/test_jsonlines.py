"""JSON as lines: every letter of it, references that lead on, and what differs."""

import json
import time
from typing import Any

import pytest

from inbox.services import jsonlines, records
from inbox.services.jsonlines import Line, Listing, Piece

NESTED = {
    "resourceType": "Communication",
    "empty": [],
    "none": {},
    "number": 1.5,
    "yes": True,
    "tricky": 'a "key": , { [ \\" \\',
    "partOf": [{"reference": "Communication/t1"}],
    "list": ['"reference": "Patient/1"', "x,", ","],
}


def plain(line: Line) -> str:
    return "".join(one.text for one in line.pieces)


def printed(listing: Listing) -> list[str]:
    return [f"{one.sign or ' '}{plain(one)}" for one in listing.lines]


def targets(value: dict[str, Any]) -> list[tuple[str, str, str]]:
    pieces = [piece for line in jsonlines.show(records.text(value)).lines for piece in line.pieces]
    return [(one.type, one.id, one.version) for one in pieces if one.id]


def test_the_lines_are_the_text() -> None:
    text = records.text(NESTED)
    assert "\n".join(plain(one) for one in jsonlines.show(text).lines) == text
    assert json.loads(text) == NESTED


def test_each_piece_is_of_its_kind() -> None:
    lines = jsonlines.show('{\n  "a": "b",\n  "n": -1.50,\n  "t": null\n}').lines
    assert lines[1].pieces == [Piece("mark", "  "), Piece("key", '"a": '), Piece("text", '"b"'), Piece("mark", ",")]
    assert [line.pieces[2] for line in lines[2:4]] == [Piece("number", "-1.50"), Piece("word", "null")]


@pytest.mark.parametrize(
    ("key", "value", "target"),
    [
        ("reference", "Patient/homer", ("Patient", "homer", "")),
        ("reference", "Patient/homer/_history/3", ("Patient", "homer", "3")),
        ("url", "Binary/x-ray", ("Binary", "x-ray", "")),
        ("url", "http://127.0.0.1:8000/fhir/R4/Binary/x-ray", ("Binary", "x-ray", "")),
    ],
)
def test_a_reference_to_a_resource_of_this_server_leads_on(key: str, value: str, target: tuple[str, str, str]) -> None:
    assert targets({key: value}) == [target]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("reference", "javascript:alert(1)"),
        ("reference", "http://elsewhere.example/Patient/1"),
        ("reference", "Patient/1/2"),
        ("reference", "Patient/"),
        ("reference", "Patient/..\u200b/x"),
        ("reference", "Nothing/1"),
        ("reference", "#contained"),
        ("reference", "urn:uuid:1"),
        ("reference", "Patient/" + "1" * 65),
        ("url", "Patient/1"),
        ("display", "Patient/1"),
    ],
)
def test_anything_else_does_not(key: str, value: str) -> None:
    assert targets({key: value}) == []


def test_characters_that_play_tricks_are_escaped_and_mean_the_same() -> None:
    value = {"text": "pay \u202e001\u202c \ufeff\u2028\x7f\u2066 שלום 👨‍👩‍👧"}
    text = records.text(value)
    assert "pay \\u202e001\\u202c \\ufeff\\u2028\\u007f\\u2066 שלום 👨‍👩‍👧" in text
    assert json.loads(text) == value


def test_a_comparison_marks_what_only_one_text_has() -> None:
    before = records.text({"id": "1", "status": "in-progress", "topic": "x"})
    after = records.text({"id": "1", "status": "completed", "topic": "x", "sent": "now"})
    found = jsonlines.compare(before, after)
    assert printed(found) == [
        " {",
        '   "id": "1",',
        '-  "status": "in-progress",',
        '+  "status": "completed",',
        '   "topic": "x",',
        '+  "sent": "now"',
        " }",
    ]
    assert (found.added, found.removed, found.shortened) == (2, 1, False)


def test_equal_texts_have_no_differences() -> None:
    text = records.text(NESTED)
    found = jsonlines.compare(text, text)
    assert (found.added, found.removed) == (0, 0)
    assert [one.folded for one in found.lines] == [len(text.split("\n"))]
    assert printed(jsonlines.compare(text, text, whole=True)) == [f" {line}" for line in text.split("\n")]


def test_equal_lines_far_from_a_change_are_folded() -> None:
    before = {f"k{number:02d}": number for number in range(40)}
    found = jsonlines.compare(records.text(before), records.text({**before, "k20": "new"}))
    assert [(one.sign, one.folded) for one in found.lines if one.sign or one.folded] == [
        ("", 18),
        ("-", 0),
        ("+", 0),
        ("", 17),
    ]
    assert found.shortened
    assert not jsonlines.compare(records.text(before), records.text({**before, "k20": "new"}), whole=True).shortened


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    text = records.text({"payload": "x" * 1_000_000, "after": 1})
    found = jsonlines.show(text)
    assert found.shortened
    assert found.lines[1].cut == 1_000_002 - jsonlines.LETTERS
    assert len(plain(found.lines[1])) < jsonlines.LETTERS + 20
    assert plain(jsonlines.show(text, whole=True).lines[1]) == text.split("\n")[1]


def test_many_lines_are_cut_and_counted() -> None:
    text = records.text({"list": list(range(20_000))})
    lines = len(text.split("\n"))
    for whole, most in ((False, jsonlines.LINES), (True, jsonlines.ALL_LINES)):
        found = jsonlines.show(text, whole=whole)
        assert (len(found.lines), found.left_out) == (most, lines - most)
        assert found.shortened


def test_a_cut_reference_leads_nowhere() -> None:
    assert targets({"reference": "Patient/1" + "x" * 5_000}) == []


@pytest.mark.parametrize("length", [1_900, 50_000])
def test_texts_that_have_nothing_in_common_are_compared_quickly(length: int) -> None:
    before = records.text({"list": [str(number % 7) for number in range(length)]})
    after = records.text({"list": [str(number % 5) for number in range(length)]})
    started = time.perf_counter()
    found = jsonlines.compare(before, after)
    assert time.perf_counter() - started < 5
    assert found.added and found.removed
    assert found.left_out == 0 or len(found.lines) == jsonlines.LINES
