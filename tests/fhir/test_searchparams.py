"""What resources are found by: R4's parameter table, its expressions, and the values taken from resources."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models
from hypothesis import given
from hypothesis import strategies as st

from inbox.fhir import expressions, r4data, searchparams

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))
READ_RECEIPT = {"coding": [{"system": "https://medplum.com/task-codes", "code": "read-receipt"}]}


def at(*parts: int) -> int:
    """Microseconds since 1970 of a moment in UTC."""
    return int((datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


def rows(code: str, resource: dict[str, Any]) -> list[tuple[Any, ...]]:
    parameter = searchparams.parameter(resource["resourceType"], code)
    assert parameter is not None
    return searchparams.values(resource, parameter)


# The table


def test_a_parameter_knows_its_type_expression_and_targets() -> None:
    found = searchparams.parameter("Communication", "subject")
    assert found is not None
    assert (found.type, found.base, found.expression) == ("reference", "Communication", "Communication.subject")
    assert (found.key, found.targets) == ("Communication.subject", ("Group", "Patient"))
    assert searchparams.targets("Communication", "subject") == ("Group", "Patient")


def test_every_type_has_the_parameters_of_every_resource() -> None:
    for type in r4data.RESOURCE_TYPES:
        codes = {one.code for one in searchparams.parameters(type)}
        assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"} <= codes


@pytest.mark.parametrize(("type", "code"), [("Communication", "topic"), ("Foo", "_id"), ("Patient", "part-agree")])
def test_what_r4_does_not_define_is_no_parameter(type: str, code: str) -> None:
    assert searchparams.parameter(type, code) is None
    assert searchparams.targets(type, code) == ()
    assert searchparams.elements(type, code) == frozenset()


@pytest.mark.parametrize(
    ("type", "code"),
    [
        ("Communication", "_content"),
        ("Communication", "_text"),
        ("Communication", "_query"),
        ("Patient", "_filter"),
        ("Observation", "value-quantity"),
        ("Observation", "code-value-concept"),
        ("Location", "near"),
    ],
)
def test_some_parameters_are_in_the_table_but_not_supported(type: str, code: str) -> None:
    found = searchparams.parameter(type, code)
    assert found is not None
    assert not found.supported


def test_every_supported_parameter_of_every_type_has_a_compiled_path() -> None:
    defined = {(base, one["code"]) for one in r4data.load("search-parameters.json") for base in one["base"]}
    known = {(type, code) for type, code in defined if type in r4data.RESOURCE_TYPES}
    found = {(one.base, one.code) for type in r4data.RESOURCE_TYPES for one in searchparams.parameters(type)}
    # An example of the specification that says nothing about its own base.
    assert known - found == {("Patient", "part-agree")}
    for type in r4data.RESOURCE_TYPES:
        assert all(one.paths for one in searchparams.parameters(type) if one.supported)


def test_fhirpath_beyond_the_specifications_own_is_an_error_and_not_an_empty_path() -> None:
    with pytest.raises(ValueError, match="Not understood"):
        expressions.compile("Patient.name.first().given", "Patient")


def test_a_status_parameter_is_always_the_code_that_the_row_repeats() -> None:
    for type in r4data.RESOURCE_TYPES:
        found = searchparams.parameter(type, "status")
        if found is not None:
            assert (found.type, found.elements, found.kinds) == ("token", {"status"}, {"code"})


@pytest.mark.parametrize(
    ("type", "code", "elements"),
    [
        ("Communication", "recipient", {"recipient"}),
        ("Communication", "payload", {"payload"}),
        ("Communication", "_id", {"id"}),
        ("Communication", "_lastUpdated", {"meta"}),
        ("Patient", "deceased", {"deceasedBoolean", "deceasedDateTime"}),
        ("Patient", "phone", {"telecom"}),
        ("DiagnosticReport", "assessed-condition", {"extension"}),
        ("AuditEvent", "patient", {"agent", "entity"}),
    ],
)
def test_the_elements_that_a_parameter_looks_at_are_known(type: str, code: str, elements: set[str]) -> None:
    assert searchparams.elements(type, code) == elements


# Expressions


@cache
def oracle(expression: str) -> Any:
    return fhirpathpy.compile(expression, models["r4"])


UNLIKE_THE_ORACLE = {
    "Medication.ingredient",  # it takes `as` for a single value only
    "Medication.ingredient-code",
    "Consent.source-reference",  # we leave out the attachments and
    "Immunization.date",  # the texts among the choices
    "Communication.payload",
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_our_paths_find_what_a_fhirpath_engine_finds(path: Path) -> None:
    resource = json.loads(path.read_text())
    for parameter in searchparams.parameters(resource["resourceType"]):
        expression = parameter.expression.replace("Resource.", f"{parameter.base}.")
        parts = [part.strip() for part in expression.split(" | ") if re.match(rf"\(?{parameter.base}\b", part.strip())]
        if not parameter.supported or parameter.key in UNLIKE_THE_ORACLE or "resolve()" in "".join(parts):
            continue
        expected = [] if "extension(" in expression else [one for part in parts for one in oracle(part)(resource)]
        found = [one for path in parameter.paths for one in path.nodes(resource)]
        assert sorted(map(repr, found)) == sorted(map(repr, expected)), parameter.key


def test_there_are_examples_to_compare_with() -> None:
    assert len(EXAMPLES) > 100


def test_a_reference_parameter_can_be_limited_to_one_type() -> None:
    participants = [
        {"actor": {"reference": one}} for one in ("Patient/homer", "https://x.org/fhir/Patient/1", "Location/1")
    ]
    participants.append({"actor": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "type": "Patient"}})
    appointment = {"resourceType": "Appointment", "participant": participants}
    assert rows("patient", appointment) == [
        ("Patient/homer",),
        ("https://x.org/fhir/Patient/1",),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520",),
    ]
    assert rows("location", appointment) == [("Location/1",)]


def test_only_the_choice_of_the_right_type_counts() -> None:
    condition = {"resourceType": "Condition", "onsetPeriod": {"start": "2026"}, "abatementString": "last May"}
    assert rows("onset-date", condition) == [(at(2026, 1, 1), searchparams.MAX)]
    assert rows("onset-info", condition) == []
    assert rows("abatement-date", condition) == []
    assert rows("abatement-string", condition) == [("last may", "last May")]


def test_ingredients_are_found_by_reference_or_by_code() -> None:
    item = {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}
    ingredients = [{"itemCodeableConcept": item}, {"itemReference": {"reference": "Substance/2"}}]
    medication = {"resourceType": "Medication", "ingredient": ingredients}
    assert rows("ingredient", medication) == [("Substance/2",)]
    assert rows("ingredient-code", medication) == [("http://snomed.info/sct", "1")]


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({}, "false"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2026-11-21"}, "true"),
    ],
)
def test_a_patient_is_deceased_unless_absent_or_false(element: dict[str, Any], expected: str) -> None:
    patient = {"resourceType": "Patient", **element}
    assert rows("deceased", patient) == [("", expected)]
    assert searchparams.extract(patient).tokens == [("Patient.deceased", "", expected)]


def test_an_extension_is_found_by_its_url() -> None:
    base = "http://hl7.org/fhir/StructureDefinition/observation-genetics"
    gene = {"coding": [{"system": "http://www.genenames.org", "code": "3236"}]}
    extension = [{"url": f"{base}Gene", "valueCodeableConcept": gene}, {"url": f"{base}DnaVariant", "valueString": "É"}]
    observation = {"resourceType": "Observation", "extension": extension}
    assert rows("gene-identifier", observation) == [("http://www.genenames.org", "3236")]
    assert rows("dna-variant", observation) == [("e", "É")]


def test_the_first_entry_of_a_bundle_is_its_message() -> None:
    entry = [{"resource": {"resourceType": type, "id": "1"}} for type in ("MessageHeader", "Patient")]
    assert rows("message", {"resourceType": "Bundle", "entry": entry}) == [("MessageHeader/1",)]


# Values


def test_a_message_is_found_by_all_that_the_inbox_filters_by() -> None:
    message = {
        "resourceType": "Communication",
        "id": "m1",
        "meta": {"lastUpdated": "2026-11-21T12:00:00Z", "tag": [{"code": "sms"}], "profile": ["https://x.org/p|1"]},
        "status": "in-progress",
        "identifier": [{"system": "https://twilio.com", "value": "CH123"}],
        "partOf": [{"reference": "Communication/t1"}],
        "subject": {"reference": "Patient/homer"},
        "sender": {"reference": "Practitioner/alice"},
        "recipient": [{"reference": "Patient/homer"}, {"reference": "Practitioner/bob", "display": "Bob"}],
        "category": [{"text": "local"}, {"coding": [{"system": "https://x.org", "code": "a"}, {"code": "b"}]}],
        "sent": "2026-11-21T12:00:00Z",
        "payload": [{"contentString": "Hello"}],
    }
    found = searchparams.extract(message)
    assert sorted(found.references) == [
        ("Communication.part-of", "Communication/t1"),
        ("Communication.patient", "Patient/homer"),
        ("Communication.recipient", "Patient/homer"),
        ("Communication.recipient", "Practitioner/bob"),
        ("Communication.sender", "Practitioner/alice"),
        ("Communication.subject", "Patient/homer"),
    ]
    assert sorted(found.tokens) == [
        ("Communication._profile", "", "https://x.org/p|1"),
        ("Communication._tag", "", "sms"),
        ("Communication.category", "", ""),
        ("Communication.category", "", "b"),
        ("Communication.category", "https://x.org", "a"),
        ("Communication.identifier", "https://twilio.com", "CH123"),
    ]
    noon = at(2026, 11, 21, 12)
    assert found.strings == [("Communication.category:text", "local", "local")]
    assert found.dates == [("Communication.sent", noon, noon + 1_000_000)]


def test_the_words_of_codes_and_what_references_name_by_identifier_are_found() -> None:
    mrn = {"type": {"text": "Chart no."}, "system": "urn:mrn", "value": "7"}
    header = {
        "resourceType": "Communication",
        "subject": {"type": "Patient", "identifier": mrn},
        "sender": {"reference": "Patient/1", "identifier": {"value": "8"}},
        "identifier": [mrn],
        "category": [{"text": "Lab", "coding": [{"code": "a", "display": "Labör"}, {"display": ["odd"]}]}],
        "meta": {"tag": [{"code": "x", "display": "VIP"}]},
    }
    found = searchparams.extract(header)
    assert sorted(row for row in found.tokens if ":identifier" in row[0]) == [
        ("Communication.patient:identifier", "urn:mrn", "7"),
        ("Communication.sender:identifier", "", "8"),
        ("Communication.subject:identifier", "urn:mrn", "7"),
    ]
    assert sorted(found.strings) == [
        ("Communication._tag:text", "vip", "VIP"),
        ("Communication.category:text", "lab", "Lab"),
        ("Communication.category:text", "labor", "Labör"),
        ("Communication.identifier:text", "chart no.", "Chart no."),
    ]


def test_an_ordinary_message_has_no_rows_for_words_and_identifiers_of_references() -> None:
    message = {
        "resourceType": "Communication",
        "status": "in-progress",
        "partOf": [{"reference": "Communication/t1"}],
        "sender": {"reference": "Practitioner/alice", "display": "Alice"},
        "recipient": [{"reference": "Patient/homer", "display": "Homer"}],
        "identifier": [{"system": "urn:client", "value": "1"}],
        "payload": [{"contentString": "Hello"}],
    }
    found = searchparams.extract(message)
    assert found.strings == []
    assert [row[0] for row in found.tokens] == ["Communication.identifier"]


def test_a_task_is_found_by_owner_code_and_priority_but_its_status_is_a_column() -> None:
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": READ_RECEIPT,
    }
    assert sorted(searchparams.extract(task).tokens) == [
        ("Task.code", "https://medplum.com/task-codes", "read-receipt"),
        ("Task.intent", "", "order"),
        ("Task.priority", "", "urgent"),
    ]
    assert rows("status", task) == [("", "requested")]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": "Patient/1"}, [("Patient/1",)]),
        ({"reference": "Patient/1/_history/2"}, [("Patient/1",)]),
        ({"reference": "https://x.org/fhir/Patient/1"}, [("https://x.org/fhir/Patient/1",)]),
        ({"reference": "https://x.org/Patient/1/_history/2"}, [("https://x.org/Patient/1/_history/2",)]),
        ({"reference": "#contained"}, []),
        ({"identifier": {"value": "1"}}, []),
        ({"display": "Homer"}, []),
    ],
)
def test_a_reference_is_found_by_what_is_written_without_a_version(
    reference: dict[str, Any], expected: list[tuple[str]]
) -> None:
    assert rows("subject", {"resourceType": "Communication", "subject": reference}) == expected


def test_references_of_one_parameter_come_with_its_key() -> None:
    task = {"resourceType": "Task", "focus": {"reference": "Communication/t1"}, "intent": "order"}
    assert searchparams.references(task, "focus") == [("Task.focus", "Communication/t1")]
    assert searchparams.references(task, "intent") == []
    assert searchparams.references(task, "unknown") == []


def test_a_canonical_is_found_with_and_without_its_version() -> None:
    message = {"resourceType": "Communication", "instantiatesCanonical": ["https://x.org/a|2", "https://x.org/b"]}
    assert rows("instantiates-canonical", message) == [
        ("https://x.org/a|2",),
        ("https://x.org/a",),
        ("https://x.org/b",),
    ]


def test_a_phone_number_is_found_as_written_and_without_punctuation() -> None:
    telecom = [{"system": "phone", "value": "+1 (555) 010-0100"}, {"system": "email", "value": "Homer@X.org"}]
    patient = {"resourceType": "Patient", "telecom": [*telecom, {"system": "phone", "value": "911"}, {"use": "home"}]}
    assert rows("phone", patient) == [("phone", "+1 (555) 010-0100"), ("phone", "+15550100100"), ("phone", "911")]
    assert rows("email", patient) == [("email", "Homer@X.org"), ("email", "homer@x.org")]


def test_every_part_of_a_name_and_an_address_is_found() -> None:
    name = {"text": "Dr Óscar  Núñez", "family": "Núñez", "given": ["Óscar", "J."], "prefix": ["Dr"], "use": "official"}
    patient = {
        "resourceType": "Patient",
        "name": [name],
        "address": [{"line": ["Calle 1"], "city": "León", "use": "home"}],
    }
    assert rows("name", patient) == [
        ("dr oscar nunez", "Dr Óscar  Núñez"),
        ("nunez", "Núñez"),
        ("oscar", "Óscar"),
        ("j.", "J."),
        ("dr", "Dr"),
    ]
    assert rows("address", patient) == [("calle 1", "Calle 1"), ("leon", "León")]
    assert rows("family", patient) == [("nunez", "Núñez")]
    assert rows("address-use", patient) == [("", "home")]


def test_booleans_and_uris_are_tokens() -> None:
    assert rows("active", {"resourceType": "Practitioner", "active": True}) == [("", "true")]
    message = {"resourceType": "Communication", "instantiatesUri": ["https://x.org"]}
    assert searchparams.extract(message).tokens == [("Communication.instantiates-uri", "", "https://x.org")]


def test_a_timing_is_found_by_its_outer_bounds() -> None:
    timing = {
        "event": ["2026-11-21", "2026-11-23"],
        "repeat": {"boundsPeriod": {"start": "2026-11-20", "end": "2026-11-22"}},
    }
    request = {"resourceType": "ServiceRequest", "occurrenceTiming": timing}
    assert rows("occurrence", request) == [(at(2026, 11, 20), at(2026, 11, 24))]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ({"start": "2026-11", "end": "2026-12-01"}, [(at(2026, 11, 1), at(2026, 12, 2))]),
        ({"start": "2026"}, [(at(2026, 1, 1), searchparams.MAX)]),
        ({"end": "2026"}, [(searchparams.MIN, at(2027, 1, 1))]),
        ({}, []),
    ],
)
def test_a_period_may_be_open(period: dict[str, Any], expected: list[tuple[int, int]]) -> None:
    assert rows("period", {"resourceType": "Task", "executionPeriod": period}) == expected


def test_values_longer_than_an_index_holds_stay_apart() -> None:
    one, other = ({"resourceType": "Task", "identifier": [{"value": "x" * 5000 + end}]} for end in "ab")
    ((_, first),), ((_, second),) = rows("identifier", one), rows("identifier", other)
    assert first != second
    assert len(first) == len(second) == 600
    assert searchparams.fitted(first) == first
    far = {"resourceType": "Task", "focus": {"reference": "https://x.org/" + "x" * 300}}
    assert len(rows("focus", far)[0][0]) == 200


def test_values_are_those_of_extract_and_without_the_elements_nothing_is_found() -> None:
    for path in EXAMPLES:
        resource = json.loads(path.read_text())
        found = searchparams.extract(resource)
        everything = {*found.references, *found.tokens, *found.strings, *found.dates}
        every = [one for one in searchparams.parameters(resource["resourceType"]) if one.supported]
        every += [
            found for one in every for name in ("identifier", "text") if (found := searchparams.variant(one, name))
        ]
        keyed = {
            (one.key, *row)
            for one in every
            if one.code not in searchparams.NOT_INDEXED
            for row in searchparams.values(resource, one)
        }
        assert keyed == everything
        bare = searchparams.extract({"resourceType": resource["resourceType"]})
        assert not (bare.references or bare.strings or bare.dates)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("2026-02-30"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["reference", "coding", "value", "start"]), inner)
    ),
    max_leaves=8,
)


@given(type=st.sampled_from(["Communication", "Task", "Patient", "Bundle", "ServiceRequest"]), data=st.data())
def test_json_that_is_no_valid_resource_is_passed_over(type: str, data: st.DataObject) -> None:
    shape = r4data.shape(type)
    assert shape is not None
    resource = data.draw(st.dictionaries(st.sampled_from(sorted(shape.elements)), JSON, max_size=6))
    searchparams.extract({**resource, "resourceType": type})


# Texts and dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Homer \t J.\nSimpson ", "homer j. simpson"),
        ("ÉÈê", "eee"),
        ("É", "e"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ﬁ №", "fi no"),
        ("Ωμέγα ΣΑΣ", "ωμεγα σασ"),
        ("́", ""),
    ],
)
def test_texts_are_compared_without_case_accents_and_double_spaces(text: str, expected: str) -> None:
    assert searchparams.normalise(text) == expected


@given(st.text())
def test_a_normalised_text_stays_as_it_is(text: str) -> None:
    once = searchparams.normalise(text)
    assert searchparams.normalise(once) == once


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-11", at(2026, 11, 1), at(2026, 12, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2026-11-21", at(2026, 11, 21), at(2026, 11, 22)),
        ("1969-12-31", at(1969, 12, 31), 0),
        ("9999", at(9999, 1, 1), at(9999, 12, 31) + 86_400_000_000),
        ("9999-12-31", at(9999, 12, 31), at(9999, 12, 31) + 86_400_000_000),
        ("2026-11-21T10:20", at(2026, 11, 21, 10, 20), at(2026, 11, 21, 10, 21)),
        ("2026-11-21T10:20:30", at(2026, 11, 21, 10, 20, 30), at(2026, 11, 21, 10, 20, 31)),
        ("2026-11-21T10:20:30Z", at(2026, 11, 21, 10, 20, 30), at(2026, 11, 21, 10, 20, 31)),
        ("2026-11-21T10:20:30+05:30", at(2026, 11, 21, 4, 50, 30), at(2026, 11, 21, 4, 50, 31)),
        ("2026-11-21T22:20:30-06:00", at(2026, 11, 22, 4, 20, 30), at(2026, 11, 22, 4, 20, 31)),
        ("2026-11-21T10:20:30.5Z", at(2026, 11, 21, 10, 20, 30) + 500_000, at(2026, 11, 21, 10, 20, 30) + 600_000),
        ("1970-01-01T00:00:00.000001Z", 1, 2),
        ("1970-01-01T00:00:00.000001999Z", 1, 2),
        ("2016-12-31T23:59:60Z", at(2017, 1, 1), at(2017, 1, 1) + 1_000_000),
    ],
)
def test_a_date_is_as_wide_as_it_is_precise(text: str, low: int, high: int) -> None:
    assert searchparams.interval(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        *("", "26", "2026-1", "2026-00", "2026-13", "2026-11-00", "2026-02-30", "0000"),
        *("2026-11-21T", "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:00:61Z", "2026-11-21 10:00"),
        *("2026-11-21T10:00:00+15:00", "2026-11-21T10:00:00+01:60", "２０２６", "2026\n"),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
    ],
)
def test_what_is_no_date_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        searchparams.interval(text)
