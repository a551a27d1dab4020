"""FHIR resources from files: NDJSON (one resource a line), Bundles, single resources; each knows where it stood."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from inbox.fhir.types import Resource

SPACE = re.compile(r"[ \t\r\n]*")


class FileError(Exception):
    """A file can not be read as FHIR JSON; the text says where and why."""


@dataclass(frozen=True)
class Located:
    """A resource with where it stood, such as `clinic.ndjson line 12`."""

    resource: Resource
    place: str


def read(path: Path) -> list[Located]:
    """All resources of a file; raises FileError naming the file, the line and what is wrong."""
    if path.suffix not in (".json", ".ndjson"):
        raise FileError(
            f"{path}: the name must end in .json (a resource or a Bundle) or .ndjson (one resource a line)."
        )
    text = _text(path)
    if path.suffix == ".json":
        return list(_expand(_parse(text, str(path), 1), text, str(path), 1))
    found: list[Located] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{path} line {number}"
            found += _expand(_parse(line, str(path), number), line, place, number)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FileError(f"{path} line {line}: this is not UTF-8 text.") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}.") from None


def _parse(text: str, path: str, first_line: int) -> Any:
    """JSON with decimals as written; a name that is there twice is refused, for nobody can tell which counts."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        where = f"line {first_line + error.lineno - 1}, column {error.colno}"
        raise FileError(f"{path} {where}: this is not JSON ({error.msg}).") from None
    except RecursionError:
        raise FileError(f"{path} line {first_line}: this is nested too deeply.") from None
    except ValueError as error:
        raise FileError(f"{path} line {first_line}: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name “{twice}” is there twice in one object.")
    return found


def _expand(value: Any, text: str, place: str, first_line: int) -> Iterator[Located]:
    """A resource as it is, the entries of a Bundle one by one."""
    if not isinstance(value, dict):
        raise FileError(f"{place}: this is not a resource but a {type(value).__name__}.")
    if value.get("resourceType") != "Bundle":
        yield Located(value, place if " line " in place else f"{place} line {first_line}")
        return
    entries = value.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise FileError(f"{place}: Bundle.entry must be a list of objects.")
    lines = _entry_lines(text) if " line " not in place else []
    places = [f"{place} line {line}" for line in lines] or [place] * len(entries)
    names = _names(entries)
    for index, (entry, where) in enumerate(zip(entries, places, strict=True)):
        if not isinstance(entry.get("resource"), dict):
            raise FileError(f"{where}: Bundle.entry[{index}] has no resource.")
        yield Located(_renamed(_with_id(entry), names), f"{where} (entry {index})")


def _names(entries: list[Any]) -> dict[str, str]:
    """What the entries of a Bundle call each other (`fullUrl`), and the references that this becomes."""
    names = {}
    for entry in entries:
        resource = entry.get("resource")
        if isinstance(resource, dict) and isinstance(entry.get("fullUrl"), str):
            names[entry["fullUrl"]] = f"{resource.get('resourceType')}/{_with_id(entry).get('id')}"
    return names


def _with_id(entry: dict[str, Any]) -> Resource:
    resource: Resource = entry["resource"]
    url = str(entry.get("fullUrl", ""))
    if "id" not in resource and url.startswith("urn:uuid:"):
        return {**resource, "id": url.removeprefix("urn:uuid:")}
    return resource


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: names.get(item, item) if name == "reference" and isinstance(item, str) else _renamed(item, names)
            for name, item in value.items()
        }
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


def _entry_lines(text: str) -> list[int]:
    """The line on which each entry of a Bundle begins; the text is known to be one JSON object."""
    decoder, at = json.JSONDecoder(), _skip(text, 0) + 1
    while text[(at := _skip(text, at))] != "}":
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if name == "entry":
            return [text.count("\n", 0, begin) + 1 for begin in _items(decoder, text, at)]
        at = _comma(text, decoder.raw_decode(text, at)[1])
    return []


def _items(decoder: json.JSONDecoder, text: str, at: int) -> Iterator[int]:
    at += 1
    while text[(at := _skip(text, at))] != "]":
        yield at
        at = _comma(text, decoder.raw_decode(text, at)[1])


def _skip(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    assert match
    return match.end()


def _comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return at + 1 if text[at] == "," else at
