"""What each role may do with each thing of the world, one line each: the shipped policies' lines, both ways.

Every probe is one request of one person with the one right answer. They run on the embedded store, and in memory
against every policy with one line taken out (`mutants.py`), where each such policy must fail some probe.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from inbox.fhir.types import Resource

from .people import Person
from .world import (
    ALICE,
    BART,
    BOB,
    CHARLIE,
    HOMER,
    MARGE_BART,
    MARGE_HOMER,
    NED,
    NORA,
    PEOPLE,
    RECEIPT,
    WEBHOOK,
    code,
    header,
    message,
    note,
    provenance,
    ref,
    refs,
    resource,
    second_versions,
    springfield,
    task,
)


@dataclass(frozen=True)
class Probe:
    """A request and its answer: a status, or the set of elements shown, or the ids found."""

    who: str
    what: str
    ask: Callable[[Person], object]
    expected: object

    @property
    def policy(self) -> str:
        return PEOPLE[self.who][3]

    def __str__(self) -> str:
        return f"{self.who} {self.what}"


T = "Communication/"
DISPLAY = {"display": "somebody"}
FALSE = [{"contentString": "I never said that"}]
REASON = {"text": "wrong patient"}


def sees(who: str, *references: str, unseen: str = "") -> Iterator[Probe]:
    for one in references:
        yield Probe(who, f"reads {one}", lambda p, one=one: p.reads(one), 200)
    for one in unseen.split():
        yield Probe(who, f"does not read {one}", lambda p, one=one: p.reads(one), 404)


def shows(who: str, reference: str, *elements: str) -> Probe:
    return Probe(who, f"sees of {reference} these elements only", lambda p: p.shows(reference), set(elements))


def hides(who: str, reference: str, *elements: str) -> Probe:
    return Probe(who, f"does not see {elements} of {reference}", lambda p: p.shows(reference) & set(elements), set())


def creates(who: str, what: str, found: Resource, expected: int = 201) -> Probe:
    verb = "creates" if expected == 201 else f"gets {expected} for"
    return Probe(who, f"{verb} {what}", lambda p: p.creates(found), expected)


def updates(who: str, what: str, reference: str, expected: int = 200, **elements: Any) -> Probe:
    verb = "may" if expected == 200 else f"gets {expected} to"
    return Probe(who, f"{verb} {what} ({reference})", lambda p: p.updates(reference, **elements), expected)


def deletes(who: str, reference: str, expected: int = 200) -> Probe:
    return Probe(who, f"deletes {reference}: {expected}", lambda p: p.deletes(reference), expected)


def history(who: str, reference: str, expected: list[str] | int) -> Iterator[Probe]:
    """The versions in the history, or the status of the refusal; the first of them is read by itself alike."""
    yield Probe(who, f"reads the history of {reference}", lambda p: p.versions(reference), expected)
    version, answer = (expected[0], 200) if isinstance(expected, list) else ("1", expected)
    yield Probe(who, f"reads version {version} of {reference}", lambda p: p.vread(reference, version), answer)


def finds(who: str, type: str, *ids: str) -> Probe:
    """A search without parameters: everything that may be read, and nothing else."""
    found = sorted(" ".join(ids).split())
    return Probe(who, f"finds {len(found)} of {type}", lambda p: p.finds(type), found)


def clinician_threads() -> Iterator[Probe]:
    yield from sees("alice", T + "T1", T + "T2", T + "TK", T + "TC", unseen="Communication/T3 Communication/TX")
    yield from sees("bob", T + "m1", T + "m2", T + "m3", T + "m5", T + "T1", unseen="Communication/d1")
    yield from sees("alice", T + "m3", T + "m2", T + "d1", T + "d-empty", unseen="Communication/TL Communication/y1")
    yield from sees("charlie", unseen="Communication/T1 Communication/m1 Communication/m5 Communication/m3")
    yield from sees("nora", T + "T3", T + "y1", unseen="Communication/T1 Communication/m1 Communication/TX")
    yield from [
        *history("alice", T + "T1", ["1"]),
        *history("alice", T + "m1", ["1"]),
        *history("bob", T + "m1", ["1"]),
        *history("alice", T + "m3", ["1"]),
        *history("bob", T + "m5", 403),
        *history("alice", T + "m6", 403),
        *history("alice", T + "m5", ["1"]),
        *history("nora", T + "T3", 403),
        deletes("alice", T + "d1"),
        deletes("alice", T + "m3", 403),
        deletes("bob", T + "d1", 404),
    ]
    start = {
        "by another": header(HOMER, ALICE, sender=ref(BOB)),
        "without herself": header(HOMER),
        "with a text": header(HOMER, ALICE, payload=FALSE),
        "that is closed": header(HOMER, ALICE, status="completed"),
        "for staff with a patient": header(HOMER, ALICE, category=[code("internal")]),
        "with a nameless participant": header(recipient=[*refs(HOMER, ALICE), DISPLAY]),
        "without a text in a thread": message("T1", HOMER, ALICE, payload=None),
    }
    yield creates("alice", "a thread", header(HOMER, ALICE))
    yield creates("alice", "a thread for staff", header(BOB, ALICE, category=[code("internal")]))
    yield from (creates("alice", f"a thread {what}", found, 403) for what, found in start.items())
    leave = {"recipient": refs(HOMER, ALICE)}
    yield from [
        updates("alice", "close", T + "T1", status="completed"),
        updates("bob", "reopen", T + "TC", status="in-progress"),
        updates("alice", "add a colleague", T + "T1", recipient=refs(HOMER, ALICE, BOB, CHARLIE)),
        updates("bob", "leave", T + "T1", **leave),
        updates("bob", "leave and change the topic", T + "T1", 403, **leave, topic={"text": "x"}),
        updates("nora", "join by herself", T + "T3", 403, recipient=refs(NED, BOB, NORA)),
        updates("charlie", "join by himself", T + "T1", 404, recipient=refs(HOMER, ALICE, BOB, CHARLIE)),
        updates("bob", "change a message received", T + "m1", 403, priority="urgent"),
        updates("alice", "make a draft a thread", T + "d-thread", 403, status="in-progress"),
        updates("alice", "make a thread a draft", T + "T1", 403, status="preparation"),
        updates("alice", "change the patient", T + "T1", 422, subject=ref(NED)),
        updates("bob", "undo a thread of another", T + "T1", 403, status="entered-in-error", statusReason=REASON),
        updates("alice", "undo a thread without a reason", T + "T1", 403, status="entered-in-error"),
        updates("alice", "undo a thread", T + "T1", status="entered-in-error", statusReason=REASON),
        updates("alice", "add a nameless participant", T + "T1", 403, recipient=[*refs(HOMER, ALICE), DISPLAY]),
        updates("alice", "bring a patient into a thread of staff", T + "T2", 403, recipient=refs(ALICE, BOB, HOMER)),
    ]


def clinician_messages() -> Iterator[Probe]:
    wrong = {
        "as another": message("T1", HOMER, sender=ref(BOB)),
        "that is completed": message("T1", HOMER, status="completed"),
        "without a text": message("T1", HOMER, payload=None),
        "to somebody nameless": message("T1", recipient=[*refs(HOMER), DISPLAY]),
        "to somebody outside": message("T1", HOMER, CHARLIE),
        "as an internal note to a patient": note("T1", BOB, HOMER),
    }
    yield creates("alice", "a message", message("T1", HOMER, BOB))
    yield creates("alice", "an internal note", note("T1", BOB))
    yield creates("alice", "a draft", message("T1", status="preparation", payload=None))
    yield from (creates("alice", f"a message {what}", found, 403) for what, found in wrong.items())
    yield creates("nora", "a message where she only looks", message("T3", BOB, sender=ref(NORA)), 403)
    yield creates("alice", "a message in a hidden thread", message("T3", NED), 400)
    yield creates("alice", "a message in no thread", message("none", NED), 400)
    retract = {"status": "entered-in-error", "payload": None}
    yield from [
        updates("alice", "save a draft", T + "d1", payload=FALSE),
        updates("alice", "send a draft", T + "d1", status="in-progress", recipient=refs(HOMER)),
        updates("bob", "save a draft of another", T + "d1", 404, payload=FALSE),
        updates("alice", "change a text", T + "m3", 403, payload=FALSE),
        updates("bob", "change a text of another", T + "m3", 403, payload=FALSE),
        updates("alice", "retract", T + "m3", **retract),
        updates("alice", "retract with the text kept", T + "m3", status="entered-in-error"),
        updates("bob", "retract for another", T + "m3", 403, **retract),
        updates("alice", "retract a thread", T + "T1", 403, status="entered-in-error"),
        updates("alice", "retract a draft", T + "d1", 403, status="entered-in-error"),
        updates("alice", "retract and readdress", T + "m3", 422, **retract, recipient=refs(HOMER)),
        updates("alice", "only give a reason", T + "m3", 403, statusReason=REASON),
        updates("alice", "change a retraction", T + "m5", 403, statusReason=REASON),
        updates("alice", "retract with another text", T + "m3", 403, status="entered-in-error", payload=FALSE),
    ]


def clinician_tasks() -> Iterator[Probe]:
    yield from sees("charlie", "Task/o2", unseen="Task/r2 Task/r1")
    yield from history("charlie", "Task/o2", ["1"])
    yield from sees(
        "nora", "Task/p1", "Task/p3", "Task/p12", "Task/p13", unseen="Task/p2 Task/p4 Task/p5 Task/p6 Task/p7"
    )
    yield hides("nora", "Task/p3", "note", "input", "output", "description")
    yield from history("nora", "Task/p13", ["1"])
    yield from history("nora", "Task/p3", 403)
    yield from sees("alice", "Task/rr-homer", "Task/r1", unseen="Task/p1")
    yield from history("alice", "Task/rr-homer", ["1"])
    away = {"status": "requested"}
    mine = {"owner": ref(NORA), "status": "accepted"}
    yield from [
        updates("alice", "complete her task", "Task/r1", status="completed"),
        updates("alice", "reroute", "Task/r1", owner=ref(CHARLIE), **away),
        updates("alice", "put back into the pool", "Task/r1", owner=None, performerType=[code("nurse")], **away),
        updates("alice", "reroute as accepted", "Task/r1", 403, owner=ref(CHARLIE)),
        updates("alice", "reroute to a patient", "Task/r1", 403, owner=ref(HOMER), **away),
        updates("alice", "reroute and change more", "Task/r1", 403, owner=ref(CHARLIE), priority="stat", **away),
        updates("alice", "move the focus", "Task/r1", 422, focus=ref(T + "T2")),
        updates("bob", "work on a task of another", "Task/r1", 403, status="completed"),
        updates("bob", "mark as read", "Task/rr-bob", 403, status="completed"),
        updates("charlie", "change what is done", "Task/o2", 403, note=[{"text": "x"}]),
        updates("charlie", "change what is cancelled", "Task/o3", 403, note=[{"text": "x"}]),
        updates("nora", "claim", "Task/p1", **mine),
        updates("nora", "send to a person", "Task/p1", owner=ref(BOB)),
        updates("nora", "claim for another", "Task/p1", 403, owner=ref(ALICE), status="accepted"),
        updates("nora", "give to a patient", "Task/p1", 403, owner=ref(HOMER)),
        updates(
            "nora", "claim with a result", "Task/p1", 403, **mine, output=[{"type": {"text": "x"}, "valueString": "x"}]
        ),
        updates("nora", "claim as something else", "Task/p1", 403, **mine, code=code("z")),
        updates(
            "nora",
            "put a result on unclaimed work",
            "Task/p1",
            422,
            output=[{"type": {"text": "x"}, "valueString": "x"}],
        ),
        updates("nora", "claim what is taken", "Task/p3", 403, owner=ref(NORA)),
        updates("nora", "claim what has an owner", "Task/p10", 403, **mine),
        updates("nora", "claim what is not open yet", "Task/p11", 403, **mine),
        updates("nora", "claim a read mark", "Task/rr-pool", 403, **mine),
        updates("bob", "claim of a foreign pool", "Task/p2", 403, owner=ref(BOB), status="accepted"),
        updates("nora", "claim what she does not see", "Task/p2", 404, **mine),
    ]
    made = {
        "that is done": task("T1", status="completed", owner=ref(BOB)),
        "that is a plan": task("T1", intent="plan", owner=ref(BOB)),
        "for a patient": task("T1", owner=ref(HOMER)),
        "that is a read mark": task("T1", owner=ref(BOB), code=code(RECEIPT)),
        "on her own message": task("m3", owner=ref(BOB)),
    }
    yield creates("alice", "a task", task("T1", owner=ref(BOB)))
    yield creates("alice", "a task for a pool", task("T1", performerType=[code("nurse")]))
    yield from (creates("alice", f"a task {what}", found, 403) for what, found in made.items())
    yield creates("charlie", "a task on a hidden thread", task("T1", owner=ref(CHARLIE)), 403)
    yield creates("nora", "a task where she only looks", task("T3", owner=ref(NORA)), 403)


def clinician_papers() -> Iterator[Probe]:
    visit = {"class_": {"code": "AMB"}, "status": "planned"}
    times = {"status": "busy-unavailable", "start": "2026-12-02T09:00:00Z", "end": "2026-12-02T10:00:00Z"}
    paper = {"status": "current", "content": [{"attachment": {"title": "x"}}], "subject": ref(HOMER)}
    yield from sees("alice", "Binary/b1", "Binary/b2", "Patient/homer", "RelatedPerson/marge-homer", unseen="Binary/b3")
    yield shows("alice", BOB, "name", "active", "telecom", "qualification", "identifier")
    yield from sees("alice", "Encounter/visit", unseen="Encounter/visit-bob")
    yield from sees("alice", "Provenance/pv1", "Provenance/pv2", "Provenance/pv3", unseen="Provenance/none")
    yield from sees("charlie", "Provenance/pv3", "Provenance/pv4", unseen="Provenance/pv1 Provenance/pv2")
    yield from sees("alice", "Schedule/of-alice", "Slot/slot-alice", unseen="Schedule/of-bob Slot/slot-bob")
    yield from sees("charlie", "DocumentReference/letter", unseen="DocumentReference/letter-internal")
    yield from sees("alice", "DocumentReference/letter-alice")
    yield from sees("charlie", unseen="DocumentReference/letter-alice Binary/b1 Binary/b-new")
    yield from history("alice", "Encounter/visit", ["1"])
    yield from history("alice", "DocumentReference/letter-alice", ["1"])
    yield from [
        creates("alice", "her visit", resource("Encounter", "", **visit, participant=[{"individual": ref(ALICE)}])),
        creates(
            "alice", "a visit of bob", resource("Encounter", "", **visit, participant=[{"individual": ref(BOB)}]), 403
        ),
        updates("alice", "end her visit", "Encounter/visit", status="finished"),
        creates("alice", "provenance", provenance("", "Task/r1", ALICE)),
        creates("alice", "provenance as bob", provenance("", "Task/r1", BOB), 403),
        creates("alice", "provenance of a patient", provenance("", HOMER, ALICE), 403),
        creates("alice", "her schedule", resource("Schedule", "", actor=refs(ALICE))),
        creates("alice", "the schedule of bob", resource("Schedule", "", actor=refs(BOB)), 403),
        updates("alice", "change her schedule", "Schedule/of-alice", comment="away"),
        creates("alice", "her absence", resource("Slot", "", **times, schedule=ref("Schedule/of-alice"))),
        creates("alice", "the absence of bob", resource("Slot", "", **times, schedule=ref("Schedule/of-bob")), 403),
        updates("alice", "change her absence", "Slot/slot-alice", comment="x"),
        deletes("alice", "Slot/slot-alice"),
        creates("alice", "her document", resource("DocumentReference", "", **paper, author=refs(ALICE))),
        creates("alice", "a document of bob", resource("DocumentReference", "", **paper, author=refs(BOB)), 403),
        updates("alice", "change her document", "DocumentReference/letter-alice", status="superseded"),
        updates("alice", "change its patient", "DocumentReference/letter-alice", 422, subject=ref(NED)),
        updates("alice", "change the directory", HOMER, 403, gender="other"),
    ]


def patient_reads() -> Iterator[Probe]:
    hidden = "Communication/T2 Communication/T3 Communication/TX Communication/TH Communication/m2 Communication/m7"
    yield from sees("homer", T + "T1", T + "m3", T + "m5", T + "m1", T + "m10", T + "d-homer", unseen=hidden)
    yield from sees(
        "homer", T + "d-thread-homer", T + "p1", unseen="Communication/m8 Communication/stray Communication/d1"
    )
    yield from sees(
        "ned", T + "y1", T + "T3", unseen="Communication/T1 Communication/m1 Communication/m5 Communication/m3"
    )
    for one in ("T1", "m1", "m5"):
        yield hides("homer", T + one, "note", "encounter", "extension")
    yield from [
        *history("homer", T + "T1", ["1"]),
        *history("homer", T + "m1", ["1"]),
        *history("homer", T + "m5", 403),
        *history("homer", T + "v1", ["2"]),
        *history("homer", T + "m2", 404),
    ]
    yield shows("homer", "Task/rr-homer", "status", "code", "focus", "owner", "intent")
    yield from sees("homer", "Task/rr-homer", unseen="Task/rr-bob Task/homers Task/r1")
    yield from sees("homer", "Binary/b1", unseen="Binary/b2 Binary/b3 Binary/b-new Patient/ned")
    yield shows("homer", ALICE, "name")
    yield from sees("homer", unseen="Practitioner/gone Organization/closed-lab")
    yield shows("homer", "Organization/lab", "name", "telecom")
    yield shows("homer", "RelatedPerson/marge-homer", "name", "relationship", "patient", "active")
    yield from sees("homer", unseen="RelatedPerson/maude-ned RelatedPerson/abe-homer")
    yield shows("homer", "CareTeam/homer-team", "name", "status", "subject", "participant")
    yield from sees("homer", unseen="CareTeam/ned-team CareTeam/homer-old-team CareTeam/homer-some-team")
    yield Probe("homer", "sees all of himself", lambda p: {"telecom", "birthDate"} <= p.shows(HOMER), True)
    papers = "DocumentReference/letter DocumentReference/letter-old DocumentReference/letter-ned"
    yield from sees("homer", "DocumentReference/letter-visible", unseen=papers)


def patient_writes() -> Iterator[Probe]:
    by = {"sender": ref(HOMER)}
    yield from _threads_of("homer", HOMER, HOMER)
    yield from _messages_of("homer", HOMER, "T1", "m1", ALICE, subject=ref(HOMER))
    yield creates("homer", "a message as alice", message("T1", BOB), 403)
    yield creates("homer", "a message about ned", message("T1", ALICE, **by, subject=ref(NED)), 403)
    yield creates("homer", "an internal note", note("T1", ALICE, **by), 403)
    yield creates("homer", "a message about nobody", message("T1", ALICE, **by, subject=None))
    yield from _retracts("homer", "new-homer", "new-alice", "TF", "d-homer", "new-homer-gone")
    yield updates("homer", "retract after a while", T + "m1", 403, status="entered-in-error", payload=None)
    yield from [
        deletes("homer", T + "d-homer"),
        deletes("homer", T + "m1", 403),
        updates("homer", "save a draft", T + "d-homer", payload=FALSE),
        updates("homer", "mark as read", "Task/rr-homer", 403, status="completed"),
        updates("homer", "change participants", T + "T1", 403, recipient=refs(HOMER, ALICE, BOB, CHARLIE)),
        updates("homer", "close", T + "T1", 403, status="completed"),
        updates("homer", "change himself", HOMER, 403, gender="other"),
    ]


def _threads_of(who: str, profile: str, patient: str) -> Iterator[Probe]:
    """Starting threads, as a patient or for one."""
    both = tuple(dict.fromkeys((profile, patient)))
    by = {"sender": ref(profile), "subject": ref(patient)}
    wrong = {
        "as the doctor": header(*both, ALICE, **{**by, "sender": ref(ALICE)}),
        "about nobody": header(*both, ALICE, **{**by, "subject": None}),
        "for staff": header(*both, ALICE, **by, category=[code("internal")]),
        "that is closed": header(*both, ALICE, **by, status="completed"),
        "with a text": header(*both, ALICE, **by, payload=FALSE),
        "without the patient": header(*(one for one in both if one != patient), ALICE, **by),
        "with a nameless participant": header(recipient=[*refs(*both), DISPLAY], **by),
        "with other staff": header(*both, CHARLIE, **by),
        "without a text in a thread": message("T1" if patient == HOMER else "TK", *both, **by, payload=None),
    }
    yield creates(who, "a thread", header(*both, ALICE, **by))
    yield from (creates(who, f"a thread {what}", found, 403) for what, found in wrong.items())


def _messages_of(who: str, profile: str, thread: str, own: str, to: str, **about: Any) -> Iterator[Probe]:
    """Writing messages in a thread; `own` is an old message of one's own, to `to` alone or among others."""
    by = {"sender": ref(profile), **about}
    wrong = {
        "that is completed": message(thread, to, **by, status="completed"),
        "to somebody nameless": message(thread, recipient=[*refs(to), DISPLAY], **by),
        "to somebody outside": message(thread, to, CHARLIE, **by),
        "in what is no thread": message(own, to, **by),
    }
    yield creates(who, "a message", message(thread, to, **by))
    yield creates(who, "a draft", message(thread, status="preparation", **by))
    yield from (creates(who, f"a message {what}", found, 403) for what, found in wrong.items())
    yield updates(who, "change a text", T + own, 403, payload=FALSE)


