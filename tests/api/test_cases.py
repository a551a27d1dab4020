"""The access cases (`docs/access.md`) over HTTP: statuses, bytes and headers, named after their case."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.http import HttpResponse

from accounts.models import Membership, User
from inbox.models import Practice, Version
from tests.access import conftest as access
from tests.access.conftest import Clinic
from tests.access.world import ALICE, HOMER, PEOPLE, SAM, message, ref
from tests.api import tokens
from tests.api.conftest import BASE, Api, refused

pytestmark = pytest.mark.django_db(databases="__all__")

clinic = access.clinic
T = "/Communication"
Who = Callable[[str], Api]
MRN = "https://clinic.example/mrn|mrn-"


@pytest.fixture
def first(clinic: Clinic) -> Practice:
    """The practice of all but dora."""
    return Practice.objects.get(fhir_id="P1")


@pytest.fixture
def who(first: Practice) -> Who:
    """Everybody of the clinic by name, as the API knows them."""

    def connect(name: str) -> Api:
        number, profile, _, policy = PEOPLE[name]
        practice = first if number == 1 else Practice.objects.get(fhir_id="P2")
        return Api(tokens.bearer(practice, profile, policy))

    return connect


@pytest.fixture
def clerk(first: Practice) -> Api:
    """Reads and writes active patients alone; `ned` is not one of them."""
    entries = [{"resourceType": "Patient", "criteria": "Patient?active=true"}]
    return Api(tokens.token_of(_under(first, {"resourceType": "AccessPolicy", "resource": entries})))


def _under(practice: Practice, policy: dict[str, Any]) -> Membership:
    """A client under a policy of its own."""
    membership = tokens.client(practice, ALICE, "clinician")
    row = membership.policy
    assert row is not None
    row.pk, row.fhir_id, row.body = None, "of-its-own", json.dumps(policy)
    row.save()
    Membership.objects.filter(pk=membership.pk).update(policy=row)
    return Membership.objects.get(pk=membership.pk)


def bundle(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = json.loads(answer.content)
    return found


def ids(found: dict[str, Any], mode: str = "match") -> list[str]:
    return [one["resource"]["id"] for one in found.get("entry", []) if one["search"]["mode"] == mode]


def told(answer: HttpResponse, *asked: str) -> object:
    """All that an answer tells, without the words that were asked by."""
    text = answer.content.decode()
    for one in sorted({*asked, *(quote(one, safe="") for one in asked)}, key=len, reverse=True):
        text = text.replace(one, "X")
    kept = {"Date", "RateLimit", "Last-Modified"}
    return answer.status_code, text, sorted((name, value) for name, value in answer.items() if name not in kept)


# Counts


@pytest.mark.parametrize("name", ["homer", "charlie", "supervisor"])
def test_ac18_an_estimate_is_left_out_and_a_count_is_of_what_may_be_read(who: Who, name: str) -> None:
    api = who(name)
    assert "total" not in bundle(api.get(f"{T}?_total=estimate&_count=3"))
    everything = ids(bundle(api.get(f"{T}?_count=1000")))
    for query in ("_total=accurate&_count=1", "_summary=count", "_count=0"):
        assert bundle(api.get(f"{T}?{query}"))["total"] == len(everything)


# What comes along, and what is looked through


def test_ac21_what_comes_along_has_only_the_fields_that_the_reader_may_see(who: Who) -> None:
    homer = who("homer")
    found = bundle(homer.get(f"{T}?_id=m1&_include=Communication:sender&_include=Communication:recipient"))
    along = [one["resource"] for one in found["entry"] if one["search"]["mode"] == "include"]
    assert {one["id"] for one in along} == {"homer", "alice", "bob"}
    for one in along:
        assert one == json.loads(homer.get(f"/{one['resourceType']}/{one['id']}").content)
    names = [one for one in along if one["resourceType"] == "Practitioner"]
    assert all({"telecom", "address", "birthDate", "identifier", "text"}.isdisjoint(one) for one in names)
    assert b"secret" in who("administrator").get("/Practitioner/alice").content


def test_ac22_going_on_to_the_thread_and_its_messages_leaves_the_note_out(who: Who) -> None:
    query = "_id=m1&_include:iterate=Communication:part-of&_revinclude:iterate=Communication:part-of"
    answers = {name: who(name).get(f"{T}?{query}") for name in ("homer", "alice")}
    along = {name: set(ids(bundle(answer), "include")) for name, answer in answers.items()}
    assert {"T1", "m3"} <= along["homer"]
    assert "m2" in along["alice"] - along["homer"]
    assert b"m2" not in answers["homer"].content


@pytest.mark.parametrize(
    "query",
    [
        "subject.name={}",
        "subject:Patient.identifier=https://clinic.example/mrn%7Cmrn-{}",
        "subject.name={}&_total=accurate",
        "subject.name={}&_summary=count",
        "recipient:Patient._id={}",
    ],
)
def test_ac23_a_hidden_patient_is_looked_through_like_one_that_never_was(who: Who, query: str) -> None:
    homer = who("homer")
    answers = [told(homer.get(f"{T}?{query.format(one)}"), one) for one in ("ned", "nox")]
    assert answers[0] == answers[1]
    assert bundle(who("supervisor").get(f"{T}?subject:Patient.name=ned"))["entry"]


@pytest.mark.parametrize("sort", ["-_lastUpdated", "sent", "_id"])
def test_ac28_the_next_link_of_another_gives_what_one_may_see_oneself(who: Who, sort: str) -> None:
    links = bundle(who("supervisor").get(f"{T}?_sort={sort}&_count=4"))["link"]
    address = urlsplit(next(one["url"] for one in links if one["relation"] == "next"))
    cursor = address.query.partition("_cursor=")[2]
    assert not [one for one in ("T1", "T2", "m1", "Communication") if one in cursor]
    replayed = f"{address.path.removeprefix(BASE)}?{address.query.replace('_count=4', '_count=1000')}"
    for name in ("homer", "charlie"):
        api = who(name)
        assert set(ids(bundle(api.get(replayed)))) <= set(ids(bundle(api.get(f"{T}?_count=1000"))))
    refused(who("dora").get(replayed), 400, "invalid", "_cursor")


@pytest.mark.parametrize("query", ["_elements=note,encounter,extension,text", "_summary=true", "_summary=data"])
def test_ac29_a_part_shows_nothing_that_the_whole_hides(who: Who, query: str) -> None:
    (found,) = bundle(who("homer").get(f"{T}?_id=T1&{query}"))["entry"]
    assert {"note", "encounter", "extension", "text"}.isdisjoint(found["resource"])
    assert b"internal remark" in who("alice").get(f"{T}?_id=T1&{query.replace('true', 'data')}").content


def test_ac29_a_hidden_field_stays_hidden_even_where_it_is_mandatory(clinic: Clinic, first: Practice) -> None:
    hiding = {"resourceType": "Task", "hiddenFields": ["status", "intent"]}
    reader = Api(tokens.token_of(_under(first, {"resourceType": "AccessPolicy", "resource": [hiding]})))
    for query in ("_elements=status,intent,focus", "_summary=true", "_summary=text", "_elements=id"):
        (found,) = bundle(reader.get(f"/Task?_id=r2&{query}"))["entry"]
        assert {"status", "intent"}.isdisjoint(found["resource"])
    assert {"status", "intent"} <= set(clinic.current("Task/r2"))


# Conditions


def _another(clinic: Clinic) -> None:
    """An inactive patient with homer's number beside one of its own."""
    numbers = [{"system": MRN.partition("|")[0], "value": f"mrn-{one}"} for one in ("homer", "gone")]
    clinic.put({"resourceType": "Patient", "id": "gone", "active": False, "identifier": numbers})


