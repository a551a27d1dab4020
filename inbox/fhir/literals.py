"""The values of a search parameter as text: read for a condition, and written again.

Source: https://hl7.org/fhir/R4/search.html#escaping
"""

import re
from datetime import UTC, datetime, timedelta

from .conditions import DateValue, MissingValue, ReferenceValue, StringValue, TokenValue, Value
from .outcome import Invalid
from .primitives import ID
from .r4data import ALL_RESOURCE_TYPES
from .searchparams import Parameter, fitted, interval, normalise, target
from .types import split_reference

MANY, FEW = 50_000, 100
"""How many values one parameter takes: ids and codes are one list for the database, texts and dates a test each."""
SHOWN = 80
PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
PRECISIONS = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ")


def read(param: Parameter, name: str, only: str, text: str) -> tuple[Value, ...]:
    """The values of a parameter, each once; `only` is the type that references are limited to.

    Raises Invalid naming the parameter as it was written (`name`).
    """
    parts = _split(text)
    most = FEW if param.type in ("string", "date") else MANY
    if len(parts) > most:
        raise Invalid(f'Search parameter "{shown(name)}" takes {most} values at most.', expression=shown(name))
    return tuple(dict.fromkeys(_value(param, name, only, one) for one in parts))


def missing(name: str, text: str) -> MissingValue:
    """The value of `:missing`."""
    if text not in ("true", "false"):
        raise bad(name, text, "true or false")
    return MissingValue(text == "true")


def write(param: Parameter, values: tuple[Value, ...]) -> str:
    """The text from which `read` makes these values."""
    return ",".join(_written(param, value) for value in values)


def bad(name: str, text: str, wanted: str) -> Invalid:
    """The refusal of a value."""
    name = shown(name)
    return Invalid(f'"{shown(text)}" is not valid for search parameter "{name}": it takes {wanted}.', expression=name)


def shown(text: str) -> str:
    """So much of what was asked as an error repeats."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _value(param: Parameter, name: str, only: str, text: str) -> Value:
    if not text:
        raise Invalid(f'Search parameter "{name}" has an empty value.', expression=name)
    match param.type:
        case "reference":
            return _reference(param, name, only, _unescaped(text))
        case "token":
            return _token(param, name, text)
        case "uri":
            return TokenValue(None, fitted(_unescaped(text)))
        case "string":
            return _string(name, _unescaped(text))
    return _date(name, text)


def _reference(param: Parameter, name: str, only: str, text: str) -> ReferenceValue:
    if ":" in text:
        return ReferenceValue((target(text),))
    type, id = split_reference(text)
    if not type and ID.fullmatch(text):
        return ReferenceValue((f"{only}/{text}",) if only else _any_type(param, text))
    if type not in ALL_RESOURCE_TYPES or not ID.fullmatch(id) or only not in ("", type):
        raise bad(name, text, f"a reference such as {only or (param.targets or ('Patient',))[0]}/123")
    return ReferenceValue((f"{type}/{id}",))


def _any_type(param: Parameter, id: str) -> tuple[str, ...]:
    return tuple(f"{type}/{id}" for type in param.targets)


def _token(param: Parameter, name: str, text: str) -> TokenValue:
    parts = [_unescaped(one) for one in _split(text, "|", 1)]
    system, code = (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])
    bare = param.code in ("_id", "status")
    if system in param.systems or (bare and system == ""):
        system = None
    if bare and system is not None:
        raise bad(name, text, "an id" if param.code == "_id" else "one of its codes")
    if not code and not system:
        raise bad(name, text, "a code, a system|code or a system|")
    if param.kinds == {"boolean"} and code not in ("true", "false"):
        raise bad(name, text, "true or false")
    if "ContactPoint" in param.kinds and re.match(r" [0-9]", code):
        code = f"+{code[1:]}"
    return TokenValue(system, fitted(code) if code else None)


def _string(name: str, text: str) -> StringValue:
    norm = normalise(text)
    if not norm:
        raise bad(name, text, "a text with something to look for")
    return StringValue(norm, text)


def _date(name: str, text: str) -> DateValue:
    match = PREFIXED.fullmatch(_unescaped(text))
    assert match is not None
    try:
        # A plus sign that was not encoded arrives as a space.
        low, high = interval(match[2].replace(" ", "+"))
    except ValueError:
        raise bad(name, text, "a date such as 2026-11-21 or ge2026-11-21T12:00:00Z") from None
    return DateValue(match[1] or "eq", low, high)


def _split(text: str, separator: str = ",", times: int = 0) -> list[str]:
    """The parts of a value at separators that are not escaped (at the first `times` of them); escapes stay."""
    if "\\" not in text:
        return text.split(separator, times or -1)
    parts: list[str] = []
    start = 0
    for found in re.finditer(r"\\.|" + re.escape(separator), text, re.DOTALL):
        if found[0] == separator and (not times or len(parts) < times):
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text) if "\\" in text else text


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _written(param: Parameter, value: Value) -> str:
    match value:
        case MissingValue():
            return "true" if value.missing else "false"
        case StringValue():
            return _escaped(value.value)
        case DateValue():
            return ("" if value.prefix == "eq" else value.prefix) + _instant(value.low, value.high)
        case TokenValue():
            code = _escaped(value.code or "")
            return code if value.system is None else f"{_escaped(value.system)}|{code}"
        case ReferenceValue():
            id = value.targets[0].partition("/")[2]
            if len(value.targets) > 1 and value.targets == _any_type(param, id):
                return id
            return ",".join(_escaped(one) for one in value.targets)


def _instant(low: int, high: int) -> str:
    """The shortest date that stands for exactly this interval."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=low)
    for format in PRECISIONS:
        text = f"{moment.year:04d}{moment.strftime(format.removeprefix('%Y'))}"
        if interval(text) == (low, high):
            return text
    digits = 7 - len(str(high - low))
    return f"{text[:-1]}.{f'{moment.microsecond:06d}'[:digits]}Z"