def _retracts(who: str, own: str, other: str, thread: str, draft: str, gone: str) -> Iterator[Probe]:
    retract = {"status": "entered-in-error", "payload": None}
    yield from [
        updates(who, "retract", T + own, **retract),
        updates(who, "retract for another", T + other, 403, **retract),
        updates(who, "retract a thread", T + thread, 403, status="entered-in-error"),
        updates(who, "retract a draft", T + draft, 403, status="entered-in-error"),
        updates(who, "retract and readdress", T + own, 422, **retract, recipient=None),
        updates(who, "only give a reason", T + own, 403, statusReason=REASON),
        updates(who, "change a retraction", T + gone, 403, statusReason=REASON),
        updates(who, "retract with another text", T + own, 403, status="entered-in-error", payload=FALSE),
    ]


def carer_reads() -> Iterator[Probe]:
    hidden = "T2 T3 TX TP TH TZ m2 m4 m7 m8 m9 m10 y2 p1 stray z3 z4 z5 z6 z7 d1 d-homer d-thread-marge"
    own = (T + one for one in ("T1", "m1", "m3", "m5", "TK", "k1", "k2", "k3", "z1", "d-marge"))
    yield from sees("marge", *own, unseen=" ".join(T + one for one in hidden.split()))
    yield from sees("marge for homer", T + "TM", T + "z2", T + "d-thread-marge", unseen="Communication/z3")
    yield from sees("marge for homer", unseen="Communication/z4 Communication/z5 Communication/m9")
    for one in ("T1", "m1", "m5", "z1", "k3"):
        yield hides("marge", T + one, "note", "encounter", "extension")
    yield hides("marge for homer", T + "TM", "note", "encounter", "extension")
    yield from [
        *history("marge", T + "T1", ["1"]),
        *history("marge", T + "k2", ["1"]),
        *history("marge", T + "k3", ["1"]),
        *history("marge", T + "m5", 403),
        *history("marge for homer", T + "z2", ["1"]),
    ]
    yield shows("marge for homer", "Task/rr-marge", "status", "code", "focus", "owner", "intent")
    yield from sees("marge for homer", unseen="Task/rr-homer Task/rr-marge-ned Task/marges Task/r1")
    yield from sees("marge", "Binary/b1", unseen="Binary/b2 Binary/b3 Patient/ned")
    yield shows("marge", ALICE, "name")
    yield from sees("marge", unseen="Practitioner/gone Organization/closed-lab")
    yield shows("marge", "Organization/lab", "name", "telecom")
    yield shows("marge", BART, "name", "birthDate")
    yield shows("marge", HOMER, "name", "birthDate")
    yield shows("marge", "RelatedPerson/marge-homer", "name", "relationship", "patient", "active")
    yield from sees("marge", unseen="RelatedPerson/maude-ned RelatedPerson/abe-homer")
    yield shows("marge", "CareTeam/bart-team", "name", "status", "subject", "participant")
    yield from sees("marge", unseen="CareTeam/ned-team CareTeam/homer-old-team")
    papers = "DocumentReference/letter DocumentReference/letter-old DocumentReference/letter-ned"
    yield from sees("marge", "DocumentReference/letter-visible", "DocumentReference/letter-bart", unseen=papers)


