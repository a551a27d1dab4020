"""Loading many resources at once, all or nothing: demo clinics, imports, the examples of the specification."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from inbox.models import Practice

from . import outcome, place, rows, validate
from .remote_bundle import ENTRIES
from .repository import Write
from .store import Store
from .types import Actor, Resource, split_reference
from .writes import SYSTEM, Unit

CHUNK = 500
STUB = {"system": "https://fhir-inbox.example/tags", "code": "stub", "display": "Made by an import"}


class LoadError(outcome.Invalid):
    """A resource of a load was refused; `index` is its position."""

    def __init__(self, index: int, error: outcome.FHIRError) -> None:
        super().__init__(error.text, expression=error.expression)
        self.index = index


def bulk_load(
    practice: Practice,
    resources: Iterable[Resource],
    *,
    stub_missing: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write all resources or none, keeping their ids and `meta.lastUpdated`; nothing is derived from them.

    On a remote server they go out in transactions of fifty, each after what it refers to: all or none holds for
    each of these alone, the time is the server's own, and loading again what was loaded changes nothing.
    References may lead to any resource of the load or of the practice. With `stub_missing` a target that is neither
    becomes an empty resource tagged as a stub. Raises LoadError with the position of the resource that is refused.
    """
    everything = list(resources)
    here: dict[str, int] = {}
    for index, resource in enumerate(everything):
        _check(index, resource)
        reference = f"{resource['resourceType']}/{resource['id']}"
        if reference in here:
            raise LoadError(index, outcome.Conflict(f"{reference} is there twice."))
        here[reference] = index
    if place.remote() is not None:
        if stub_missing:
            raise outcome.Unprocessable("Nothing is made up on a remote server: load what is missing first.")
        return _load_there(practice, everything, progress)
    missing = _missing(practice, everything, here, stub_missing)
    done = 0
    with Store(Actor(practice.pk, SYSTEM)).atomic():
        for chunk in _chunks([*_stubs(missing), *everything]):
            unit = Unit(Actor(practice.pk, SYSTEM), trusted=True, stamps=True, derive=False, known=set(here))
            unit.run([Write("PUT", one["resourceType"], one["id"], one) for one in chunk])
            done += len(chunk)
            if progress:
                progress(done, len(everything) + len(missing))
    return len(everything)


def _load_there(practice: Practice, everything: Sequence[Resource], progress: Callable[[int, int], None] | None) -> int:
    ordered = _targets_first(everything)
    system = place.system(practice.pk)
    for start in range(0, len(ordered), ENTRIES):
        chunk = ordered[start : start + ENTRIES]
        try:
            system.apply([Write("PUT", one["resourceType"], one["id"], one) for _, one in chunk])
        except outcome.Busy:
            raise
        except outcome.FHIRError as error:
            raise LoadError(chunk[0][0], error) from error
        if progress:
            progress(min(start + ENTRIES, len(ordered)), len(ordered))
    return len(everything)


def _targets_first(everything: Sequence[Resource]) -> list[tuple[int, Resource]]:
    """The resources with their positions, each after those of the same load that it refers to."""
    places = {f"{one['resourceType']}/{one['id']}": index for index, one in enumerate(everything)}
    ordered: dict[int, Resource] = {}
    begun: set[int] = set()
    todo = [(index, False) for index in reversed(range(len(everything)))]
    while todo:
        index, ready = todo.pop()
        if ready:
            ordered[index] = everything[index]
        elif index not in begun:
            begun.add(index)
            todo.append((index, True))
            names = [reference.get("reference", "") for _, reference, _ in validate.references(everything[index])]
            todo += [(places[one], False) for one in names if one in places]
    return list(ordered.items())


def _check(index: int, resource: Resource) -> None:
    try:
        validate.validate(resource)
        rows.columns(resource, 0)
        rows.micros(resource.get("meta", {}).get("lastUpdated", "2000"))
        if "id" not in resource:
            raise outcome.Invalid("id is required.", expression=f"{resource['resourceType']}.id")
    except outcome.FHIRError as error:
        raise LoadError(index, error) from error


def _missing(practice: Practice, everything: Sequence[Resource], here: dict[str, int], stub: bool) -> list[str]:
    """The references that lead nowhere, which is an error unless they are to be stubbed."""
    wanted: dict[str, tuple[int, str]] = {}
    for index, resource in enumerate(everything):
        for path, reference, _ in validate.references(resource):
            type, id = split_reference(reference.get("reference", ""))
            if type and f"{type}/{id}" not in here:
                wanted.setdefault(f"{type}/{id}", (index, path))
    stored = rows.displays(practice.pk, [split_reference(one) for one in wanted])
    missing = [one for one in wanted if one not in stored]
    for one in missing if not stub else []:
        index, path = wanted[one]
        raise LoadError(index, outcome.UnknownReference(f"Unknown reference {one}", expression=path))
    return missing


def _stubs(references: Iterable[str]) -> Iterator[Resource]:
    for reference in references:
        type, id = split_reference(reference)
        yield {"resourceType": type, "id": id, "meta": {"tag": [dict(STUB)]}}


def _chunks(resources: Iterable[Resource]) -> Iterator[list[Resource]]:
    iterator = iter(resources)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
