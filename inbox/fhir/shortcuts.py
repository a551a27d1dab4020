"""FHIRPath that needs no library: the few constructs of write constraints, computed over parsed JSON as it is.

The library makes an object with its path of every element it touches, which for a thread of 500 people costs more than
all the rest of a write. What is not sure to come to the same here is left to the library (`Unsure`, or no shortcut).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhirpathpy.engine.evaluators import string_literal
from fhirpathpy.parser import parse

Items = list[Any]
Node = Mapping[str, Any]


@dataclass(frozen=True)
class At:
    """Where an expression is computed: the variables, and the items that it starts from."""

    variables: Mapping[str, Any]
    items: Items


Step = Callable[[At], Items]


class Unsure(Exception):
    """The values are not of the kind that the shortcut is made for."""


def shortcut(text: str) -> Callable[[Mapping[str, Any]], Items] | None:
    """A function from variables to the result of an expression; None where it is not made of what is known here."""
    try:
        step = _step(parse(text)["children"][0], inside=False)
    except Unsure:
        return None
    return lambda variables: step(At(variables, []))


def _step(node: Node, *, inside: bool) -> Step:
    """One node of the parse tree; `inside` a criterion (`where`, `all`), where `$this` is the item."""
    kind = node["type"]
    children: list[Node] = node.get("children", [])
    if kind in ("TermExpression", "ParenthesizedTerm", "InvocationTerm", "LiteralTerm"):
        return _step(children[0], inside=inside)
    if kind == "InvocationExpression":
        source, rest = (_step(one, inside=inside) for one in children)
        return lambda at: rest(replace(at, items=source(at)))
    if kind in OPERATORS:
        left, right = (_step(one, inside=inside) for one in children)
        operator = OPERATORS[kind].get(node["terminalNodeText"][0])
        if operator is None:
            raise Unsure
        return lambda at: operator(left(at), right(at))
    match kind:
        case "ExternalConstantTerm":
            name = _name(children[0]["children"][0])
            return lambda at: _variable(at.variables, name)
        case "MemberInvocation":
            return _member(_name(children[0]))
        case "ThisInvocation" if inside:
            return lambda at: at.items
        case "StringLiteral":
            return _constant(string_literal(None, None, node))
        case "BooleanLiteral":
            return _constant([node["text"] == "true"])
        case "FunctionInvocation":
            return _function(children[0]["children"], inside)
    raise Unsure


def _function(parts: list[Node], inside: bool) -> Step:
    name = _name(parts[0])
    given: list[Node] = parts[1]["children"] if len(parts) > 1 else []
    if name in ("exists", "empty") and not given:
        return lambda at: [bool(at.items) == (name == "exists")]
    if len(given) != 1:
        raise Unsure
    if name in ("where", "all") and not inside:
        criterion = _step(given[0], inside=True)
        return _where(criterion) if name == "where" else _all(criterion)
    if name == "startsWith" and _first(given[0]) == "StringLiteral":
        (prefix,) = _step(given[0], inside=inside)(At({}, []))
        return lambda at: [_text(at.items).startswith(prefix)] if at.items else []
    if name == "subsetOf" and _first(given[0]) == "ExternalConstantTerm":
        other = _step(given[0], inside=inside)
        return lambda at: [_subset(at.items, other(at))]
    raise Unsure


def _first(node: Node) -> str:
    """What an expression begins with: a variable and a literal are the same wherever it is computed."""
    kind = str(node["type"])
    if kind in ("StringLiteral", "ExternalConstantTerm") or not node.get("children"):
        return kind
    return _first(node["children"][0])


def _where(criterion: Step) -> Step:
    return lambda at: [one for one in at.items if criterion(replace(at, items=[one])) == [True]]


def _all(criterion: Step) -> Step:
    return lambda at: [all(criterion(replace(at, items=[one])) == [True] for one in at.items)]


def _name(node: Node) -> str:
    text = str(node["text"])
    if node["type"] != "Identifier" or not text.isidentifier() or text[:1].isupper() or text == "length":
        raise Unsure
    return text


def _constant(value: Items) -> Step:
    return lambda at: value


def _variable(variables: Mapping[str, Any], name: str) -> Items:
    value = variables[name]
    return value if isinstance(value, list) else [] if value is None else [value]


def _member(name: str) -> Step:
    def step(at: At) -> Items:
        found: Items = []
        for one in at.items:
            if not isinstance(one, dict):
                continue
            for key in (name, f"_{name}"):
                value = one.get(key)
                if isinstance(value, list):
                    found += value
                elif value is not None:
                    found.append(value)
        return found

    return step


def _text(items: Items) -> str:
    if len(items) != 1 or not isinstance(items[0], str):
        raise Unsure
    return items[0]


def _subset(items: Items, others: Items) -> bool:
    if all(isinstance(one, str) for one in (*items, *others)):
        return set(items) <= set(others)
    return all(one in others for one in items)


def _union(left: Items, right: Items) -> Items:
    if not all(isinstance(one, str) for one in (*left, *right)):
        raise Unsure
    return list(dict.fromkeys((*left, *right)))


def _equal(left: Items, right: Items) -> Items:
    if not left or not right:
        return []
    for one in (left, right):
        if len(one) != 1 or not isinstance(one[0], str | bool):
            raise Unsure
    return [type(left[0]) is type(right[0]) and left[0] == right[0]]


def _unequal(left: Items, right: Items) -> Items:
    return [not one for one in _equal(left, right)]


def _within(left: Items, right: Items) -> Items:
    if not left:
        return []
    return [_text(left) in right]


def _truth(items: Items) -> bool | None:
    if items and (len(items) != 1 or not isinstance(items[0], bool)):
        raise Unsure
    return items[0] if items else None


def _and(left: Items, right: Items) -> Items:
    one, other = _truth(left), _truth(right)
    return [False] if False in (one, other) else [] if None in (one, other) else [True]


def _or(left: Items, right: Items) -> Items:
    one, other = _truth(left), _truth(right)
    return [True] if True in (one, other) else [] if None in (one, other) else [False]


def _implies(left: Items, right: Items) -> Items:
    one = _truth(left)
    return _or([] if one is None else [not one], right)


OPERATORS: dict[str, dict[str, Callable[[Items, Items], Items]]] = {
    "AndExpression": {"and": _and},
    "OrExpression": {"or": _or},
    "ImpliesExpression": {"implies": _implies},
    "EqualityExpression": {"=": _equal, "!=": _unequal},
    "MembershipExpression": {"in": _within},
    "UnionExpression": {"|": _union},
}