def carer_writes() -> Iterator[Probe]:
    by: dict[str, Any] = {"sender": ref(MARGE_BART), "subject": ref(BART)}
    yield from _threads_of("marge", MARGE_BART, BART)
    yield from _messages_of("marge", MARGE_BART, "TK", "k3", ALICE, subject=ref(BART))
    yield creates("marge", "a message as bart", message("TK", ALICE, sender=ref(BART), subject=ref(BART)), 403)
    yield creates(
        "marge", "a message as her other self", message("TK", ALICE, **{**by, "sender": ref(MARGE_HOMER)}), 403
    )
    yield creates("marge", "a message about nobody", message("TK", ALICE, **{**by, "subject": None}), 403)
    yield creates("marge", "a message for the other child", message("T1", ALICE, **{**by, "subject": ref(HOMER)}), 403)
    yield creates("marge", "a secret message", message("TK", ALICE, **by, category=[code("patient-only")]), 403)
    yield from _retracts("marge", "new-marge", "new-bart", "TB", "d-marge-bart", "new-marge-gone")
    retract = {"status": "entered-in-error", "payload": None}
    yield updates("marge", "retract what is about another", T + "new-marge-other", 403, **retract)
    yield updates("marge", "retract after a while", T + "k3", 403, **retract)
    yield from [
        deletes("marge", T + "d-marge-bart"),
        updates("marge", "save a draft", T + "d-marge-bart", payload=FALSE),
        deletes("marge", T + "new-marge", 403),
        deletes("marge", T + "d-marge", 403),
        deletes("marge for homer", T + "z1", 403),
    ]


