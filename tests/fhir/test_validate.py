"""What is a valid R4 resource, and what is said about one that is not."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.fhir import r4data
from inbox.fhir.outcome import Invalid
from inbox.fhir.validate import RESOURCE_TYPES, check_id, problems, references, valid_id, validate

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))
REFUSED_EXAMPLES: dict[str, str] = {}
"""Official examples that break a rule of R4, by name, with the rule: none."""

ALICE, BOB, HOMER = ({"reference": r} for r in ("Practitioner/alice", "Practitioner/bob", "Patient/homer"))


def read(path: Path) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return resource


def message(**changes: Any) -> dict[str, Any]:
    """A message from Alice to Homer; a keyword replaces an element."""
    return {
        "resourceType": "Communication",
        "id": "m1",
        "meta": {"versionId": "1", "lastUpdated": "2026-11-16T17:42:00.123Z"},
        "status": "completed",
        "partOf": [{"reference": "Communication/t1"}],
        "subject": {**HOMER, "display": "Homer Simpson"},
        "topic": {"text": "Blood test"},
        "sender": {**ALICE, "display": "Dr. Alice Smith"},
        "recipient": [HOMER, BOB],
        "sent": "2026-11-16T17:42:00.123Z",
        "payload": [
            {"contentString": "Your results are in.\nAll fine. 🎉"},
            {"contentAttachment": {"contentType": "image/png", "url": "Binary/1", "size": 1000}},
        ],
        **changes,
    }


def task(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Task", "status": "requested", "intent": "order", **changes}


def patient(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **changes}


def payload(**content: Any) -> list[dict[str, Any]]:
    return [{"contentString": "Hello"}, content]


def extension(**content: Any) -> list[dict[str, Any]]:
    return [{"url": "https://example.org/x", **content}]


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = extension(valueString="deep")[0]
    for _ in range(levels):
        inner = {"url": "https://example.org/x", "extension": [inner]}
    return inner


def refusal(resource: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as refused:
        validate(resource)
    assert len(refused.value.expression) == 1
    return refused.value.expression[0], refused.value.text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_official_example_is_valid_and_stays_as_it_was(path: Path) -> None:
    resource = read(path)
    before = copy.deepcopy(resource)
    assert (problems(resource) == []) is (path.stem not in REFUSED_EXAMPLES)
    assert resource == before


def test_all_204_official_examples_are_there() -> None:
    assert len(EXAMPLES) == 204


def test_a_message_with_attachments_emoji_and_newlines_is_valid() -> None:
    validate(message())


BAD: dict[str, tuple[Any, str, str]] = {
    "not an object": ([], "Resource", "A resource must be a JSON object."),
    "no type": ({"status": "completed"}, "Resource", "resourceType is required."),
    "type that is not FHIR": ({"resourceType": "Letter"}, "Resource", '"Letter" is not a resource type.'),
    "type that is not text": ({"resourceType": ["Task"]}, "Resource", '"list" is not a resource type.'),
    "type that we do not keep": (
        {"resourceType": "Claim"},
        "Claim",
        "Claim is not a resource type that this server keeps.",
    ),
    "unknown element": (
        message(colour="red"),
        "Communication.colour",
        'There is no element "colour" in Communication.',
    ),
    "unknown nested element": (
        message(payload=[{"contentString": "a", "bold": True}]),
        "Communication.payload[0].bold",
        'There is no element "bold" in Communication.payload.',
    ),
    "element name that is no name": (message(**{"a\0b": 1}), "Communication", 'There is no element "a\\u0000b"'),
    "name of a Python attribute": (
        message(resource_type="Communication"),
        "Communication.resource_type",
        "There is no element",
    ),
    "comments, which R4 JSON has not": (
        message(fhir_comments="x"),
        "Communication.fhir_comments",
        "There is no element",
    ),
    "R4B element": (
        message(extension=extension(valueRatioRange={"numerator": {}})),
        "Communication.extension[0].valueRatioRange",
        "There is no element",
    ),
    "missing status": (
        {"resourceType": "Communication", "payload": payload()[:1]},
        "Communication.status",
        "status is required.",
    ),
    "missing content": (
        message(payload=[{"id": "p"}]),
        "Communication.payload[0].content",
        "content[x] is required.",
    ),
    "two contents": (
        message(payload=[{"contentString": "a", "contentReference": {"reference": "Task/1"}}]),
        "Communication.payload[0].content",
        "Only one content[x] is allowed, not contentString and contentReference.",
    ),
    "two values": (
        task(input=[{"type": {"text": "x"}, "valueString": "a", "valueCode": "b"}]),
        "Task.input[0].value",
        "Only one value[x] is allowed, not valueCode and valueString.",
    ),
    "null": (message(sent=None), "Communication.sent", "null is not allowed here; leave the element out."),
    "null for a list": (message(recipient=None), "Communication.recipient", "null is not allowed here"),
    "null in a list": (message(recipient=[BOB, None]), "Communication.recipient[1]", "null is not allowed here"),
    "null among names": (patient(name=[{"given": ["Homer", None]}]), "Patient.name[0].given[1]", "null is not allowed"),
    "empty list": (message(payload=[]), "Communication.payload", "An empty list is not allowed; leave payload out."),
    "empty object": (message(topic={}), "Communication.topic", "An empty object is not allowed"),
    "empty text": (message(payload=payload(contentString="")), "Communication.payload[1].content", "may not be empty"),
    "one where a list is due": (message(recipient=BOB), "Communication.recipient", "recipient must be a list."),
    "list where one is due": (message(sender=[ALICE]), "Communication.sender", "sender takes one value, not a list."),
    "text where an object is due": (message(sender="alice"), "Communication.sender", "sender must be a JSON object."),
    "number for text": (message(topic={"text": 1}), "Communication.topic.text", "text must be a string."),
    "text for true": (patient(active="true"), "Patient.active", "active must be true or false."),
    "one for true": (patient(active=1), "Patient.active", "active must be true or false."),
    "text for a number": (
        message(payload=payload(contentAttachment={"size": "12"})),
        "Communication.payload[1].content.size",
        "size must be a whole number from 0 to 2147483647.",
    ),
    "negative size": (
        message(payload=payload(contentAttachment={"size": -1})),
        "Communication.payload[1].content.size",
        "size must be a whole number from 0",
    ),
    "decimal that is text": (
        message(extension=extension(valueDecimal="1.5")),
        "Communication.extension[0].value",
        "valueDecimal must be a number.",
    ),
    "decimal that is no number": (
        message(extension=extension(valueDecimal=Decimal("NaN"))),
        "Communication.extension[0].value",
        "valueDecimal must be a finite number.",
    ),
    "decimal that signals": (
        message(extension=extension(valueDecimal=Decimal("sNaN"))),
        "Communication.extension[0].value",
        "valueDecimal must be a finite number.",
    ),
    "decimal that would exhaust us": (
        message(extension=extension(valueDecimal=Decimal("1e999999"))),
        "Communication.extension[0].value",
        "valueDecimal is too large a number.",
    ),
    "unknown status": (
        message(status="finished"),
        "Communication.status",
        '"finished" is not a code for status; use one of completed, entered-in-error, in-progress, not-done, on-hold, '
        "preparation, stopped, unknown.",
    ),
    "unknown code in a data type": (
        patient(telecom=[{"system": "phone", "use": "boat"}]),
        "Patient.telecom[0].use",
        '"boat" is not a code for use; use one of home, mobile, old, temp, work.',
    ),
    "unknown code in a backbone element": (
        {"resourceType": "Encounter", "status": "finished", "class": {"code": "VR"}}
        | {"location": [{"location": {"reference": "Location/1"}, "status": "burnt"}]},
        "Encounter.location[0].status",
        '"burnt" is not a code for status',
    ),
    "code with spaces": (
        message(meta={"tag": [{"code": " x"}]}),
        "Communication.meta.tag[0].code",
        "code must be a code: no space at either end",
    ),
    "concept without a required coding": (
        {"resourceType": "Condition", "subject": HOMER, "clinicalStatus": {"text": "active"}},
        "Condition.clinicalStatus",
        "clinicalStatus needs a coding from http://terminology.hl7.org/CodeSystem/condition-clinical",
    ),
    "concept with the code of another system": (
        {
            "resourceType": "Condition",
            "subject": HOMER,
            "clinicalStatus": {"coding": [{"system": "https://example.org", "code": "active"}]},
        },
        "Condition.clinicalStatus",
        "clinicalStatus needs a coding from",
    ),
    "media type": (
        message(payload=payload(contentAttachment={"contentType": "picture"})),
        "Communication.payload[1].content.contentType",
        '"picture" is not a media type such as text/plain.',
    ),
    "wrong target": (
        message(encounter=HOMER),
        "Communication.encounter.reference",
        "encounter may not refer to a Patient; it may to Encounter.",
    ),
    "wrong target in a list": (
        message(recipient=[BOB, {"reference": "Task/1"}]),
        "Communication.recipient[1].reference",
        "recipient may not refer to a Task",
    ),
    "wrong target on another server": (
        message(sender={"reference": "https://example.org/fhir/Task/1"}),
        "Communication.sender.reference",
        "sender may not refer to a Task",
    ),
    "wrong target inside the resource": (
        message(contained=[task(id="t")], sender={"reference": "#t"}),
        "Communication.sender.reference",
        "sender may not refer to a Task",
    ),
    "wrong target by type alone": (
        message(sender={"type": "Task", "display": "x"}),
        "Communication.sender.type",
        "sender may not refer to a Task",
    ),
    "type and reference that disagree": (
        message(sender={**ALICE, "type": "Patient"}),
        "Communication.sender.type",
        "The type says Patient, the reference is to a Practitioner.",
    ),
    "nothing contained": (
        message(sender={"reference": "#alice"}),
        "Communication.sender.reference",
        'There is no contained resource with the id "alice".',
    ),
    "reference to no type": (
        message(about=[{"reference": "Letter/1"}]),
        "Communication.about[0].reference",
        '"Letter" is not a resource type.',
    ),
    "reference that is none": (
        message(about=[{"reference": "homer"}]),
        "Communication.about[0].reference",
        '"homer" is not a reference; write Type/id',
    ),
    "search where a reference is due": (
        message(subject={"reference": "Patient?name=homer"}),
        "Communication.subject.reference",
        '"Patient?name=homer" is not a reference',
    ),
    "reference with a long id": (
        message(subject={"reference": "Patient/" + "x" * 70}),
        "Communication.subject.reference",
        "The id in a reference must be 1 to 64 letters, digits, hyphens and dots.",
    ),
    "long id": (message(id="x" * 70), "Communication.id", "id must be 1 to 64 letters, digits, hyphens and dots."),
    "id with an underscore": (message(id="a_b"), "Communication.id", "id must be 1 to 64 letters"),
    "id with a line break": (message(id="ab\n"), "Communication.id", "id must be 1 to 64 letters"),
    "NUL": (
        message(payload=[{"contentString": "a\0b"}]),
        "Communication.payload[0].content",
        "contentString may not contain the NUL character.",
    ),
    "NUL in a display": (
        message(sender={**ALICE, "display": "\0"}),
        "Communication.sender.display",
        "display may not contain the NUL character.",
    ),
    "half a character": (
        message(topic={"text": "\ud83d"}),
        "Communication.topic.text",
        "text contains half of a character (a lone surrogate).",
    ),
    "text of more than a megabyte": (
        message(payload=[{"contentString": "x" * (1024 * 1024 + 1)}]),
        "Communication.payload[0].content",
        "contentString is longer than 1048576 characters.",
    ),
    "30 February": (message(sent="2026-02-30"), "Communication.sent", "sent is not a day of the calendar."),
    "29 February of a common year": (patient(birthDate="2023-02-29"), "Patient.birthDate", "is not a day"),
    "date in American order": (
        patient(birthDate="05/12/1987"),
        "Patient.birthDate",
        "birthDate must be a date such as",
    ),
    "time without zone": (
        message(sent="2026-11-16T17:42:00"),
        "Communication.sent",
        "sent must be a date, or a date with",
    ),
    "instant that is a day": (
        message(meta={"lastUpdated": "2026-11-16"}),
        "Communication.meta.lastUpdated",
        "lastUpdated must be a date with time and time zone",
    ),
    "base64 that is none": (
        message(payload=payload(contentAttachment={"data": "%%%"})),
        "Communication.payload[1].content.data",
        "data must be base64.",
    ),
    "narrative with a script": (
        message(text={"status": "generated", "div": "<div><script>alert(1)</script></div>"}),
        "Communication.text.div",
        "div may not contain scripts, forms, frames or event attributes.",
    ),
    "narrative with an event attribute": (
        message(text={"status": "generated", "div": '<div><img src="x" onerror="alert(1)"/></div>'}),
        "Communication.text.div",
        "div may not contain scripts",
    ),
    "extension without url": (
        message(extension=[{"valueString": "a"}]),
        "Communication.extension[0].url",
        "url is required.",
    ),
    "extension without value": (
        message(extension=extension()),
        "Communication.extension[0]",
        "An extension needs a value or extensions.",
    ),
    "extension with value and extensions": (
        message(extension=extension(valueString="a", extension=extension(valueString="b"))),
        "Communication.extension[0]",
        "An extension has either a value or extensions, not both.",
    ),
    "extension of a primitive": (
        message(_status={"extension": extension(valueCode=" ")}),
        "Communication.status.extension[0].value",
        "valueCode must be a code",
    ),
    "primitive's companion that is a list": (
        message(_status=[{"id": "x"}]),
        "Communication.status",
        "_status takes one value, not a list.",
    ),
    "primitive's companion of another length": (
        patient(name=[{"given": ["Homer", "Jay"], "_given": [{"id": "x"}]}]),
        "Patient.name[0].given",
        "_given must be as long as given",
    ),
    "companion of an object": (message(_sender={"id": "x"}), "Communication._sender", "There is no element"),
    "bad contained resource": (
        message(contained=[patient(id="p", gender="green")], about=[{"reference": "#p"}]),
        "Communication.contained[0].gender",
        '"green" is not a code for gender',
    ),
    "contained in contained": (
        message(contained=[patient(id="p", contained=[patient(id="q")])]),
        "Communication.contained[0].contained",
        "A contained resource may not contain another.",
    ),
    "contained resource without type": (
        message(contained=[{"id": "p"}]),
        "Communication.contained[0]",
        "resourceType is required.",
    ),
    "contained type that only the classes know": (
        message(contained=[{"resourceType": "Specimen", "id": "s", "colour": "red"}]),
        "Communication.contained[0].colour",
        "There is no such element.",
    ),
    "NUL in a contained type that only the classes know": (
        message(contained=[{"resourceType": "Specimen", "id": "s", "note": [{"text": "\0"}]}]),
        "Communication.contained[0].note[0].text",
        "This value may not contain the NUL character.",
    ),
    "resource in a Bundle": (
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": message(status="x")}]},
        "Bundle.entry[0].resource.status",
        '"x" is not a code for status',
    ),
    "nested beyond reason": (message(extension=[nested(500)]), "", "This is nested too deeply."),
}


@pytest.mark.parametrize(("resource", "expression", "text"), BAD.values(), ids=BAD.keys())
def test_a_bad_resource_is_refused_with_its_path_and_a_plain_text(resource: Any, expression: str, text: str) -> None:
    where, what = refusal(resource)
    assert where == expression or not expression
    assert text in what
    json.dumps(Invalid(what, expression=where).outcome()).encode()


GOOD: dict[str, dict[str, Any]] = {
    "primitive replaced by an extension": {
        key: value
        for key, value in task(_status={"extension": extension(valueCode="unknown")}).items()
        if key != "status"
    },
    "null that keeps a place": patient(name=[{"given": ["Homer", None], "_given": [None, {"id": "x"}]}]),
    "companions alone": patient(name=[{"_given": [{"extension": extension(valueCode="unknown")}]}]),
    "leap second": message(sent="2016-12-31T23:59:60Z"),
    "seven decimals of a second": message(sent="2026-11-16T17:42:00.1234567+14:00"),
    "year alone": message(sent="2026"),
    "29 February": patient(birthDate="2024-02-29"),
    "Meta in an extension, which R4B has not": message(extension=extension(valueMeta={"tag": [{"code": "x"}]})),
    "UUID of version 1": message(extension=extension(valueUuid="urn:uuid:c757873d-ec9a-1326-a141-556f43239520")),
    "relative URL with a query": message(payload=payload(contentAttachment={"url": "?x=ü"})),
    "no-break space": message(payload=payload(contentString="\u00a0")),
    "narrative that mentions a script": message(text={"status": "generated", "div": "<div>javascript: on a = 1</div>"}),
    "contained type that R4B has not": message(contained=[{"resourceType": "MedicinalProduct", "id": "p"}]),
    "reference to this very resource": message(contained=[task(id="t", focus={"reference": "#"})]),
    "urn of a Bundle": message(sender={"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}),
    "logical reference": message(sender={"identifier": {"system": "https://example.org", "value": "7"}}),
    "other server": message(sender={"reference": "https://example.org/fhir/Practitioner/1/_history/2"}),
    "search in a Bundle": {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": message(subject={"reference": "Patient?identifier=7"})}],
    },
    "nested as deep as people do": message(extension=[nested(50)]),
}


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_an_unusual_resource_that_r4_allows_is_accepted(resource: dict[str, Any]) -> None:
    assert problems(resource) == []


def test_a_required_code_needs_a_value_or_an_extension_and_an_id_beside_it_is_neither() -> None:
    without = {"resourceType": "Task", "intent": "order"}
    assert refusal({**without, "_status": {"id": "x"}}) == ("Task.status", "This is required.")


def test_decimals_keep_their_digits() -> None:
    observed = read(next(path for path in EXAMPLES if path.stem == "Coverage-7546D"))
    observed["extension"] = extension(valueQuantity={"value": Decimal("72.500"), "unit": "kg"})
    validate(observed)
    assert str(observed["extension"][0]["valueQuantity"]["value"]) == "72.500"


def test_all_problems_are_listed_in_order_and_not_more_than_a_hundred() -> None:
    resource = message(status="x", sent="y", colour="red")
    assert [p.expression for p in problems(resource)] == [
        "Communication.status",
        "Communication.sent",
        "Communication.colour",
    ]
    assert len(problems(message(recipient=[None] * 5000))) == 100


@pytest.mark.parametrize("id", ["a", "A.b-3", "x" * 64])
def test_an_id_of_r4_is_accepted(id: str) -> None:
    check_id(id)
    assert valid_id(id)


@pytest.mark.parametrize("id", ["", "x" * 65, "a_b", "a/b", "ä", "a\n", "\0", "\ud83d"])
def test_another_id_is_refused(id: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_id(id, expression="Patient.id")
    assert refused.value.expression == ["Patient.id"]
    assert not valid_id(id)


def test_the_supported_types_are_resources_not_data_types() -> None:
    assert {"Communication", "Task", "Patient", "Binary", "Bundle", "Parameters"} <= RESOURCE_TYPES
    assert not {"Period", "Reference", "Extension", "Meta", "Resource"} & RESOURCE_TYPES


def test_the_status_codes_of_a_type_are_those_of_its_binding() -> None:
    assert {"preparation", "completed", "entered-in-error"} <= r4data.status_codes("Communication")
    assert "draft" in r4data.status_codes("Task") - r4data.status_codes("Communication")
    assert r4data.status_codes("Patient") == r4data.status_codes("Letter") == frozenset()


def test_every_required_binding_has_its_codes_or_a_form_to_check() -> None:
    free = {"mimetypes", "currencies"}
    for definition in r4data.DEFINITIONS.values():
        for entry in definition:
            binding = entry.get("binding", {})
            if binding.get("strength") == "required":
                assert r4data.value_set(binding["valueSet"]) or binding["valueSet"].rpartition("/")[2] in free


def test_references_are_found_wherever_they_stand_with_what_they_may_name() -> None:
    resource = message(
        contained=[task(id="t", **{"for": HOMER})],
        identifier=[{"value": "1", "assigner": {"reference": "Organization/clinic"}}],
        extension=extension(valueReference={"reference": "Task/2"}),
        _status={"extension": extension(valueReference={"reference": "Task/3"})},
        payload=payload(contentReference={"reference": "DocumentReference/1"}),
    )
    found = {path: (reference["reference"], targets) for path, reference, targets in references(resource)}
    assert {path: literal for path, (literal, _) in found.items()} == {
        "Communication.partOf[0]": "Communication/t1",
        "Communication.subject": "Patient/homer",
        "Communication.sender": "Practitioner/alice",
        "Communication.recipient[0]": "Patient/homer",
        "Communication.recipient[1]": "Practitioner/bob",
        "Communication.payload[1].content": "DocumentReference/1",
        "Communication.contained[0].for": "Patient/homer",
        "Communication.identifier[0].assigner": "Organization/clinic",
        "Communication.extension[0].value": "Task/2",
        "Communication.status.extension[0].value": "Task/3",
    }
    assert found["Communication.subject"][1] == ["Patient", "Group"]
    assert found["Communication.partOf[0]"][1] == []
    assert found["Communication.identifier[0].assigner"][1] == ["Organization"]


def test_references_can_be_rewritten_in_place_in_a_bundle_before_it_is_valid() -> None:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "entry": [{"resource": message(partOf=[{"reference": "urn:uuid:1"}], status=1)}],
    }
    for path, reference, _ in references(bundle):
        if path == "Bundle.entry[0].resource.partOf[0]":
            reference["reference"] = "Communication/9"
    assert bundle["entry"][0]["resource"]["partOf"] == [{"reference": "Communication/9"}]


def test_references_of_types_that_we_do_not_know_in_detail_are_found_too() -> None:
    specimen = {"resourceType": "Specimen", "id": "s", "subject": HOMER, "extension": extension(valueReference=BOB)}
    found = {path: literal["reference"] for path, literal, _ in references(task(contained=[specimen]))}
    assert found == {
        "Task.contained[0].subject": "Patient/homer",
        "Task.contained[0].extension[0].value": "Practitioner/bob",
    }


def test_the_data_are_read_once_and_not_for_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    validate(message())
    compiled = r4data.shape.cache_info().misses

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the R4 data were read again")

    monkeypatch.setattr(r4data, "load", refuse)
    monkeypatch.setattr(json, "loads", refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    for number in range(50):
        validate(message(id=f"m{number}"))
    assert r4data.shape.cache_info().misses == compiled


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        ["Patient/1", "#x", "2026-02-30", "completed", "Specimen", "urn:uuid:1", "x" * 70, "a\0", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["resourceType", "reference", "extension", "_status", "coding", "value", "valueString", "url"]
            )
            | st.text(st.characters(), max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_changed_in_an_example_only_invalid_is_raised(data: st.DataObject) -> None:
    resource = read(data.draw(st.sampled_from(EXAMPLES)))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(resource)), label="place")
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove" and len(resource) > 1:
            del container[key]
        elif change == "add" and isinstance(container, dict):
            container[data.draw(st.text(st.characters(), max_size=8))] = data.draw(JSON_LIKE)
        else:
            container[key] = data.draw(JSON_LIKE)
    list(references(resource))
    try:
        validate(resource)
    except Invalid as refused:
        json.dumps(refused.outcome(), ensure_ascii=False).encode()


@settings(max_examples=200, deadline=None)
@given(resource=JSON_LIKE)
def test_whatever_comes_instead_of_a_resource_only_invalid_is_raised(resource: Any) -> None:
    with pytest.raises(Invalid):
        validate(resource)
