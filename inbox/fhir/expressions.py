"""The FHIRPath that R4's search parameters are written in, compiled to walks over parsed JSON.

Only what the specification's own data use: paths, unions, `as`, `extension(url)`, `[n]`, two forms of `where`, and
`x.exists() and x != false`. Element types come from the R4 definitions, so a choice (`deceased[x]`) is known by its
JSON properties. A walk takes any JSON: what does not fit the definitions is passed over, never an error.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import r4data

Nodes = list[Any]
Step = Callable[[Nodes], Nodes]

ALWAYS = ""
CAST = re.compile(r"\((?P<path>[\w.]+) as (?P<type>\w+)\)(?P<rest>(?:\.\w+)*)")
TRUTH = re.compile(r"(?P<path>[\w.]+)\.exists\(\) and (?P=path) != false")
STEP = re.compile(
    r"\.(?:where\(resolve\(\) is (?P<target>\w+)\)|where\((?P<name>\w+)='(?P<value>[^']*)'\)"
    r"|extension\('(?P<url>[^']+)'\)|as\((?P<cast>\w+)\)|(?P<child>\w+)(?:\[(?P<index>\d+)\])?(?![\w(]))"
)


@dataclass(frozen=True, slots=True)
class Path:
    """One way through a resource: `element` is the JSON property it starts at, `type` the R4 type of what it ends at.

    `element` is `ALWAYS` where there is a value even for an absent element; `elements` names all it looks at.
    """

    element: str
    elements: frozenset[str]
    type: str
    steps: tuple[Step, ...]
    value_set: r4data.ValueSet | None = None

    def nodes(self, resource: Mapping[str, Any]) -> Nodes:
        """What the path leads to, lists flattened."""
        found: Nodes = [resource]
        for step in self.steps:
            found = step(found)
            if not found:
                break
        return found


def compile(expression: str, type: str) -> tuple[Path, ...]:
    """The paths of an expression through one resource type; none where the expression is about other types.

    Raises ValueError for FHIRPath that is not understood.
    """
    return tuple(path for part in expression.split(" | ") for path in _alternative(part.strip(), type))


def _alternative(text: str, type: str) -> Iterator[Path]:
    truth = TRUTH.fullmatch(text)
    if truth:
        paths = list(_alternative(truth["path"], type))
        if paths:
            elements = frozenset(path.element for path in paths)
            yield Path(ALWAYS, elements, "boolean", (_truth(paths),))
        return
    cast = CAST.fullmatch(text)
    if cast:
        text = f"{cast['path']}.as({cast['type']}){cast['rest']}"
    root = re.match(r"\w+", text)
    if root is None:
        raise ValueError(f"Not understood: {text}")
    if root[0] in (type, "Resource", "DomainResource"):
        yield from _paths(text, root.end(), [Path(ALWAYS, frozenset(), type, ())])


def _paths(text: str, at: int, paths: list[Path]) -> list[Path]:
    while at < len(text):
        step = STEP.match(text, at)
        if step is None:
            raise ValueError(f"Not understood: {text[at:]} in {text}")
        paths = _after(step, paths)
        at = step.end()
    return paths


def _after(step: re.Match[str], paths: list[Path]) -> list[Path]:
    """The paths after one more step, of which a choice of types makes several."""
    if step["cast"]:
        return [path for path in paths if path.type == step["cast"]]
    if step["target"]:
        return [_then(path, _referring(step["target"])) for path in paths]
    if step["name"]:
        return [_then(path, _equal(step["name"], step["value"])) for path in paths]
    if step["url"]:
        extensions = [one for path in paths for one in _children(path, "extension")]
        return [one for path in extensions for one in _children(_then(path, _equal("url", step["url"])), "value")]
    found = [one for path in paths for one in _children(path, step["child"])]
    return found if step["index"] is None else [_then(path, _nth(int(step["index"]))) for path in found]


def _children(path: Path, name: str) -> Iterator[Path]:
    shape = r4data.shape(path.type)
    for key, element in shape.elements.items() if shape else ():
        if element.name == name:
            first = path.element or key
            steps = (*path.steps, _child(key))
            yield Path(first, frozenset((first,)), element.type, steps, element.value_set)


def _then(path: Path, step: Step) -> Path:
    return Path(path.element, path.elements, path.type, (*path.steps, step), path.value_set)


def _child(key: str) -> Step:
    def step(nodes: Nodes) -> Nodes:
        found: Nodes = []
        for node in nodes:
            value = node.get(key) if isinstance(node, dict) else None
            if isinstance(value, list):
                found += value
            elif value is not None:
                found.append(value)
        return found

    return step


def _nth(index: int) -> Step:
    return lambda nodes: nodes[index : index + 1]


def _equal(name: str, value: str) -> Step:
    return lambda nodes: [node for node in nodes if isinstance(node, dict) and node.get(name) == value]


def _referring(type: str) -> Step:
    """`where(resolve() is Type)`, told from the reference itself: nothing is read to answer it."""
    prefix, inside = f"{type}/", f"/{type}/"

    def refers(node: Any) -> bool:
        reference = node.get("reference") if isinstance(node, dict) else None
        if not isinstance(reference, str):
            return isinstance(node, dict) and node.get("type") == type
        return reference.startswith(prefix) or inside in reference or node.get("type") == type

    return lambda nodes: [node for node in nodes if refers(node)]


def _truth(paths: list[Path]) -> Step:
    def step(nodes: Nodes) -> Nodes:
        found = [one for path in paths for node in nodes for one in path.nodes(node)]
        return [bool(found) and found != [False]]

    return step