def overseers() -> Iterator[Probe]:
    for who in ("supervisor", "literal supervisor"):
        yield from sees(who, T + "T1", T + "m2", T + "T3", "Task/p5", unseen="Communication/d1 Communication/TD")
        yield creates(who, "a message", message("T1", HOMER), 403)
        yield updates(who, "close", T + "T1", 403, status="completed")
        yield from history(who, T + "v1", ["2", "1"])
    yield Probe(
        "literal supervisor", "gets 403 for people and files", lambda p: p.reads(HOMER, "Binary/b1"), [403, 403]
    )
    yield shows("supervisor", HOMER, "name", "birthDate", "identifier", "active")
    yield shows("supervisor", ALICE, "name", "active", "qualification")
    yield shows("supervisor", "RelatedPerson/marge-homer", "name", "relationship", "patient", "active")
    yield from sees("supervisor", "Binary/b2", "Encounter/visit", "DocumentReference/letter-internal", "Slot/slot-bob")
    about = {"status", "sender", "subject", "recipient"}
    yield shows("auditor", T + "T1", *about, "sent", "encounter")
    yield shows("auditor", T + "m2", *about, "identifier", "partOf")
    yield shows("auditor", "Task/r2", "status", "intent", "focus", "owner", "priority")
    yield shows("auditor", "Provenance/pv1", "target", "recorded", "agent")
    yield shows("auditor", ALICE, "name", "active")
    yield shows("auditor", HOMER, "name")
    yield shows("auditor", "RelatedPerson/marge-homer", "name", "patient")
    yield shows("auditor", "Organization/lab", "name")
    yield from sees("auditor", "AuditEvent/a1", unseen="Communication/d1")
    undo = {"status": "entered-in-error", "statusReason": REASON}
    yield from sees("administrator", T + "T1", T + "T2", unseen="Communication/m1 Communication/d-thread")
    yield shows("administrator", T + "T1", "status", "sender", "subject", "recipient", "sent", "encounter")
    yield updates("administrator", "undo a thread", T + "T1", **undo)
    yield updates("administrator", "undo a thread without a reason", T + "T1", 403, status="entered-in-error")
    yield updates("administrator", "close", T + "T1", 403, status="completed", statusReason=REASON)
    yield updates("administrator", "undo and readdress", T + "T1", 422, **undo, recipient=refs(BOB))
    yield updates("administrator", "write what is hidden", T + "T1", 422, **undo, note=[{"text": "x"}])
    yield updates("administrator", "change the directory", HOMER, gender="other")