def _numbered(value: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "active": True, "identifier": [{"system": "urn:x", "value": value}]}


def test_ac31_a_condition_that_matches_one_hidden_and_one_visible_means_the_visible_one(
    clinic: Clinic, clerk: Api
) -> None:
    _another(clinic)
    before = clinic.current("Patient/gone")
    where = f"/Patient?identifier={quote(MRN)}homer"
    answer = clerk.patch(where, [{"op": "replace", "path": "/gender", "value": "other"}])
    assert (answer.status_code, json.loads(answer.content)["id"]) == (200, "homer")
    answer = clerk.put(where, {**json.loads(answer.content), "gender": "female"})
    assert (answer.status_code, json.loads(answer.content)["id"]) == (200, "homer")
    assert clinic.current("Patient/gone") == before


def test_ac31_a_condition_that_matches_hidden_rows_alone_is_one_without_a_match(clinic: Clinic, clerk: Api) -> None:
    _another(clinic)
    before = clinic.current("Patient/gone")
    patch = [{"op": "replace", "path": "/gender", "value": "other"}]
    for act in (clerk.delete, lambda path: clerk.patch(path, patch)):
        hidden, none = (told(act(f"/Patient?identifier={quote(MRN)}{one}"), one) for one in ("gone", "none"))
        assert hidden == none
    for one in ("gone", "none"):
        answer = clerk.put(f"/Patient?identifier={quote(MRN)}{one}", _numbered(one))
        assert answer.status_code == 201
        assert json.loads(answer.content)["id"] not in ("gone", "none")
    assert clinic.current("Patient/gone") == before


