"""Between a query string and a SearchRequest. What is not understood is refused by name, never ignored.

Source: https://hl7.org/fhir/R4/search.html
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, unquote_plus

from .conditions import (
    Condition,
    DateValue,
    MissingValue,
    ReferenceValue,
    SearchRequest,
    StringValue,
    TokenValue,
    Value,
    matches,
)
from .outcome import Invalid
from .primitives import ID
from .r4data import ALL_RESOURCE_TYPES
from .searchparams import Parameter, fitted, interval, normalise, parameter, parameters, target
from .types import Params, split_reference

__all__ = [
    "Condition",
    "DateValue",
    "MissingValue",
    "ReferenceValue",
    "SearchRequest",
    "StringValue",
    "TokenValue",
    "Value",
    "encode",
    "matches",
    "parse",
]

MAX_COUNT = 1000
CONTROLS = frozenset({"_sort", "_count", "_cursor", "_total", "_summary"})
NOT_SUPPORTED = frozenset(
    {"_include", "_revinclude", "_elements", "_has", "_contained", "_containedType", "_list", "_type", "_offset"}
)
MODIFIERS = {
    "reference": ("", "not", "missing"),
    "token": ("", "not", "missing"),
    "string": ("", "exact", "contains", "missing"),
    "date": ("", "missing"),
    "uri": ("", "missing"),
}
COLUMN_MODIFIERS = {"_id": ("", "not"), "_lastUpdated": ("",), "payload": ("missing",)}
PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
PRECISIONS = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ")


def parse(resource_type: str, params: Params | str) -> SearchRequest:
    """A search from its parameters, either decoded pairs or a query string as in a URL.

    Raises Invalid naming the parameter, modifier or value that is not understood.
    """
    if not parameters(resource_type):
        raise Invalid(f"Searching {resource_type} is not supported.", expression=resource_type)
    conditions: list[Condition] = []
    controls: dict[str, str] = {}
    for name, value in _pairs(params) if isinstance(params, str) else params:
        _storable(name, name + value)
        if name not in CONTROLS:
            conditions.append(_condition(resource_type, name, value))
        elif name in controls:
            raise Invalid(f'"{name}" is given twice.', expression=name)
        else:
            controls[name] = value
    return SearchRequest(resource_type, tuple(conditions), **_controls(resource_type, controls))


def encode(request: SearchRequest) -> Params:
    """A search as decoded parameters, so that `parse(request.type, encode(request)) == request`."""
    params = [_encoded(condition) for condition in request.conditions]
    if request.sort:
        params.append(("_sort", ",".join(f"-{code}" if descending else code for code, descending in request.sort)))
    if request.count is not None:
        params.append(("_count", str(request.count)))
    if request.summary_count and request.count != 0:
        params.append(("_summary", "count"))
    if request.total:
        params.append(("_total", "accurate"))
    if request.cursor:
        params.append(("_cursor", request.cursor))
    return params


def _pairs(query: str) -> Params:
    """Decoded names and values of a query string; a plus sign in a value is a space, as forms write it."""
    found = []
    for part in query.removeprefix("?").split("&"):
        name, _, value = part.partition("=")
        try:
            found.append((unquote(name, errors="strict"), unquote_plus(value, errors="strict")))
        except UnicodeDecodeError:
            raise Invalid(f'"{part}" is not UTF-8.', expression=name) from None
    return [(name, value) for name, value in found if name or value]


def _storable(name: str, text: str) -> None:
    if "\0" in text or (not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text)):
        raise Invalid(f"{name!a} holds a character that no text may hold.", expression=ascii(name)[1:-1])


def _controls(type: str, given: dict[str, str]) -> dict[str, Any]:
    count = given.get("_count")
    if count is not None and not (re.fullmatch(r"[0-9]{1,4}", count) and int(count) <= MAX_COUNT):
        raise _bad("_count", count, f"a whole number from 0 to {MAX_COUNT}")
    if given.get("_total", "none") not in ("none", "estimate", "accurate"):
        raise _bad("_total", given["_total"], "none, estimate or accurate")
    if given.get("_summary", "count") != "count":
        raise Invalid(f'"_summary={given["_summary"]}" is not supported by this search.', expression="_summary")
    if given.get("_cursor") == "":
        raise _bad("_cursor", "", "what an earlier page gave as its next one")
    return {
        "sort": tuple(_sort_key(type, one) for one in given["_sort"].split(",")) if "_sort" in given else (),
        "count": None if count is None else int(count),
        "cursor": given.get("_cursor", ""),
        "total": given.get("_total") == "accurate",
        "summary_count": "_summary" in given or (count is not None and int(count) == 0),
    }


def _sort_key(type: str, text: str) -> tuple[str, bool]:
    code = text.removeprefix("-")
    found = parameter(type, code)
    if found is None or not (code == "_id" or (found.type == "date" and found.supported)):
        raise Invalid(f'Sorting {type} by "{code}" is not supported.', expression="_sort")
    return code, text.startswith("-")


def _condition(type: str, name: str, text: str) -> Condition:
    code, _, modifier = name.partition(":")
    if code in NOT_SUPPORTED or "." in name:
        raise Invalid(f'"{name}" is not supported by this search.', expression=name)
    param = parameter(type, code)
    if param is None:
        raise Invalid(f'Unknown search parameter "{code}" for {type}', expression=code)
    if not param.supported:
        raise Invalid(f'Searching {type} by "{code}" ({param.type}) is not supported.', expression=code)
    only = modifier if param.type == "reference" and modifier in param.targets else ""
    if not only and modifier not in COLUMN_MODIFIERS.get(code, MODIFIERS[param.type]):
        what = f'Modifier ":{modifier}"' if modifier else "A value without a modifier"
        raise Invalid(f'{what} is not supported for search parameter "{code}" of {type}', expression=name)
    if modifier == "missing":
        return Condition(param, modifier, (_missing(name, text),))
    found = tuple(dict.fromkeys(_value(param, name, only, one) for one in _split(text)))
    return Condition(param, "" if only else modifier, found)


def _missing(name: str, text: str) -> MissingValue:
    if text not in ("true", "false"):
        raise _bad(name, text, "true or false")
    return MissingValue(text == "true")


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
        raise _bad(name, text, f"a reference such as {only or (param.targets or ('Patient',))[0]}/123")
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
        raise _bad(name, text, "an id" if param.code == "_id" else "one of its codes")
    if not code and not system:
        raise _bad(name, text, "a code, a system|code or a system|")
    if param.kinds == {"boolean"} and code not in ("true", "false"):
        raise _bad(name, text, "true or false")
    if "ContactPoint" in param.kinds and re.match(r" [0-9]", code):
        code = f"+{code[1:]}"
    return TokenValue(system, fitted(code) if code else None)


def _string(name: str, text: str) -> StringValue:
    norm = normalise(text)
    if not norm:
        raise _bad(name, text, "a text with something to look for")
    return StringValue(norm, text)


def _date(name: str, text: str) -> DateValue:
    match = PREFIXED.fullmatch(_unescaped(text))
    assert match is not None
    try:
        # A plus sign that was not encoded arrives as a space.
        low, high = interval(match[2].replace(" ", "+"))
    except ValueError:
        raise _bad(name, text, "a date such as 2026-11-21 or ge2026-11-21T12:00:00Z") from None
    return DateValue(match[1] or "eq", low, high)


def _bad(name: str, text: str, wanted: str) -> Invalid:
    return Invalid(f'"{text}" is not valid for search parameter "{name}": it takes {wanted}.', expression=name)


def _split(text: str, separator: str = ",", times: int = -1) -> list[str]:
    """The parts of a value at separators that are not escaped; escapes stay."""
    if "\\" not in text:
        return text.split(separator, times)
    parts = [""]
    for piece in re.findall(r"\\.|.", text, re.DOTALL):
        if piece == separator and len(parts) - 1 != times:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text) if "\\" in text else text


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _encoded(condition: Condition) -> tuple[str, str]:
    name = f"{condition.param.code}:{condition.modifier}" if condition.modifier else condition.param.code
    return name, ",".join(_written(condition.param, value) for value in condition.values)


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