def client() -> Iterator[Probe]:
    yield from sees("client", T + "T1", T + "m2", "Task/r1", unseen="Communication/d1 Subscription/hook")
    yield from sees("client", "Subscription/socket")
    yield shows("client", ALICE, "name", "active", "telecom", "identifier")
    socket = {"status": "requested", "reason": "news", "criteria": "Task?owner=Practitioner/alice"}
    hook = {"type": "rest-hook", "endpoint": "https://clinic.example/"}
    yield from [
        creates("client", "a thread of alice", header(HOMER, ALICE)),
        creates("client", "a message of homer", message("T1", ALICE, sender=ref(HOMER))),
        creates("client", "a draft", header(sender=ref(WEBHOOK), status="preparation"), 403),
        creates("client", "a message in another practice", message("TD", HOMER), 400),
        updates("client", "close", T + "T1", status="completed"),
        updates("client", "change a sender", T + "m3", 422, sender=ref(BOB)),
        updates("client", "make a thread a draft", T + "TW", 403, status="preparation"),
        updates("client", "claim for alice", "Task/p1", owner=ref(ALICE), status="accepted"),
        updates("client", "move a task", "Task/p1", 422, focus=ref(T + "T1")),
        deletes("client", T + "m3", 403),
        creates("client", "a socket", resource("Subscription", "", **socket, channel={"type": "websocket"})),
        creates("client", "a hook", resource("Subscription", "", **socket, channel=hook), 403),
        deletes("client", "Subscription/socket"),
        creates("client", "a task", task("T1", owner=ref(BOB))),
    ]


