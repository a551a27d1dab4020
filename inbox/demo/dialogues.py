"""The texts of the demo clinic: parsed from `dialogues/*.txt`, and told in ever other words.

A dialogue begins with `== topic | tag,tag | options`. Lines are `speaker: text`; `!` before the speaker makes an
internal note, `?` a line that may be left out together with the `?` lines around it. `$name = a | b` is chosen once
for a dialogue, `[a|b]` once for a line, `{first}` is filled in by the caller. Speakers: P patient or carer, D doctor,
N nurse, M second nurse, S supervisor, T dietitian, C cardiologist.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent / "dialogues"
LINE = re.compile(r"(\??)(!?)([PDNMSTC]): (.+)")
VARIABLE = re.compile(r"\$([a-z]+2?)")
WORD = re.compile(r"\$[a-z]+ = ")
CHOICE = re.compile(r"\[([^\[\]]*)\]")
OPTIONAL = 0.25

EVERYWHERE = {
    "day": "Monday | Tuesday | Wednesday | Thursday | Friday",
    "time": "8:20 | 8:40 | 9:10 | 9:50 | 10:20 | 11:00 | 11:30",
    "time2": "13:40 | 14:10 | 14:50 | 15:20 | 16:00 | 16:30",
}


@dataclass(frozen=True)
class Line:
    """One message of a dialogue; `block` numbers the optional blocks, 0 is always told."""

    speaker: str
    text: str
    internal: bool
    block: int


@dataclass
class Dialogue:
    """One conversation as written, before anything is chosen."""

    topic: str
    tags: list[str]
    options: set[str]
    weight: int
    variables: dict[str, list[str]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def speakers(self) -> set[str]:
        return {line.speaker for line in self.lines}


def load() -> dict[str, list[Dialogue]]:
    """All dialogues by the name of their file, in the order in which they stand."""
    return {path.stem: parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.txt"))}


def parse(text: str) -> list[Dialogue]:
    """The dialogues of one file; raises ValueError naming a line that it does not understand."""
    found: list[Dialogue] = []
    block, inside = 0, False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("=="):
            found.append(_head(line))
        elif WORD.match(line):
            name, _, values = line[1:].partition(" = ")
            found[-1].variables[name] = values.split(" | ")
        elif match := LINE.fullmatch(line):
            optional, internal, speaker, words = match.groups()
            block += bool(optional) and not inside
            inside = bool(optional)
            found[-1].lines.append(Line(speaker, words.replace("\\n", "\n"), bool(internal), block if inside else 0))
        elif line.strip():
            raise ValueError(f"line {number} is not understood: {line}")
    return found


def _head(line: str) -> Dialogue:
    topic, tags, *rest = (part.strip() for part in line[2:].split("|"))
    options = {word.strip() for word in (rest or [""])[0].split(";") if word.strip()}
    weights = [int(word.split()[1]) for word in options if word.startswith("weight ")]
    named = {word for word in options if not word.startswith("weight ")}
    return Dialogue(topic, [tag for tag in tags.split(",") if tag], named, weights[0] if weights else 1)


def tell(dialogue: Dialogue, random: Random, slots: Mapping[str, str]) -> tuple[str, list[Line]]:
    """The topic and the lines of one telling, every choice made."""
    variables = {name: values.split(" | ") for name, values in EVERYWHERE.items()} | dialogue.variables
    chosen = {name: random.choice(values) for name, values in variables.items()}
    kept = {line.block for line in dialogue.lines if line.block and random.random() < OPTIONAL} | {0}

    def words(text: str) -> str:
        text = VARIABLE.sub(lambda match: chosen[match[1]], text)
        text = CHOICE.sub(lambda match: random.choice(match[1].split("|")), text)
        text = text.format_map(slots).strip()
        return text[:1].upper() + text[1:]

    lines = [line for line in dialogue.lines if line.block in kept]
    return words(dialogue.topic), [Line(line.speaker, words(line.text), line.internal, line.block) for line in lines]
