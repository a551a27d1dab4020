"""What a search compares: texts without case and accents, dates as intervals, codes, and references as written."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

Row = tuple[Any, ...]
"""One row of an index table without its parameter: (target), (system, code), (norm, value) or (low, high)."""
Interval = tuple[int, int]

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = date(1970, 1, 1).toordinal()
FIRST, LAST = (1 - EPOCH) * DAY, (date.max.toordinal() + 1 - EPOCH) * DAY - 1
MIN, MAX = -(2**61), 2**61
"""The open ends of a Period, before and after every date."""
LONGEST, LONGEST_REFERENCE = 600, 200
"""How much of a text an index holds: PostgreSQL allows 2 700 bytes a row."""

DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
PHONES = frozenset({"phone", "sms", "fax", "pager"})
NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")


def normalise(text: str) -> str:
    """A text as it is compared: no case, no accents, single spaces, at most 600 characters."""
    if not text.isascii():
        text = _unaccented(_unaccented(text).casefold())
    return " ".join(text.lower().split())[:LONGEST].rstrip()


def _unaccented(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def fitted(text: str, longest: int = LONGEST) -> str:
    """A text that an index can hold; a longer one keeps its beginning and a hash, so that equality stays exact."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 65]}#{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def interval(text: str) -> Interval:
    """A FHIR date, dateTime or instant as [low, high) in microseconds since 1970 UTC; as wide as it is precise.

    Seconds and zone may be left out (the zone is UTC then), as searches do; a leap second is the second after.
    Raises ValueError for anything else. Source: https://hl7.org/fhir/R4/search.html#date
    """
    match = DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    if hour is None:
        return _days(year, month, day)
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        raise ValueError(f"{text!r} is not a time")
    low = _days(year, month, day)[0] - _offset(zone)
    low += (int(hour) * 3600 + int(minute) * 60 + int(second or 0)) * SECOND + int(f"{fraction or 0:0<6}"[:6])
    if not FIRST <= low <= LAST:
        raise ValueError(f"{text!r} is outside the calendar")
    if second is None:
        return low, low + 60 * SECOND
    return low, low + 10 ** (6 - min(len(fraction or ""), 6))


def _days(year: str, month: str | None, day: str | None) -> Interval:
    """The interval of a year, a month or a day."""
    if month is None:
        return _start(int(year), 1, 1), _start(int(year) + 1, 1, 1)
    if day is None:
        after = int(month) % 12 + 1
        return _start(int(year), int(month), 1), _start(int(year) + (after == 1), after, 1)
    low = _start(int(year), int(month), int(day))
    return low, low + DAY


def _start(year: int, month: int, day: int) -> int:
    return LAST + 1 if year == 10_000 else (date(year, month, day).toordinal() - EPOCH) * DAY


def _offset(zone: str | None) -> int:
    if not zone or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        raise ValueError(f"{zone} is not a time zone")
    return (-1 if zone[0] == "-" else 1) * (hours * 60 + minutes) * 60 * SECOND


def _date(value: Any) -> list[Row]:
    try:
        return [interval(value)] if isinstance(value, str) else []
    except ValueError:
        return []


def _period(value: Any) -> list[Row]:
    if not isinstance(value, dict):
        return []
    start, end = _date(value.get("start")), _date(value.get("end"))
    return [(start[0][0] if start else MIN, end[0][1] if end else MAX)] if start or end else []


def _timing(value: Any) -> list[Row]:
    """The outer bounds of a Timing."""
    if not isinstance(value, dict):
        return []
    repeat = value.get("repeat")
    found = [row for one in _list(value.get("event")) for row in _date(one)]
    found += _period(repeat.get("boundsPeriod")) if isinstance(repeat, dict) else []
    return [(min(row[0] for row in found), max(row[1] for row in found))] if found else []


def _reference(value: Any) -> list[Row]:
    """A literal reference; a version is left out, and one to a contained resource leads nowhere."""
    reference = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(reference, str) or not reference or reference[0] == "#":
        return []
    return [(target(reference),)]


def target(reference: str) -> str:
    """A literal reference as it is compared: a relative one without its version, an absolute one as it is."""
    if "/_history/" in reference and ":" not in reference:
        reference = reference.partition("/_history/")[0]
    return fitted(reference, LONGEST_REFERENCE)