STAFF_FILES = {"Organization": "rs", "Patient": "rs", "Practitioner": "rs", "PractitionerRole": "rs"}
MAY: dict[str, dict[str, str]] = {
    "alice": {
        **STAFF_FILES,
        **{"Binary": "rc", "CareTeam": "rs", "Communication": "rvshcud", "DocumentReference": "rvshcu"},
        **{"Encounter": "rvshcu", "Provenance": "rsc", "RelatedPerson": "rs", "Schedule": "rscu", "Slot": "rscud"},
        "Task": "rvshcu",
    },
    "homer": {
        **{"Binary": "rc", "CareTeam": "rs", "Communication": "rvshcud", "DocumentReference": "rs", "Task": "rs"},
        **{"Organization": "rs", "Patient": "rs", "Practitioner": "rs", "RelatedPerson": "rs"},
    },
    "marge": {
        **{"Binary": "rc", "CareTeam": "rs", "Communication": "rvshcud", "DocumentReference": "rs", "Task": "rs"},
        **{"Organization": "rs", "Patient": "rs", "Practitioner": "rs", "RelatedPerson": "rs"},
    },
    "supervisor": {
        **STAFF_FILES,
        **{"Binary": "r", "CareTeam": "rs", "Communication": "rvsh", "DocumentReference": "rvsh", "Task": "rvsh"},
        **{"Encounter": "rvsh", "Provenance": "rvsh", "RelatedPerson": "rs", "Schedule": "rs", "Slot": "rs"},
    },
    "literal supervisor": {"Communication": "rvsh", "Task": "rvsh"},
    "auditor": {
        **{"AuditEvent": "rvsht", "Communication": "rvsht", "Provenance": "rvsht", "Task": "rvsht"},
        **{"Organization": "rs", "Patient": "rs", "Practitioner": "rs", "RelatedPerson": "rs"},
    },
    "administrator": {
        **dict.fromkeys(("AccessPolicy", "Bot", "Subscription"), "rvshcud"),
        **dict.fromkeys(("CareTeam", "Organization", "Patient"), "rvshcu"),
        **dict.fromkeys(("Practitioner", "PractitionerRole", "RelatedPerson"), "rvshcu"),
        **{"Communication": "rsu", "Schedule": "rs", "Slot": "rs"},
    },
    "client": {
        **STAFF_FILES,
        **{"Binary": "rc", "CareTeam": "rs", "Communication": "rvshcu", "DocumentReference": "rsc", "Task": "rvshcu"},
        **{"Encounter": "rvshcu", "Provenance": "rsc", "RelatedPerson": "rs", "Schedule": "rs", "Slot": "rs"},
        "Subscription": "rscd",
    },
    "nobody": {},
}
"""What each role may do with a type at all, everything else is 403: (r)ead (v)read (s)earch (h)istory (c)reate (u)pdate
(d)elete, and (t) for the history of the whole type.
"""