def test_ac32_a_hidden_duplicate_changes_no_word_of_the_answer(clinic: Clinic, clerk: Api) -> None:
    _another(clinic)
    for one in ("gone", "none"):
        answer = clerk.post("/Patient", _numbered(one), If_None_Exist=f"identifier={MRN}{one}")
        assert answer.status_code == 201
    hidden, unused = (
        told(clerk.put(f"/Patient/{one}", {**_numbered("x"), "id": one}), one) for one in ("gone", "nope")
    )
    assert hidden == unused
    assert hidden[0] == 404  # type: ignore[index]


def test_ac50_who_may_not_write_is_told_so_whether_a_condition_matches_or_not(who: Who) -> None:
    """`client` may search patients and not write them."""
    patch = [{"op": "replace", "path": "/gender", "value": "other"}]
    for one in ("homer", "nobody"):
        where = f"identifier={MRN}{one}"
        for name in ("client", "supervisor"):
            api = who(name)
            refused(api.post("/Patient", _numbered(one), If_None_Exist=where), 403, "forbidden")
            refused(api.put(f"/Patient?{quote(where, safe='=')}", _numbered(one)), 403, "forbidden")
            refused(api.patch(f"/Patient?{quote(where, safe='=')}", patch), 403, "forbidden")
            refused(api.delete(f"/Patient?{quote(where, safe='=')}"), 403, "forbidden")


# Histories


def test_ac38_the_history_of_a_type_is_the_auditors(who: Who) -> None:
    for name in ("alice", "homer", "charlie", "supervisor", "administrator", "client"):
        for type in ("Communication", "Task", "AuditEvent"):
            refused(who(name).get(f"/{type}/_history"), 403, "forbidden")
    found = bundle(who("auditor").get(f"{T}/_history?_count=1000"))
    assert found["type"] == "history"
    assert found["entry"]
    shown = [one["resource"] for one in found["entry"] if "resource" in one]
    assert all({"payload", "topic", "note"}.isdisjoint(one) for one in shown)
    assert "dora" not in json.dumps(found)


@pytest.mark.parametrize("path", ["/_history", "/_history?_count=1"])
@pytest.mark.parametrize("name", ["alice", "auditor"])
def test_ac38_there_is_no_history_of_the_whole_server(who: Who, name: str, path: str) -> None:
    refused(who(name).get(path), 404, "not-found")


def test_ac38_drafts_are_not_in_the_history_of_a_type(clinic: Clinic, who: Who) -> None:
    drafts = [one["id"] for one in clinic.all_of("Communication") if one["status"] == "preparation"]
    found = bundle(who("auditor").get(f"{T}/_history?_count=1000"))
    listed = {one["fullUrl"].rpartition("/")[2] for one in found["entry"]}
    assert drafts
    assert "m1" in listed
    assert listed.isdisjoint(drafts)


# Bundles