def _canonical(value: Any) -> list[Row]:
    """A canonical URL with its version and without."""
    if not isinstance(value, str) or not value:
        return []
    return [(fitted(one, LONGEST_REFERENCE),) for one in dict.fromkeys((value, value.partition("|")[0])) if one]


def _inline(value: Any) -> list[Row]:
    type, id = (value.get("resourceType"), value.get("id")) if isinstance(value, dict) else (None, None)
    return [(f"{type}/{id}",)] if isinstance(type, str) and isinstance(id, str) else []


def _token(system: Any, code: Any) -> Row:
    return system if isinstance(system, str) else "", fitted(code) if isinstance(code, str) else ""


def _code(value: Any) -> list[Row]:
    return [("", fitted(value))] if isinstance(value, str) and value else []


def _boolean(value: Any) -> list[Row]:
    return [("", "true" if value else "false")] if isinstance(value, bool) else []


def _coding(value: Any) -> list[Row]:
    return [_token(value.get("system"), value.get("code"))] if isinstance(value, dict) else []


def _concept(value: Any) -> list[Row]:
    """The codes of a concept; one that is only text has an empty code, so that it does not count as missing."""
    if not isinstance(value, dict):
        return []
    return [row for one in _list(value.get("coding")) for row in _coding(one)] or [("", "")]


def _identifier(value: Any) -> list[Row]:
    return [_token(value.get("system"), value.get("value"))] if isinstance(value, dict) else []


def _contact(value: Any) -> list[Row]:
    """A phone number as written and without punctuation, an e-mail address as written and in small letters."""
    rows = _identifier(value)
    if rows and rows[0][1]:
        system, code = rows[0]
        plain = re.sub(r"[\s().-]", "", code) if system in PHONES else code.lower() if system == "email" else code
        rows += [(system, plain)] if plain and plain != code else []
    return rows


def _logical(value: Any) -> list[Row]:
    """The identifier by which a reference names what it means."""
    return _identifier(value.get("identifier")) if isinstance(value, dict) and "identifier" in value else []


def _concept_text(value: Any) -> list[Row]:
    """The words of a concept: its own text and the names of its codes."""
    if not isinstance(value, dict):
        return []
    names = [one.get("display") for one in _list(value.get("coding")) if isinstance(one, dict)]
    return [row for one in (value.get("text"), *names) for row in _text(one)]


def _coding_text(value: Any) -> list[Row]:
    return _text(value.get("display")) if isinstance(value, dict) else []


def _identifier_text(value: Any) -> list[Row]:
    type = value.get("type") if isinstance(value, dict) else None
    return _text(type.get("text")) if isinstance(type, dict) else []


def _text(value: Any) -> list[Row]:
    return [(normalise(value), value)] if isinstance(value, str) and value else []


def _parts(names: Iterable[str]) -> Callable[[Any], list[Row]]:
    def rows(value: Any) -> list[Row]:
        if not isinstance(value, dict):
            return []
        return [row for name in names for part in _list(value.get(name)) for row in _text(part)]

    return rows


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _each(rows: Callable[[Any], list[Row]], *types: str) -> dict[str, Callable[[Any], list[Row]]]:
    return dict.fromkeys(types, rows)


ROWS: dict[str, dict[str, Callable[[Any], list[Row]]]] = {
    "reference": {
        "Reference": _reference,
        "Resource": _inline,
        **_each(_canonical, "canonical", "uri", "url"),
    },
    "token": {
        "Coding": _coding,
        "CodeableConcept": _concept,
        "Identifier": _identifier,
        "ContactPoint": _contact,
        "boolean": _boolean,
        "Communication.payload": lambda value: [("", "")],
        **_each(_code, "code", "string", "id", "uri"),
    },
    "uri": _each(_code, "uri", "url", "canonical", "oid", "uuid"),
    "string": {
        "HumanName": _parts(NAME_PARTS),
        "Address": _parts(ADDRESS_PARTS),
        **_each(_text, "string", "markdown"),
    },
    "date": {"Period": _period, "Timing": _timing, **_each(_date, "date", "dateTime", "instant")},
    "reference:identifier": {"Reference": _logical},
    "token:text": {"CodeableConcept": _concept_text, "Coding": _coding_text, "Identifier": _identifier_text},
}
"""Parameter type (and modifier) -> R4 type of the element -> the rows that one value of it makes."""
