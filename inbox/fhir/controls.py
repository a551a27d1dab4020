"""The parameters that say how to answer: order, page, parts of resources, what to bring along.

Source: https://hl7.org/fhir/R4/search.html#return
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from . import r4data
from .conditions import Include, SearchRequest
from .literals import bad, shown
from .outcome import Invalid
from .searchparams import Parameter, parameter, parameters
from .types import Params

NAMES = frozenset({"_sort", "_count", "_cursor", "_offset", "_total", "_summary", "_elements"})
INCLUDES = frozenset({"_include", "_revinclude"})
MAX_SORT, MAX_INCLUDES = 4, 16
MAX_OFFSET = 10_000
"""Rows that can be left out: each one costs as much as one that is shown. Links to the next page cost nothing."""
SORTABLE = frozenset({"date", "string", "token", "uri"})


def read(type: str, given: Mapping[str, str], includes: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The fields of a SearchRequest that these parameters set; raises Invalid naming the one that is refused."""
    if len(includes) > MAX_INCLUDES:
        raise Invalid(f"A search takes {MAX_INCLUDES} includes at most.", expression=includes[0][0])
    count = page_size(given.get("_count"))
    if given.get("_total", "none") not in ("none", "estimate", "accurate"):
        raise bad("_total", given["_total"], "none, estimate or accurate")
    if given.get("_cursor") == "":
        raise bad("_cursor", "", "what an earlier page gave as its next one")
    if "_offset" in given and "_cursor" in given:
        raise Invalid("A page has a _cursor or an _offset, not both.", expression="_offset")
    return {
        "sort": _sort(type, given["_sort"]) if "_sort" in given else (),
        "count": count,
        "cursor": given.get("_cursor", ""),
        "offset": _offset(given.get("_offset", "0")),
        "total": given.get("_total") == "accurate",
        "summary_count": given.get("_summary") == "count" or count == 0,
        "includes": tuple(dict.fromkeys(_include(type, name, value) for name, value in includes)),
        **_parts(type, given, bool(includes)),
    }


def write(request: SearchRequest) -> Params:
    """The parameters from which `read` makes these fields of a request."""
    params: Params = []
    if request.sort:
        params.append(("_sort", ",".join(f"-{code}" if descending else code for code, descending in request.sort)))
    if request.count is not None:
        params.append(("_count", str(request.count)))
    if request.summary or (request.summary_count and request.count != 0):
        params.append(("_summary", request.summary or "count"))
    if request.total:
        params.append(("_total", "accurate"))
    if request.elements:
        params.append(("_elements", ",".join(request.elements)))
    params += [_written(one) for one in request.includes]
    if request.offset:
        params.append(("_offset", str(request.offset)))
    if request.cursor:
        params.append(("_cursor", request.cursor))
    return params


def page_size(text: str | None) -> int | None:
    """How many rows `_count` asks for; raises Invalid for more than the limit, which is never cut silently."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) > settings.FHIR_MAX_COUNT:
        raise bad("_count", text, f"a whole number from 0 to {settings.FHIR_MAX_COUNT}")
    return int(text)


def _offset(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) > MAX_OFFSET:
        raise bad(
            "_offset", text, f"a whole number from 0 to {MAX_OFFSET}; beyond it follow the links to the next page"
        )
    return int(text)


def _sort(type: str, text: str) -> tuple[tuple[str, bool], ...]:
    keys = text.split(",", MAX_SORT)
    if len(keys) > MAX_SORT:
        raise Invalid(f"A search is sorted by {MAX_SORT} parameters at most.", expression="_sort")
    return tuple(_sort_key(type, one) for one in keys)


def _sort_key(type: str, text: str) -> tuple[str, bool]:
    code = text.removeprefix("-")
    found = parameter(type, code)
    if found is None or found.source or found.type not in SORTABLE or not found.supported or code == "payload":
        raise Invalid(f'Sorting {type} by "{shown(code)}" is not supported.', expression="_sort")
    return code, text.startswith("-")


def _parts(type: str, given: Mapping[str, str], includes: bool) -> dict[str, Any]:
    """`elements` and `summary`: which part of each resource is asked for."""
    summary = given.get("_summary", "false")
    if summary not in ("true", "text", "data", "count", "false"):
        raise bad("_summary", summary, "true, text, data, count or false")
    if summary == "text" and includes:
        raise Invalid("_summary=text can not be combined with includes.", expression="_summary")
    summary = "" if summary in ("false", "count") else summary
    if summary and "_elements" in given:
        raise Invalid("Ask for _summary or for _elements, not for both.", expression="_elements")
    return {"summary": summary, "elements": _elements(type, given["_elements"]) if "_elements" in given else ()}


def _elements(type: str, text: str) -> tuple[str, ...]:
    shape = r4data.shape(type)
    known = {*shape.elements, *(one.name for one in shape.elements.values())} if shape else set()
    found = tuple(dict.fromkeys(text.split(",", len(known))))
    for one in found:
        if one not in known:
            raise Invalid(f'{type} has no element "{shown(one)}".', expression="_elements")
    return found


def _include(type: str, name: str, value: str) -> Include:
    word, _, modifier = name.partition(":")
    if modifier not in ("", "iterate"):
        raise Invalid(f'Modifier ":{shown(modifier)}" is not supported for "{word}".', expression=shown(name))
    parts = value.split(":", 3)
    if len(parts) not in (2, 3) or "*" in parts:
        raise bad(name, value, f"a type and a reference parameter of it, such as {_example(type, word)}")
    found = Include(_reference(name, *parts[:2]), "".join(parts[2:]), word == "_revinclude", modifier == "iterate")
    if found.target and found.target not in found.param.targets:
        raise Invalid(
            f'"{found.param.code}" of {found.param.base} does not refer to {shown(found.target)}.', expression=name
        )
    if not found.iterate and not _starts(found, type):
        raise Invalid(f'"{name}={shown(value)}" does not start from {type}.', expression=name)
    return found


def _starts(include: Include, type: str) -> bool:
    """Whether the results of a search of this type can be where an include starts."""
    if include.reverse:
        return type in ((include.target,) if include.target else include.param.targets)
    return include.param.base == type


def _reference(name: str, type: str, code: str) -> Parameter:
    found = parameter(type, code)
    if found is None or found.type != "reference":
        raise Invalid(f'"{shown(code)}" is no reference parameter of {shown(type)}.', expression=name)
    return found


def _example(type: str, word: str) -> str:
    if word == "_revinclude":
        return "Provenance:target"
    codes = sorted(one.code for one in parameters(type) if one.type == "reference")
    return f"{type}:{codes[0]}" if codes else "Communication:sender"


def _written(include: Include) -> tuple[str, str]:
    name = ("_revinclude" if include.reverse else "_include") + (":iterate" if include.iterate else "")
    target = f":{include.target}" if include.target else ""
    return name, f"{include.param.base}:{include.param.code}{target}"
