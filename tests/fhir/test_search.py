"""Query strings to searches and back, and the judgement of single resources."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.fhir import r4data, searchparams
from inbox.fhir.outcome import Invalid
from inbox.fhir.search import (
    Condition,
    DateValue,
    MissingValue,
    ReferenceValue,
    SearchRequest,
    StringValue,
    TokenValue,
    Value,
    encode,
    matches,
    parse,
)

EXAMPLES = Path(__file__).parent / "examples"
READ_RECEIPT = "https://medplum.com/task-codes|read-receipt"
DAY = searchparams.interval("2026-11-21")


def only(type: str, query: str) -> Condition:
    """The one condition of a query."""
    (condition,) = parse(type, query).conditions
    return condition


# Reading a query


@pytest.mark.parametrize(
    ("type", "query", "modifier", "values"),
    [
        ("Communication", "recipient=Practitioner/alice", "", (ReferenceValue(("Practitioner/alice",)),)),
        ("Communication", "subject=homer", "", (ReferenceValue(("Group/homer", "Patient/homer")),)),
        ("Communication", "patient=homer", "", (ReferenceValue(("Patient/homer",)),)),
        ("Communication", "subject:Patient=homer", "", (ReferenceValue(("Patient/homer",)),)),
        ("Communication", "subject:Patient=Patient/homer", "", (ReferenceValue(("Patient/homer",)),)),
        ("Communication", "subject=Patient/1/_history/2", "", (ReferenceValue(("Patient/1",)),)),
        ("Communication", "subject=https://x.org/Patient/1", "", (ReferenceValue(("https://x.org/Patient/1",)),)),
        ("Communication", "sender:not=Patient/1", "not", (ReferenceValue(("Patient/1",)),)),
        ("Communication", "part-of:missing=true", "missing", (MissingValue(True),)),
        ("Communication", "part-of%3Amissing=false", "missing", (MissingValue(False),)),
        ("Communication", "payload:missing=true", "missing", (MissingValue(True),)),
        ("Communication", "category=internal", "", (TokenValue(None, "internal"),)),
        ("Communication", "category=https://x.org|a", "", (TokenValue("https://x.org", "a"),)),
        ("Communication", "category=|a", "", (TokenValue("", "a"),)),
        ("Communication", "category=https://x.org|", "", (TokenValue("https://x.org", None),)),
        ("Communication", "category:not=a,b", "not", (TokenValue(None, "a"), TokenValue(None, "b"))),
        ("Communication", "identifier=https://twilio.com|CH123", "", (TokenValue("https://twilio.com", "CH123"),)),
        ("Communication", "identifier=https%3A%2F%2Fx.org%7C1%262", "", (TokenValue("https://x.org", "1&2"),)),
        ("Communication", "identifier=s|a|b", "", (TokenValue("s", "a|b"),)),
        ("Communication", "identifier=a\\,b\\|c\\$d\\\\e", "", (TokenValue(None, "a,b|c$d\\e"),)),
        ("Communication", "_id=m1,m2", "", (TokenValue(None, "m1"), TokenValue(None, "m2"))),
        ("Communication", "_tag=sms", "", (TokenValue(None, "sms"),)),
        ("Communication", "_profile=https://x.org/p", "", (TokenValue(None, "https://x.org/p"),)),
        ("Communication", "status:not=completed", "not", (TokenValue(None, "completed"),)),
        ("Communication", "status=http://hl7.org/fhir/event-status|completed", "", (TokenValue(None, "completed"),)),
        ("Patient", "gender=http://hl7.org/fhir/administrative-gender|male", "", (TokenValue(None, "male"),)),
        ("Patient", "gender=https://x.org|male", "", (TokenValue("https://x.org", "male"),)),
        (
            "AllergyIntolerance",
            "clinical-status=http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical|active",
            "",
            (TokenValue("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),),
        ),
        ("Patient", "active=true", "", (TokenValue(None, "true"),)),
        ("Patient", "name=José%20 Luis", "", (StringValue("jose luis", "José  Luis"),)),
        ("Patient", "name=José+Luis", "", (StringValue("jose luis", "José Luis"),)),
        ("Patient", "family:exact=Simpson", "exact", (StringValue("simpson", "Simpson"),)),
        ("Patient", "family:contains=mps", "contains", (StringValue("mps", "mps"),)),
        ("Patient", "phone=+1555", "", (TokenValue(None, "+1555"),)),
        ("Patient", "phone=%2B1555,+1666", "", (TokenValue(None, "+1555"), TokenValue(None, "+1666"))),
        ("Patient", "telecom=phone|+1555", "", (TokenValue("phone", "+1555"),)),
        ("Communication", "sent=2026-11-21", "", (DateValue("eq", *DAY),)),
        ("Communication", "sent=eq2026-11-21", "", (DateValue("eq", *DAY),)),
        ("Communication", "sent=sa2026-11-21", "", (DateValue("sa", *DAY),)),
        ("Communication", "_lastUpdated=gt1970-01-01T02:00:00+02:00", "", (DateValue("gt", 0, 1_000_000),)),
        ("Location", "name:missing=true", "missing", (MissingValue(True),)),
    ],
)
def test_a_condition_is_read(type: str, query: str, modifier: str, values: tuple[Value, ...]) -> None:
    found = only(type, query)
    assert found.param == searchparams.parameter(type, re.split("[:=%]", query)[0])
    assert (found.modifier, found.values) == (modifier, values)


def test_decoded_pairs_are_read_like_a_query_string() -> None:
    pairs = [("part-of:missing", "true"), ("recipient", "Practitioner/alice"), ("_sort", "-_lastUpdated")]
    query = "?part-of:missing=true&recipient=Practitioner%2Falice&&_sort=-_lastUpdated"
    assert parse("Communication", pairs) == parse("Communication", query)
    assert only("Patient", "phone=+1555") == parse("Patient", [("phone", " 1555")]).conditions[0]


def test_conditions_add_up_and_their_values_are_alternatives() -> None:
    found = parse("Communication", "recipient=Patient/1,Patient/2&recipient=Patient/3")
    assert [len(condition.values) for condition in found.conditions] == [2, 1]


def test_a_search_without_parameters_finds_everything() -> None:
    assert parse("Communication", "") == parse("Communication", []) == SearchRequest("Communication")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_sort=-_lastUpdated", {"sort": (("_lastUpdated", True),)}),
        ("_sort=sent,-_id", {"sort": (("sent", False), ("_id", True))}),
        ("_count=20", {"count": 20}),
        ("_count=1000&_cursor=abc", {"count": 1000, "cursor": "abc"}),
        ("_count=0", {"count": 0, "summary_count": True}),
        ("_summary=count", {"summary_count": True}),
        ("_total=accurate", {"total": True}),
        ("_total=none", {}),
        ("_total=estimate", {}),
    ],
)
def test_how_to_answer_is_read(query: str, expected: dict[str, Any]) -> None:
    assert parse("Communication", query) == SearchRequest("Communication", **expected)


@pytest.mark.parametrize(
    ("type", "query", "text", "expression"),
    [
        ("Communication", "foo=1", 'Unknown search parameter "foo" for Communication', "foo"),
        ("Communication", "topic=1", 'Unknown search parameter "topic" for Communication', "topic"),
        ("Communication", "_foo=1", "Unknown search parameter", "_foo"),
        ("Communication", "foo:missing=true", "Unknown search parameter", "foo"),
        ("Spaceship", "_id=1", "Searching Spaceship is not supported", "Spaceship"),
        ("Communication", "_content=x", 'by "_content"', "_content"),
        ("Communication", "_text=x", 'by "_text"', "_text"),
        ("Communication", "_query=x", 'by "_query"', "_query"),
        ("Communication", "_filter=x", 'by "_filter"', "_filter"),
        ("Observation", "value-quantity=1", "(quantity) is not supported", "value-quantity"),
        ("Observation", "code-value-concept=1", "(composite) is not supported", "code-value-concept"),
        ("Location", "near=1", "(special) is not supported", "near"),
        ("Communication", "_offset=10001", "from 0 to 10000", "_offset"),
        ("Communication", "subject.nonsense=x", 'Unknown search parameter "nonsense"', "subject.nonsense"),
        ("Communication", "subject:Patient.nonsense=x", 'parameter "nonsense" for', "subject:Patient.nonsense"),
        ("Communication", "subject:Device.name=x", "does not refer to Device", "subject:Device.name"),
        ("Communication", "nonsense.name=x", 'Unknown search parameter "nonsense"', "nonsense.name"),
        ("Communication", "category.name=x", "no reference", "category.name"),
        ("Communication", "subject.name:not=x", ':not" is not supported', "subject.name:not"),
        ("Communication", "subject.birthdate=x", '"x"', "subject.birthdate"),
        ("Communication", "subject.general-practitioner.name=x", "one step", "subject.general-practitioner.name"),
        ("Communication", "subject._has:Task:focus:code=x", "one step", "subject._has:Task:focus:code"),
        ("Communication", "about.name=x", 'Unknown search parameter "about"', "about.name"),
        ("Task", "focus._id=x", "Say which type", "focus._id"),
        ("Communication", "_has=x", "is not understood", "_has"),
        ("Communication", "_has:Task:focus=x", "is not understood", "_has:Task:focus"),
        ("Communication", "_has:Spaceship:focus:_id=x", "is not understood", "_has:Spaceship:focus:_id"),
        ("Communication", "_has:Task:code:_id=x", "does not refer to", "_has:Task:code:_id"),
        ("Communication", "_has:Task:owner:_id=x", "does not refer to", "_has:Task:owner:_id"),
        ("Communication", "_has:Task:owner:nonsense=x", "does not refer to", "_has:Task:owner:nonsense"),
        ("Communication", "_has:Task:focus:nonsense=x", "Unknown search parameter", "_has:Task:focus:nonsense"),
        ("Communication", "_has:Task:focus:owner.name=x", "one step", "_has:Task:focus:owner.name"),
        (
            "Communication",
            "_has:Task:focus:_has:Provenance:target:agent=x",
            "one step",
            "_has:Task:focus:_has:Provenance:target:agent",
        ),
        ("Communication", "_include=*", '"*"', "_include"),
        ("Communication", "_include=Communication:*", '"Communication:*"', "_include"),
        ("Communication", "_include=Communication", '"Communication"', "_include"),
        ("Communication", "_include=", '""', "_include"),
        ("Communication", "_include=Communication:status", "no reference parameter", "_include"),
        ("Communication", "_include=Spaceship:x", "no reference parameter", "_include"),
        ("Communication", "_include=Communication:sender:Medication", "does not refer to Medication", "_include"),
        ("Communication", "_include=Task:owner", "does not start from Communication", "_include"),
        ("Communication", "_include:recurse=Communication:sender", ":recurse", "_include:recurse"),
        ("Communication", "_revinclude=Task:owner", "does not start from Communication", "_revinclude"),
        ("Communication", "_revinclude:iterate=x", '"x"', "_revinclude:iterate"),
        ("Communication", "_elements=nonsense", 'no element "nonsense"', "_elements"),
        ("Communication", "_elements=", 'no element ""', "_elements"),
        ("Communication", "_summary=maybe", '"maybe"', "_summary"),
        ("Communication", "_summary=text&_include=Communication:sender", "can not be combined", "_summary"),
        ("Communication", "_summary=true&_elements=sent", "not for both", "_elements"),
        ("Communication", "sent:not=2026", ':not" is not supported', "sent:not"),
        ("Communication", "subject:identifier=", "empty value", "subject:identifier"),
        ("Communication", "subject:text=1", ':text" is not supported', "subject:text"),
        ("Communication", "status:text=1", ':text" is not supported', "status:text"),
        ("Communication", "category:identifier=1", ':identifier" is not supported', "category:identifier"),
        ("Communication", "subject:Practitioner=1", ':Practitioner" is not supported', "subject:Practitioner"),
        ("Communication", "category:exact=1", ':exact" is not supported', "category:exact"),
        ("Communication", "instantiates-uri:not=1", ':not" is not supported', "instantiates-uri:not"),
        ("Communication", "_id:missing=true", ':missing" is not supported', "_id:missing"),
        ("Communication", "_lastUpdated:missing=true", ':missing" is not supported', "_lastUpdated:missing"),
        ("Communication", "payload=x", '"payload"', "payload"),
        ("Communication", "payload:not=x", '"payload"', "payload:not"),
        ("Communication", "_sort:desc=sent", "Unknown search parameter", "_sort"),
        ("Communication", "part-of:missing=maybe", '"maybe"', "part-of:missing"),
        ("Communication", "part-of:missing=true,false", '"true,false"', "part-of:missing"),
        ("Communication", "recipient=", "empty value", "recipient"),
        ("Communication", "recipient", "empty value", "recipient"),
        ("Communication", "recipient=Patient/1,", "empty value", "recipient"),
        ("Communication", "recipient=Spaceship/1", '"Spaceship/1"', "recipient"),
        ("Communication", "recipient=Patient/a b", '"Patient/a b"', "recipient"),
        ("Communication", "recipient=Patient/1/2", '"Patient/1/2"', "recipient"),
        ("Communication", "recipient=Patient/", '"Patient/"', "recipient"),
        ("Communication", "subject:Patient=Group/1", '"Group/1"', "subject:Patient"),
        ("Communication", "category=|", '"|"', "category"),
        ("Communication", "_id=x|1", '"x|1"', "_id"),
        ("Communication", "status=x|completed", '"x|completed"', "status"),
        ("Communication", "status=http://hl7.org/fhir/event-status|", "event-status|", "status"),
        ("Patient", "active=yes", '"yes"', "active"),
        ("Patient", "name=%CC%81", "something to look for", "name"),
        ("Communication", "sent=yesterday", '"yesterday"', "sent"),
        ("Communication", "sent=xx2026", '"xx2026"', "sent"),
        ("Communication", "sent=2026-02-30", '"2026-02-30"', "sent"),
        ("Communication", "category=a%00b", "no text may hold", "category"),
        ("Communication", "category=%FF", "not UTF-8", "category"),
        ("Communication", "_count=-1", '"-1"', "_count"),
        ("Communication", "_count=1001", '"1001"', "_count"),
        ("Communication", "_count=many", '"many"', "_count"),
        ("Communication", "_count=", '""', "_count"),
        ("Communication", "_count=1&_count=2", "given twice", "_count"),
        ("Communication", "_total=maybe", '"maybe"', "_total"),
        ("Communication", "_cursor=", '"_cursor"', "_cursor"),
        ("Communication", "_sort=recipient", '"recipient"', "_sort"),
        ("Communication", "_sort=-password", '"password"', "_sort"),
        ("Communication", "_sort=", '""', "_sort"),
        ("Communication", "_sort=--sent", '"-sent"', "_sort"),
        ("Communication", "_sort=category:text", '"category:text"', "_sort"),
        ("Communication", "_sort=payload", '"payload"', "_sort"),
        ("Communication", "_sort=body;drop", '"body;drop"', "_sort"),
        ("Communication", "_sort=sent,_id,sent,_id,sent", "4 parameters at most", "_sort"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(type: str, query: str, text: str, expression: str) -> None:
    with pytest.raises(Invalid, match=re.escape(text)) as error:
        parse(type, query)
    assert error.value.expression == [expression]
    assert error.value.status == 400


def test_half_a_character_is_refused() -> None:
    with pytest.raises(Invalid, match="no text may hold"):
        parse("Patient", [("name", "\ud800")])


def test_an_unknown_modifier_on_a_known_parameter_is_named() -> None:
    with pytest.raises(Invalid) as error:
        parse("Communication", "subject:foo=1")
    assert error.value.text == 'Modifier ":foo" is not supported for search parameter "subject" of Communication'


# Writing it again


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)
ODD = TEXT | st.text("\\,|$ +:&=%é", min_size=1, max_size=6)
IDS = st.text("aZ09-.", min_size=1, max_size=8)
MOMENTS = st.datetimes().map(lambda one: one.isoformat() + "Z")
DATES = MOMENTS | MOMENTS.map(lambda one: one[:10]) | st.sampled_from(["2026", "2026-12", "2026-11-21T10:20"])
PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
CHOICES = {"reference": ["", "not"], "token": ["", "not"], "string": ["", "exact", "contains"]}


def escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def written(draw: st.DrawFn, parameter: searchparams.Parameter) -> str:
    """A value as a client writes it."""
    if parameter.type == "date":
        return draw(PREFIXES) + draw(DATES)
    if parameter.type == "reference":
        targets = st.sampled_from([*(f"{type}/" for type in parameter.targets[:3]), ""])
        return escaped(f"https://x.org/{draw(ODD)}") if draw(st.booleans()) else draw(targets) + draw(IDS)
    if parameter.kinds == {"boolean"}:
        return draw(st.sampled_from(["true", "false"]))
    text = escaped(draw(ODD.filter(searchparams.normalise) if parameter.type == "string" else ODD))
    if parameter.type == "token" and parameter.code not in ("_id", "status"):
        return draw(st.sampled_from([text, f"|{text}", f"{text}|", f"{text}|{text}"]))
    return text


@st.composite
def conditions(draw: st.DrawFn, type: str) -> Condition:
    parameter = draw(st.sampled_from([one for one in searchparams.parameters(type) if one.supported]))
    modifiers = CHOICES.get(parameter.type, [""]) + ["missing"] * (parameter.code not in ("_id", "_lastUpdated"))
    modifier = "missing" if parameter.code == "payload" else draw(st.sampled_from(modifiers))
    values = ["true"] if modifier == "missing" else [written(draw, parameter) for _ in range(draw(st.integers(1, 3)))]
    name = f"{parameter.code}:{modifier}" if modifier else parameter.code
    return parse(type, [(name, ",".join(values))]).conditions[0]


LINKS = {
    "Communication": [
        "subject.name=a",
        "subject:Patient.name:exact=a\\,b",
        "recipient.identifier=urn:x|1,2",
        "sender:Practitioner.active:not=true",
        "part-of:Communication.subject=Patient/1,2",
        "part-of:Communication.subject:identifier=urn:x|1",
        "part-of:Communication.category:text=a",
        "subject:Patient.birthdate=ge1980",
        "_has:Communication:part-of:_id:not=null",
        "_has:Task:focus:owner:missing=true",
        "_has:Task:focus:code:text=a b",
        "_has:Provenance:target:_lastUpdated=gt2026",
    ],
    "Task": ["focus:Communication.status:not=completed", "owner.name:contains=x", "_has:Provenance:target:_id=a"],
}
INCLUDES = {
    "Communication": [
        ("_include", "Communication:sender"),
        ("_include", "Communication:recipient:Practitioner"),
        ("_include:iterate", "PractitionerRole:organization"),
        ("_revinclude", "Communication:part-of"),
        ("_revinclude:iterate", "Provenance:target"),
    ],
    "Task": [("_include", "Task:focus"), ("_revinclude", "Provenance:target:Task")],
}


PARTS: list[dict[str, st.SearchStrategy[str]]] = [
    {"_summary": st.sampled_from(["true", "data", "count", "false"])},
    {"_elements": st.sampled_from(["id", "id,meta", "text,extension"])},
]


def variants(type: str) -> list[tuple[str, str]]:
    """Conditions on other parts of the same elements."""
    if type == "Communication":
        return [("subject:identifier", "urn:x|1"), ("category:text", "a\\|b"), ("_tag:text", "é")]
    return []


@st.composite
def requests(draw: st.DrawFn) -> SearchRequest:
    """A search that a client could have written, whatever its parameters are."""
    type = draw(st.sampled_from(["Communication", "Task", "Patient", "Observation", "Provenance"]))
    sortable = [one.code for one in searchparams.parameters(type) if one.type in ("date", "string", "token", "uri")]
    sortable = [one for one in sortable if one not in ("payload", "_content", "_text", "_query", "_filter")]
    params = encode(SearchRequest(type, tuple(draw(st.lists(conditions(type), max_size=3)))))
    links = st.sampled_from(LINKS.get(type, ["_has:Provenance:target:agent=Practitioner/1"]))
    params += [(name, value) for name, _, value in (one.partition("=") for one in draw(st.lists(links, max_size=2)))]
    params += draw(
        st.lists(st.sampled_from([*INCLUDES.get(type, []), ("_revinclude", "Provenance:target")]), max_size=3)
    )
    params += draw(st.lists(st.sampled_from(variants(type)), max_size=1)) if variants(type) else []
    for name, values in {
        "_sort": st.lists(st.tuples(st.sampled_from(["", "-"]), st.sampled_from(sortable)), min_size=1, max_size=3).map(
            lambda keys: ",".join("".join(key) for key in keys)
        ),
        "_count": st.integers(0, 1000).map(str),
        "_cursor": TEXT,
        "_total": st.sampled_from(["accurate", "none", "estimate"]),
        **draw(st.sampled_from(PARTS)),
    }.items():
        if draw(st.booleans()):
            params.append((name, draw(values)))
    return parse(type, draw(st.permutations(params)))


@given(requests())
def test_a_search_survives_being_written_and_read(request: SearchRequest) -> None:
    assert parse(request.type, encode(request)) == request


@given(st.lists(st.tuples(st.sampled_from(["sent", "subject:Patient", "category", "_sort", "_count", "x"]) | ODD, ODD)))
def test_whatever_is_asked_is_a_search_or_a_clear_refusal(params: list[tuple[str, str]]) -> None:
    for asked in (params, "&".join(f"{name}={value}" for name, value in params)):
        try:
            parse("Communication", asked)
        except Invalid as error:
            assert error.text


def test_a_search_is_written_as_a_person_would() -> None:
    query = [("status:not", "completed,stopped"), ("sent", "ge2026-11-21"), ("subject", "homer"), ("_sort", "-sent")]
    assert encode(parse("Communication", query)) == query


# Judging a resource

THREAD: dict[str, Any] = {
    "resourceType": "Communication",
    "id": "t1",
    "meta": {"lastUpdated": "2026-11-21T12:00:00.000001Z", "tag": [{"system": "https://x.org", "code": "vip"}]},
    "status": "in-progress",
    "subject": {"reference": "Patient/homer"},
    "sender": {"reference": "Practitioner/alice"},
    "recipient": [{"reference": "Practitioner/alice"}, {"reference": "Patient/homer"}],
    "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "1"}, {"code": "local"}]}],
    "sent": "2026-11-21",
}
MESSAGE = {**THREAD, "id": "m1", "partOf": [{"reference": "Communication/t1"}], "payload": [{"contentString": "Hello"}]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", True),
        ("recipient=Practitioner/alice", True),
        ("recipient=Practitioner/bob", False),
        ("recipient=Practitioner/bob,Patient/homer", True),
        ("recipient=Practitioner/alice&recipient=Patient/homer", True),
        ("recipient=Practitioner/alice&recipient=Practitioner/bob", False),
        ("recipient:not=Practitioner/alice", False),
        ("recipient:not=Practitioner/charlie", True),
        ("encounter:not=Encounter/1", True),
        ("subject=homer", True),
        ("subject:Group=homer", False),
        ("part-of:missing=true", True),
        ("part-of:missing=false", False),
        ("payload:missing=true", True),
        ("encounter:missing=true", True),
        ("category:missing=true", False),
        ("category=1", True),
        ("category=http://snomed.info/sct|1", True),
        ("category=http://snomed.info/sct|", True),
        ("category=|1", False),
        ("category=|local", True),
        ("category=https://x.org|1", False),
        ("category:not=internal,patient-only", True),
        ("category:not=internal,local", False),
        ("category=LOCAL", False),
        ("status=in-progress", True),
        ("status=completed,in-progress", True),
        ("status:not=completed,entered-in-error", True),
        ("status:not=in-progress", False),
        ("status:missing=false", True),
        ("_id=t1", True),
        ("_id=t2,t1", True),
        ("_id:not=t1", False),
        ("_tag=https://x.org|vip", True),
        ("_tag=other", False),
        ("_lastUpdated=2026-11-21", True),
        ("_lastUpdated=gt2026-11-21T12:00:00Z", False),
        ("_lastUpdated=gt2026-11-21T12:00:00.000000Z", True),
        ("_lastUpdated=le2026-11-21T12:00:00.000001Z", True),
        ("_lastUpdated=lt2026-11-21T12:00:00.000001Z", False),
        ("received:missing=true", True),
        ("received=ne2026", False),
    ],
)
def test_a_thread_is_judged_like_the_store_does(query: str, expected: bool) -> None:
    assert matches(parse("Communication", query), THREAD) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("part-of:missing=false", True),
        ("part-of=Communication/t1", True),
        ("part-of=t1", True),
        ("payload:missing=false", True),
        ("payload:missing=true", False),
    ],
)
def test_a_message_is_judged_like_the_store_does(query: str, expected: bool) -> None:
    assert matches(parse("Communication", query), MESSAGE) is expected


def test_a_message_of_an_unresolved_thread_is_still_no_thread() -> None:
    message = {**MESSAGE, "partOf": [{"identifier": {"value": "CH1"}}]}
    assert not matches(parse("Communication", "part-of:missing=true"), message)


@pytest.mark.parametrize(
    ("stored", "matching"),
    [
        ("2026-11-21", {"eq", "ge", "le", "ap"}),
        ("2026-11-20", {"ne", "lt", "le", "eb"}),
        ("2026-11-22", {"ne", "gt", "ge", "sa"}),
        ("2026-11-21T10:00:00Z", {"eq", "ge", "le", "ap"}),
        ("2026-11", {"ne", "gt", "ge", "lt", "le", "ap"}),
    ],
)
def test_each_prefix_compares_whole_intervals(stored: str, matching: set[str]) -> None:
    thread = {**THREAD, "sent": stored}
    prefixes = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
    assert {one for one in prefixes if matches(parse("Communication", f"sent={one}2026-11-21"), thread)} == matching


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=simp", True),
        ("name=SIMPSÓN", True),
        ("name=impson", False),
        ("name:contains=impso", True),
        ("name:exact=Simpson", True),
        ("name:exact=simpson", False),
        ("name:exact=Simp", False),
        ("given=homer jay", True),
        ("given=jay", False),
        ("active=true", True),
        ("deceased=false", True),
        ("birthdate=1956", True),
        ("phone=+15550100100", True),
        ("phone=%2B1 555 010 0100", True),
        ("phone=5550100100", False),
        ("organization=Organization/1", False),
        ("organization:missing=true", True),
    ],
)
def test_a_patient_is_judged_like_the_store_does(query: str, expected: bool) -> None:
    patient = {
        "resourceType": "Patient",
        "active": True,
        "name": [{"family": "Simpson", "given": ["Homer  Jay"]}],
        "birthDate": "1956-05-12",
        "telecom": [{"system": "phone", "value": "+1 555 010 0100"}],
    }
    assert matches(parse("Patient", query), patient) is expected


def test_a_read_receipt_is_told_from_other_tasks() -> None:
    task = {"resourceType": "Task", "status": "requested", "code": {"coding": [{"code": "read-receipt"}]}}
    coded = {**task, "code": {"coding": [{"system": "https://medplum.com/task-codes", "code": "read-receipt"}]}}
    unread = parse("Task", f"code={READ_RECEIPT}&status=requested")
    assert (matches(unread, coded), matches(unread, task)) == (True, False)
    assert not matches(parse("Task", f"code:not={READ_RECEIPT}"), coded)


def test_another_type_never_matches() -> None:
    assert not matches(parse("Communication", ""), {"resourceType": "Task"})


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_resource_is_found_by_each_of_its_values(path: Path) -> None:
    resource = json.loads(path.read_text())
    for parameter in searchparams.parameters(resource["resourceType"]):
        if not parameter.supported or parameter.code == "payload":
            continue
        for row in searchparams.values(resource, parameter):
            if row != ("", ""):
                asked = SearchRequest(parameter.base, (Condition(parameter, "", (value_of(parameter.type, row),)),))
                assert matches(parse(parameter.base, encode(asked)), resource), (parameter.key, row)


def value_of(type: str, row: tuple[Any, ...]) -> Value:
    """What to ask for to find a row; for dates, what overlaps its beginning or, in an open period, its end."""
    if type == "date":
        low, high = row
        return DateValue("ap", low, low + 1) if low != searchparams.MIN else DateValue("ap", high - 1, high)
    if type == "reference":
        return ReferenceValue(row)
    return StringValue(*row) if type == "string" else TokenValue(row[0] if type == "token" else None, row[1] or None)


@pytest.mark.parametrize("code", ["status", "gender", "priority"])
def test_a_code_implies_its_system(code: str) -> None:
    type = "Patient" if code == "gender" else "Task"
    parameter = searchparams.parameter(type, code)
    shape = r4data.shape(type)
    assert parameter is not None
    assert shape is not None
    value_set = shape.elements[code].value_set
    assert value_set is not None
    assert parameter.systems == set(value_set.systems)
