"""Between a query string and a SearchRequest. What is not understood is refused by name, never ignored.

Source: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

from . import controls, literals
from .conditions import (
    Condition,
    DateValue,
    Include,
    Link,
    MissingValue,
    ReferenceValue,
    SearchRequest,
    StringValue,
    TokenValue,
    Value,
    matches,
)
from .literals import shown
from .outcome import Invalid
from .searchparams import Parameter, parameter, parameters, variant
from .types import Params

__all__ = [
    "Condition",
    "DateValue",
    "Include",
    "Link",
    "MissingValue",
    "ReferenceValue",
    "SearchRequest",
    "StringValue",
    "TokenValue",
    "Value",
    "encode",
    "matches",
    "pairs",
    "parse",
]

MAX_PARAMETERS, MAX_LINKS, MAX_TYPES = 100, 10, 12
"""How many parameters a search takes, how many of them through references, and to how many types one may lead."""
NOT_SUPPORTED = frozenset({"_contained", "_containedType", "_list", "_type"})
MODIFIERS = {
    "reference": ("", "not", "missing"),
    "token": ("", "not", "missing"),
    "string": ("", "exact", "contains", "missing"),
    "date": ("", "missing"),
    "uri": ("", "missing"),
}
COLUMN_MODIFIERS = {"_id": ("", "not"), "_lastUpdated": ("",), "payload": ("missing",)}


class Unknown(Invalid):
    """A parameter that does not exist or is not supported: what a lenient reading may leave out."""


def parse(resource_type: str, params: Params | str, *, lenient: bool = False) -> SearchRequest:
    """A search from its parameters, either decoded pairs or a query string as in a URL.

    Raises Invalid naming the parameter, modifier or value that is not understood. With `lenient` a parameter that
    is not known is left out, and `ignored` says so.
    """
    if not parameters(resource_type):
        raise Invalid(f"Searching {shown(resource_type)} is not supported.", expression=shown(resource_type))
    found: list[Condition | Link] = []
    given: dict[str, str] = {}
    includes: Params = []
    ignored: list[str] = []
    for name, value in _limited(pairs(params) if isinstance(params, str) else params):
        _storable(name, name + value)
        if name.partition(":")[0] in controls.INCLUDES:
            includes.append((name, value))
        elif name in controls.NAMES:
            if name in given:
                raise Invalid(f'"{name}" is given twice.', expression=name)
            given[name] = value
        else:
            try:
                found.append(_criterion(resource_type, name, value))
            except Unknown as error:
                if not lenient:
                    raise
                ignored.append(error.text)
    links = tuple(one for one in found if isinstance(one, Link))
    if len(links) > MAX_LINKS:
        raise Invalid(f"A search follows {MAX_LINKS} references at most.", expression=links[-1].param.code)
    return SearchRequest(
        resource_type,
        tuple(one for one in found if isinstance(one, Condition)),
        links=links,
        ignored=tuple(ignored),
        **controls.read(resource_type, given, includes),
    )


def encode(request: SearchRequest) -> Params:
    """A search as decoded parameters, so that `parse(request.type, encode(request)) == request`."""
    return [
        *(_encoded(one) for one in request.conditions),
        *(_encoded_link(one) for one in request.links),
        *controls.write(request),
    ]


def pairs(query: str) -> Params:
    """The decoded names and values of a query string; a plus sign in a value is a space, as forms write it.

    Raises Invalid for what is not UTF-8.
    """
    found = []
    for part in query.removeprefix("?").split("&"):
        name, _, value = part.partition("=")
        try:
            found.append((unquote(name, errors="strict"), unquote_plus(value, errors="strict")))
        except UnicodeDecodeError:
            raise Invalid(f'"{shown(part)}" is not UTF-8.', expression=shown(name)) from None
    return [(name, value) for name, value in found if name or value]


def _limited(params: Params) -> Params:
    if len(params) > MAX_PARAMETERS:
        raise Invalid(f"A search takes {MAX_PARAMETERS} parameters at most.", expression=shown(params[-1][0]))
    return params


def _storable(name: str, text: str) -> None:
    if "\0" in text or (not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text)):
        name = shown(name)
        raise Invalid(f"{name!a} holds a character that no text may hold.", expression=ascii(name)[1:-1])


def _criterion(type: str, name: str, text: str) -> Condition | Link:
    if name.partition(":")[0] == "_has":
        return _reverse_chain(type, name, text)
    return _chain(type, name, text) if "." in name else _condition(type, name, text)


def _condition(type: str, name: str, text: str) -> Condition:
    code, _, modifier = name.partition(":")
    param = _known(type, code, code if code not in NOT_SUPPORTED else name)
    only = modifier if param.type == "reference" and modifier in param.targets else ""
    if other := variant(param, modifier):
        return Condition(other, "", literals.read(other, name, "", text))
    if not only and modifier not in COLUMN_MODIFIERS.get(code, MODIFIERS[param.type]):
        what = f'Modifier ":{shown(modifier)}"' if modifier else "A value without a modifier"
        raise Invalid(f'{what} is not supported for search parameter "{code}" of {type}', expression=shown(name))
    if modifier == "missing":
        return Condition(param, modifier, (literals.missing(name, text),))
    return Condition(param, "" if only else modifier, literals.read(param, name, only, text))


def _known(type: str, code: str, name: str) -> Parameter:
    code, name = shown(code), shown(name)
    if code in NOT_SUPPORTED:
        raise Unknown(f'"{name}" is not supported by this search.', expression=name)
    param = parameter(type, code)
    if param is None:
        raise Unknown(f'Unknown search parameter "{code}" for {type}', expression=name)
    if not param.supported:
        raise Unknown(f'Searching {type} by "{code}" ({param.type}) is not supported.', expression=name)
    return param


def _chain(type: str, name: str, text: str) -> Link:
    """`subject.name=x`, `subject:Patient.name=x`: a condition on what a reference leads to, one step away."""
    head, _, inner = name.partition(".")
    code, _, only = head.partition(":")
    param = _known(type, code, name)
    if param.type != "reference":
        raise Invalid(f'"{code}" of {type} is no reference that could be followed.', expression=shown(name))
    if only and only not in param.targets:
        raise Invalid(f'"{code}" of {type} does not refer to {shown(only)}.', expression=shown(name))
    if "." in inner or inner.startswith("_has"):
        raise _too_far(name)
    wanted = inner.partition(":")[0]
    types = [only] if only else [one for one in param.targets if _supported(one, wanted)]
    if not types:
        raise Unknown(f'Unknown search parameter "{shown(wanted)}" for what "{code}" refers to', expression=shown(name))
    if len(types) > MAX_TYPES:
        example = type if type in types else types[0]
        raise Invalid(f'Say which type "{code}" refers to, as in "{code}:{example}.{wanted}".', expression=shown(name))
    return Link(param, _linked(types, inner, name, text))


def _reverse_chain(type: str, name: str, text: str) -> Link:
    """`_has:Communication:part-of:status=x`: a condition on something that refers to the resource."""
    parts = name.split(":", 6)
    if "_has" in parts[1:] or "." in name:
        raise _too_far(name)
    if len(parts) not in (4, 5) or not parameters(parts[1]):
        raise Invalid(
            f'"{shown(name)}" is not understood: write it like "_has:Communication:part-of:_id".',
            expression=shown(name),
        )
    param = _known(parts[1], parts[2], name)
    if param.type != "reference" or type not in param.targets:
        raise Invalid(f'"{param.code}" of {param.base} does not refer to {type}.', expression=shown(name))
    return Link(param, _linked([param.base], ":".join(parts[3:]), name, text), reverse=True)


def _linked(types: Iterable[str], inner: str, name: str, text: str) -> tuple[Condition, ...]:
    try:
        return tuple(_condition(one, inner, text) for one in types)
    except Invalid as error:
        raise type(error)(error.text, expression=shown(name)) from None


def _supported(type: str, code: str) -> bool:
    param = parameter(type, code)
    return param is not None and param.supported and not param.source


def _too_far(name: str) -> Invalid:
    return Invalid(f'"{shown(name)}" goes further than one step.', expression=shown(name))


def _encoded(condition: Condition) -> tuple[str, str]:
    name = f"{condition.param.code}:{condition.modifier}" if condition.modifier else condition.param.code
    return name, literals.write(condition.param, condition.values)


def _encoded_link(link: Link) -> tuple[str, str]:
    inner, text = _encoded(link.conditions[0])
    code, base = link.param.code, link.conditions[0].param.base
    if link.reverse:
        return f"_has:{base}:{code}:{inner}", text
    return f"{code}:{base}.{inner}" if len(link.conditions) == 1 else f"{code}.{inner}", text