@pytest.mark.parametrize("type", ["transaction", "batch"])
@pytest.mark.parametrize(
    "url",
    [
        "/admin",
        "/threads/",
        "https://elsewhere.example/fhir/R4/Patient/homer",
        "http://testserver/fhir/R4/Patient/homer",
        "http://169.254.169.254/latest",
        "//elsewhere.example/Patient/homer",
        "file:///etc/passwd",
        "../Patient/homer",
        "Patient/../Patient/homer",
        "metadata",
        "Patient/$validate",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_ac69_an_entry_leads_nowhere_but_to_resources(
    clinic: Clinic, who: Who, type: str, method: str, url: str
) -> None:
    before = Version.objects.count()
    entry = {"request": {"method": method, "url": url}, "resource": clinic.current(HOMER)}
    answer = who("client").post("", {"resourceType": "Bundle", "type": type, "entry": [entry]})
    if type == "transaction":
        refused(answer, 400, "invalid")
    else:
        assert bundle(answer)["entry"][0]["response"]["status"] == "400"
    assert Version.objects.count() == before


@pytest.mark.parametrize("url", ["Patient/homer", "/Patient/homer"])
def test_ac69_an_address_of_a_resource_is_decided_like_a_request_of_its_own(who: Who, url: str) -> None:
    asked = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}}]}
    for name, status in (("alice", "200"), ("ned", "404"), ("auditor", None)):
        api = who(name)
        alone = api.get("/Patient/homer")
        response = bundle(api.post("", asked))["entry"][0]
        assert response["response"]["status"] == (status or str(alone.status_code)) == str(alone.status_code)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/$graphql", "/Communication/T1/$graphql"])
def test_ac70_there_is_no_graphql(who: Who, method: str, path: str) -> None:
    body = b'{"query": "{ CommunicationList { id } }"}'
    for name in ("alice", "charlie"):
        refused(who(name).ask(method, path, body, kind="application/json"), 404, "not-found")


# Whose token


@pytest.fixture
def through(first: Practice) -> Callable[[str, str], Api]:
    """A person as the API knows them behind an app: the person's name, and the policy of the app."""

    def connect(name: str, policy: str) -> Api:
        _, profile, _, own = PEOPLE[name]
        user = User.objects.create_user(f"{name}@clinic.example", "correct horse battery")
        row = tokens.client(first, profile, own).policy
        Membership.objects.create(user=user, practice=first, profile=profile, policy=row, display=name)
        return Api(tokens.token_of(tokens.client(first, SAM, policy), user=user))

    return connect


def test_ac73_an_app_reads_what_both_it_and_the_person_may(who: Who, through: Callable[[str, str], Api]) -> None:
    homer, app = who("homer"), through("homer", "client")
    own, alone = (set(ids(bundle(one.get(f"{T}?_count=1000")))) for one in (homer, who("client")))
    both = set(ids(bundle(app.get(f"{T}?_count=1000&_total=accurate"))))
    assert both == own & alone
    assert both < own
    assert both < alone
    refused(app.get(f"{T}/T2"), 404, "not-found")


def test_ac73_an_app_writes_as_the_person_and_as_nobody_else(through: Callable[[str, str], Api], who: Who) -> None:
    app = through("homer", "client")
    written = {name: value for name, value in message("T1", ALICE).items() if name != "id"}
    answer = app.post(T, {**written, "sender": ref(HOMER)})
    assert answer.status_code == 201, answer.content
    refused(app.post(T, {**written, "sender": ref(ALICE)}), 403, "forbidden")
    assert who("client").post(T, {**written, "sender": ref(ALICE)}).status_code == 201


def test_ac73_without_a_person_an_app_is_itself(first: Practice) -> None:
    app = tokens.client(first, SAM, "clinician")
    alone = Api(tokens.token_of(app))
    refused(alone.get(f"{T}/T1"), 404, "not-found")
    for header in ("X-On-Behalf-Of", "X-Medplum-On-Behalf-Of", "On-Behalf-Of"):
        refused(alone.get(f"{T}/T1", **{header.replace("-", "_"): HOMER}), 404, "not-found")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer null", "Bearer undefined", "Bearer 1-", "Bearer Bearer", "Bearer \0", "1-"],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/Patient"), ("POST", ""), ("POST", "/Bot/echo/$execute"), ("GET", "/x")]
)
def test_ac74_empty_nil_and_partial_tokens_are_nobodys(who: Who, header: str, method: str, path: str) -> None:
    token = who("alice").token
    anybody = Api("")
    for one in (header, f"Bearer {token[:-1]}", f"Bearer {token}x", token, f"Basic {token}"):
        answer = anybody.ask(method, path, None, Authorization=one)
        refused(answer, 401, "unauthorized")
        assert answer["WWW-Authenticate"] == "Bearer"
    assert anybody.get("/Patient", Authorization=f"Bearer {token}").status_code == 200
