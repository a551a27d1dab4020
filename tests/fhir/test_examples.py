"""The official examples of R4: loaded in one go, they come back as they were and are found by all their values."""

import base64
from collections import defaultdict
from pathlib import Path

import pytest

from inbox import fhir
from inbox.fhir import outcome, rows, searchparams, validate
from inbox.fhir.loading import LoadError
from inbox.fhir.search import encode, matches, parse
from inbox.fhir.store import Store
from inbox.fhir.types import Resource
from inbox.models import Practice
from tests import invariants

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.postgres]

FILES = sorted((Path(__file__).parent / "examples").glob("*.json"))
REFUSED: dict[str, str] = {}
"""Examples that break a rule which we keep, by file name, with the rule."""
RANDOM_QUERIES = 3


def examples() -> list[Resource]:
    return [rows.loads(path.read_text(encoding="utf-8")) for path in FILES if path.name not in REFUSED]


def without_stamp(resource: Resource) -> Resource:
    return rows.unstamped(resource)


def test_the_examples_are_there() -> None:
    assert len(FILES) > 200


def test_what_is_refused_is_refused_for_the_rule_that_is_named() -> None:
    for path in FILES:
        try:
            validate.validate(rows.loads(path.read_text(encoding="utf-8")))
            assert path.name not in REFUSED
        except outcome.FHIRError as error:
            assert REFUSED.get(path.name, "nothing") in error.text, path.name


def test_all_examples_come_back_unchanged_but_for_meta(practice: Practice, system: Store) -> None:
    given = examples()
    assert fhir.bulk_load(practice, given, stub_missing=True) == len(given)
    for one in given:
        found = system.read(one["resourceType"], one["id"])
        if one["resourceType"] == "Binary":
            content = system.download(one["id"])[1].open().read()
            assert content == base64.b64decode(one.pop("data"))
        assert without_stamp(found) == without_stamp(one)
        assert rows.dumps(without_stamp(found)) == rows.dumps({**without_stamp(one), **without_stamp(found)})
    invariants_of_load(given)


def invariants_of_load(given: list[Resource]) -> None:
    """Loading is audited and indexed like any other write."""
    invariants.check()
    assert invariants.sizes()["Resource"] >= len(given)


def test_loading_again_changes_nothing(practice: Practice) -> None:
    fhir.bulk_load(practice, examples(), stub_missing=True)
    before = invariants.sizes()
    fhir.bulk_load(practice, examples(), stub_missing=True)
    assert invariants.sizes() == before


def test_without_stubs_the_first_missing_reference_is_named_and_nothing_stays(practice: Practice) -> None:
    before = invariants.snapshot()
    with pytest.raises(LoadError, match="Unknown reference") as error:
        fhir.bulk_load(practice, examples())
    assert error.value.expression
    assert invariants.snapshot() == before


def test_every_value_of_every_example_finds_it(practice: Practice, system: Store) -> None:
    """Each parameter of each type, asked for values that the examples have: SQL and the judgement in memory agree."""
    fhir.bulk_load(practice, examples(), stub_missing=True)
    by_type: dict[str, list[Resource]] = defaultdict(list)
    for one in examples():
        by_type[one["resourceType"]].append(system.read(one["resourceType"], one["id"]))
    asked = 0
    for type, resources in by_type.items():
        every = _all(system, type)
        for code, value in questions(resources):
            request = parse(type, [(code, value), ("_count", "1000")])
            assert parse(type, encode(request)) == request
            found = {one["id"] for one in system.search(type, [(code, value), ("_count", "1000")]).resources}
            assert found == {one["id"] for one in every if matches(request, one)}, (type, code, value)
            assert found, (type, code, value)
            asked += 1
    assert asked > 1_000


def _all(system: Store, type: str) -> list[Resource]:
    return system.search(type, [("_count", "1000")]).resources


def questions(resources: list[Resource]) -> set[tuple[str, str]]:
    """For each parameter a few values that these resources have."""
    questions = set()
    for resource in resources:
        for parameter in searchparams.parameters(resource["resourceType"]):
            if not parameter.supported or parameter.code in ("_id", "_lastUpdated", "status", "payload"):
                continue
            for row in searchparams.values(resource, parameter)[:RANDOM_QUERIES]:
                if value := value_of(parameter.type, row):
                    questions.add((parameter.code, value))
    return questions


def value_of(type: str, row: tuple[object, ...]) -> str:
    """A row of an index as the value of a query; empty where there is none."""
    escape = str.maketrans({character: f"\\{character}" for character in "\\,|$"})
    match type:
        case "reference":
            return str(row[0]).translate(escape)
        case "token":
            return f"{str(row[0]).translate(escape)}|{str(row[1]).translate(escape)}" if row[1] else ""
        case "uri":
            return str(row[1]).translate(escape)
        case "string":
            return str(row[1]).translate(escape) if row[0] else ""
        case _:
            low = row[0]
            assert isinstance(low, int)
            return f"ge{rows.instant(low)}" if low > searchparams.MIN else ""
