"""R4's primitive types: what a JSON value must look like to be one (https://hl7.org/fhir/R4/datatypes.html)."""

import binascii
import datetime
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

MAX_STRING = 1024 * 1024
MAX_INTEGER = 2**31 - 1
MAX_EXPONENT = 1000

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
DAY = r"(?P<date>[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))"
PARTIAL = r"(?:" + DAY + r"|[0-9]{4}-(?:0[1-9]|1[0-2])|[0-9]{4})"
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
MOMENT = DAY + "T" + CLOCK + r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
ACTIVE = re.compile(
    r"<\s*/?\s*(?:script|form|base|link|frame|iframe|object|embed|head|body)\b|<[^<>]*\son[a-z]+\s*=\s*[\"']|=\s*[\"']\s*javascript:",
    re.IGNORECASE,
)

PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {
    "code": (re.compile(r"\S+(?:\s\S+)*"), "must be a code: no space at either end, single spaces inside"),
    "id": (ID, "must be 1 to 64 letters, digits, hyphens and dots"),
    "uri": (re.compile(r"\S+"), "must be a URI, without spaces"),
    "url": (re.compile(r"\S+"), "must be a URL, without spaces"),
    "canonical": (re.compile(r"\S+"), "must be a canonical URL, without spaces"),
    "oid": (re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"), "must be an OID such as urn:oid:1.2.3"),
    "uuid": (
        re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "must be a UUID in lower case such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    ),
    "date": (re.compile(PARTIAL), "must be a date such as 2026-11-16, 2026-11 or 2026"),
    "dateTime": (
        re.compile(PARTIAL.replace("?P<date>", "?P<partial>") + "|" + MOMENT),
        "must be a date, or a date with time and time zone such as 2026-11-16T17:42:00-06:00",
    ),
    "instant": (re.compile(MOMENT), "must be a date with time and time zone such as 2026-11-16T17:42:00.000-06:00"),
    "time": (re.compile(CLOCK), "must be a time such as 17:42:00"),
}
DATES = {"date", "dateTime", "instant"}
UNLIMITED = {"base64Binary", "xhtml"}


def flaw(type: str, value: Any) -> str:
    """What keeps a JSON value from being this primitive, to be read after the element's name; "" if nothing does."""
    check = NUMBERS.get(type)
    return check(value) if check else _text(type, value)


def _text(type: str, value: Any) -> str:
    found = text_flaw(value)
    if found:
        return found
    if len(value) > MAX_STRING and type not in UNLIMITED:
        return f"is longer than {MAX_STRING} characters"
    if type in PATTERNS:
        pattern, explanation = PATTERNS[type]
        if not pattern.fullmatch(value):
            return explanation
        return "is not a day of the calendar" if type in DATES and not _real_day(value) else ""
    if type == "base64Binary":
        return _base64(value)
    return _narrative(value) if type == "xhtml" else ""


def text_flaw(value: Any) -> str:
    """What keeps a JSON value from being any FHIR string at all; "" if nothing does."""
    if not isinstance(value, str):
        return "must be a string"
    if not value:
        return "may not be empty; leave it out"
    if "\0" in value:
        return "may not contain the NUL character"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "contains half of a character (a lone surrogate)"
    return ""


def _real_day(value: str) -> bool:
    year, month, day = [int(part) for part in f"{value}-01-01"[:10].split("-")]
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def _base64(value: str) -> str:
    try:
        data = binascii.a2b_base64("".join(value.split()), strict_mode=True)
    except ValueError:
        data = b""
    return "" if data else "must be base64"


def _narrative(value: str) -> str:
    """The parts of R4's rule txt-1 that protect readers: no scripts, forms, frames or event attributes."""
    if not value.lstrip().startswith("<div"):
        return "must be XHTML that begins with <div"
    return "may not contain scripts, forms, frames or event attributes" if ACTIVE.search(value) else ""


def _boolean(value: Any) -> str:
    return "" if value is True or value is False else "must be true or false"


def _whole(least: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_INTEGER:
            return ""
        return f"must be a whole number from {least} to {MAX_INTEGER}"

    return check


def decimal_flaw(value: Any) -> str:
    """What keeps a JSON value from being a decimal; an absurd exponent is refused, because arithmetic would not end."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return "must be a number"
    if isinstance(value, int):
        return "is too large a number" if value.bit_length() > 3 * MAX_EXPONENT else ""
    if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
        return "must be a finite number"
    if isinstance(value, Decimal) and (
        abs(value.adjusted()) > MAX_EXPONENT or len(value.as_tuple().digits) > MAX_EXPONENT
    ):
        return "is too large a number"
    return ""


NUMBERS: dict[str, Callable[[Any], str]] = {
    "boolean": _boolean,
    "integer": _whole(-MAX_INTEGER - 1),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
    "decimal": decimal_flaw,
}