def types() -> Iterator[Probe]:
    for who, expected in MAY.items():
        yield Probe(who, "has these interactions and no other", lambda p: p.may(), expected)
        closed = sorted({"AuditEvent", "Communication", "Patient", "Task", "Encounter"} - set(expected))
        for type in closed:
            yield Probe(
                who, f"gets 403 for {type}", lambda p, type=type: (p.reads(f"{type}/x"), p.finds(type)), (403, 403)
            )


HOMERS = "T1 TC TF TL TP TW d-homer d-thread-homer m1 m10 m3 m4 m5 m6 new-alice new-homer new-homer-gone p1 v1"
HIDDEN_FROM_ALICE = "T3 TB TL TX d-homer d-marge d-marge-bart d-thread-homer d-thread-marge m4 m8 stray y1 y2"
MARGES = """T1 TB TC TF TK TL TW d-marge d-marge-bart k1 k2 k3 m1 m3 m5 m6 new-alice new-bart new-homer new-homer-gone
    new-marge new-marge-gone new-marge-other v1 z1"""
DRAFTS = "d-empty d-homer d-marge d-marge-bart d-thread d-thread-homer d-thread-marge d1"
HEADERS = "T1 T2 T3 TB TC TF TH TK TL TM TP TW TX TZ"
OVERSEEN: dict[str, str] = {
    "supervisor": "Patient Practitioner RelatedPerson PractitionerRole CareTeam Provenance Encounter Schedule Slot "
    "Task",
    "literal supervisor": "Task",
    "auditor": "Patient Practitioner RelatedPerson Organization Provenance Task AuditEvent",
    "administrator": "Patient Practitioner RelatedPerson Organization PractitionerRole CareTeam Schedule Slot "
    "Subscription",
    "client": "Patient Practitioner RelatedPerson Organization PractitionerRole CareTeam Encounter Schedule Slot Task "
    "Provenance DocumentReference",
}


