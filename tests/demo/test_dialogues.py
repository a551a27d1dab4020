"""The texts of the demo clinic as they are written and told."""

from random import Random

import pytest

from inbox.demo import dialogues, stories
from inbox.demo.dialogues import parse, tell

TEXT = """\
== Refill: $drug | medicines,heart | older; weight 3
$drug = aspirin | ibuprofen
P: [Hi|Hello], I need $drug.
!N: {doctor}, please sign.
?D: Signed.
?P: Thanks.\\nBye.
"""


def test_a_dialogue_is_read_with_its_tags_options_and_choices() -> None:
    (found,) = parse(TEXT)
    assert (found.tags, found.options, found.weight) == (["medicines", "heart"], {"older"}, 3)
    assert found.variables == {"drug": ["aspirin", "ibuprofen"]}
    assert [(line.speaker, line.internal, line.block) for line in found.lines] == [
        ("P", False, 0),
        ("N", True, 0),
        ("D", False, 1),
        ("P", False, 1),
    ]


def test_a_telling_chooses_once_for_the_dialogue_and_keeps_or_drops_a_block_whole() -> None:
    (written,) = parse(TEXT)
    lengths = set()
    for seed in range(50):
        topic, lines = tell(written, Random(seed), {"doctor": "Dr. Smith"})
        lengths.add(len(lines))
        assert topic.removeprefix("Refill: ") in lines[0].text
        assert lines[1].text == "Dr. Smith, please sign."
    assert lengths == {2, 4}


def test_a_line_that_is_not_understood_is_named() -> None:
    with pytest.raises(ValueError, match="line 2 is not understood: X: hello"):
        parse("== a | b\nX: hello\n")


def test_every_dialogue_can_be_told_without_leaving_a_placeholder() -> None:
    slots = dict.fromkeys(("first", "patient", "carer", "doctor", "nurse", "dietitian", "cardio"), "Somebody")
    for written in [*stories.STORIES, *stories.ENDINGS]:
        for seed in range(5):
            topic, lines = tell(written, Random(seed), slots)
            text = "\n".join([topic, *[line.text for line in lines]])
            assert not set("{}[]|") & set(text), text
            assert not dialogues.VARIABLE.search(text), text