def lists() -> Iterator[Probe]:
    """What each finds where they search for nothing in particular."""
    yield finds("alice", "Communication", but("Communication", HIDDEN_FROM_ALICE))
    yield finds("alice", "Task", but("Task", "p1 p10 p11 p12 p13"))
    yield finds("charlie", "Communication")
    yield finds("charlie", "Task", "o2 o3 o4")
    yield finds("charlie", "Provenance", "pv3 pv4")
    yield finds("charlie", "DocumentReference", but("DocumentReference", "letter-alice letter-internal"))
    yield finds("alice", "DocumentReference", but("DocumentReference", "letter-internal"))
    yield finds("nora", "Communication", "T3 stray y1 y2")
    yield finds("nora", "Task", "p1 p10 p11 p12 p13 p3 rr-pool")
    yield finds("bob", "Encounter", "visit-bob")
    yield finds("bob", "Schedule", "of-bob")
    yield finds("bob", "Slot", "slot-bob")
    for type in (*STAFF_FILES, "CareTeam", "RelatedPerson"):
        yield finds("alice", type, but(type, ""))
    yield from _lists_of(
        "homer", HOMERS, teams="homer-team", papers="letter-visible", carers="marge-homer", self="homer"
    )
    yield from _lists_of("ned", "T3 y1 y2", teams="ned-team", papers="letter-ned", carers="maude-ned", self="ned")
    yield from _lists_of(
        "marge",
        MARGES,
        teams="bart-team homer-team",
        papers="letter-bart letter-visible",
        carers="marge-bart marge-homer",
        self="bart homer",
    )
    yield finds("marge for homer", "Communication", MARGES, "TM d-thread-marge z2")
    yield finds("homer", "Task", "rr-homer")
    yield finds("marge for homer", "Task", "rr-marge")
    for who, found in OVERSEEN.items():
        yield from (finds(who, type, but(type, "")) for type in found.split())
        yield finds(who, "Communication", HEADERS if who == "administrator" else but("Communication", DRAFTS))
    yield finds("client", "Subscription", "socket")


def _lists_of(who: str, threads: str, *, teams: str, papers: str, carers: str, self: str) -> Iterator[Probe]:
    yield finds(who, "Communication", threads)
    yield finds(who, "CareTeam", teams)
    yield finds(who, "DocumentReference", papers)
    yield finds(who, "RelatedPerson", carers)
    yield finds(who, "Patient", self)
    yield finds(who, "Practitioner", but("Practitioner", "gone"))
    yield finds(who, "Organization", but("Organization", "closed-lab"))


def but(type: str, ids: str) -> str:
    """Every id of a type in Springfield but these."""
    every = {one["id"] for one in (*springfield(), *second_versions()) if one["resourceType"] == type}
    own = {"P1"} if type == "Organization" else set()
    return " ".join((every | own) - set(ids.split()))


def files() -> Iterator[Probe]:
    for who in ("alice", "homer", "marge", "client"):
        yield creates(who, "a file", resource("Binary", "", contentType="text/plain", data="aGk="))
        yield Probe(who, "gets 400 for a search of files", lambda p: p.finds("Binary"), 400)
    yield from sees("client", "Binary/b1", "Binary/b2", unseen="Binary/b3 Binary/b-new")
    yield Probe("auditor", "gets 403 for a file", lambda p: p.reads("Binary/b1"), 403)
    yield Probe("administrator", "gets 403 for a file", lambda p: p.reads("Binary/b1"), 403)


def walls() -> Iterator[Probe]:
    yield from sees("dora", T + "TD", unseen="Communication/T1 Communication/m1 Patient/ned Binary/b1")
    yield Probe("dora", "sees her own homer", lambda p: p.read(HOMER)["name"], [{"text": "Another Homer"}])
    yield Probe("nobody", "gets 403 for all", lambda p: p.reads(T + "T1", HOMER, "Task/r1"), [403, 403, 403])


PROBES: list[Probe] = [
    probe
    for group in (
        clinician_threads,
        clinician_messages,
        clinician_tasks,
        clinician_papers,
        patient_reads,
        patient_writes,
        carer_reads,
        carer_writes,
        overseers,
        client,
        types,
        lists,
        files,
        walls,
    )
    for probe in group()
]
