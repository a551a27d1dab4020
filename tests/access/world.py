"""The clinic that the access tests live in: two practices, their people, threads, Tasks and papers, as plain FHIR.

alice and bob treat homer, charlie is a stranger of the same practice, dora one of another. Nora and Nick answer the
nurses' pool. Ned is another patient; marge acts for homer and for bart. Sam supervises, audits or administers.
"""

from datetime import UTC, datetime
from typing import Any

from inbox.fhir.types import Resource

ALICE, BOB, CHARLIE = "Practitioner/alice", "Practitioner/bob", "Practitioner/charlie"
NORA, NICK, SAM, DORA, GONE = (
    "Practitioner/nora",
    "Practitioner/nick",
    "Practitioner/sam",
    "Practitioner/dora",
    "Practitioner/gone",
)
HOMER, NED, BART = "Patient/homer", "Patient/ned", "Patient/bart"
MARGE_HOMER, MARGE_BART = "RelatedPerson/marge-homer", "RelatedPerson/marge-bart"
WEBHOOK = "Device/webhook"

RECEIPT = "https://medplum.com/task-codes|read-receipt"
BEFORE = "2026-01-01T12:00:00Z"
"""When the world was made: long ago, so that what is made in a test is recent."""

PEOPLE: dict[str, tuple[int, str, tuple[str, ...], str]] = {
    "alice": (1, ALICE, (ALICE,), "clinician"),
    "bob": (1, BOB, (BOB,), "clinician"),
    "charlie": (1, CHARLIE, (CHARLIE,), "clinician"),
    "nora": (1, NORA, (NORA,), "clinician"),
    "nick": (1, NICK, (NICK,), "clinician"),
    "dora": (2, DORA, (DORA,), "clinician"),
    "homer": (1, HOMER, (HOMER,), "patient"),
    "ned": (1, NED, (NED,), "patient"),
    "bart": (1, BART, (BART,), "patient"),
    "marge": (1, MARGE_BART, (MARGE_HOMER, MARGE_BART), "carer"),
    "marge for homer": (1, MARGE_HOMER, (MARGE_HOMER, MARGE_BART), "carer"),
    "supervisor": (1, SAM, (SAM,), "supervisor"),
    "literal supervisor": (1, SAM, (SAM,), "supervisor-literal"),
    "auditor": (1, SAM, (SAM,), "auditor"),
    "administrator": (1, SAM, (SAM,), "administrator"),
    "client": (1, WEBHOOK, (WEBHOOK,), "client"),
    "nobody": (1, ALICE, (ALICE,), ""),
}
"""Who acts: practice, acting profile, all profiles of the account, shipped policy."""


def ref(target: str) -> Resource:
    return {"reference": target}


def refs(*targets: str) -> list[Resource]:
    return [ref(one) for one in targets]


def code(text: str) -> Resource:
    """A CodeableConcept: `system|code`, or a code of a system of our own."""
    system, bar, symbol = text.rpartition("|")
    return {"coding": [{"system": system if bar else "https://clinic.example/codes", "code": symbol}]}


def communication(id: str, /, **elements: Any) -> Resource:
    """A Communication of homer's by alice, in progress, unless the elements say otherwise; None leaves one out."""
    defaults = {"status": "in-progress", "sender": ref(ALICE), "subject": ref(HOMER)}
    return resource("Communication", id, **{**defaults, **elements})


def resource(type: str, id: str, /, **elements: Any) -> Resource:
    named = {"for_": "for", "class_": "class"}
    kept = {named.get(name, name): value for name, value in elements.items() if value not in (None, [])}
    return {"resourceType": type, **({"id": id} if id else {}), **kept}


def header(*recipients: str, id: str = "", **elements: Any) -> Resource:
    return communication(id, **{"recipient": refs(*recipients), "topic": {"text": f"About {id or 'it'}"}, **elements})


def message(thread: str, *recipients: str, id: str = "", **elements: Any) -> Resource:
    parent, text = refs(f"Communication/{thread}"), [{"contentString": f"Text of {id or 'a message'}"}]
    return communication(id, **{"partOf": parent, "recipient": refs(*recipients), "payload": text, **elements})


def task(thread: str, id: str = "", /, **elements: Any) -> Resource:
    defaults = {"status": "requested", "intent": "order", "code": code("answer"), "priority": "routine"}
    return resource("Task", id, **{**defaults, "focus": ref(f"Communication/{thread}"), **elements})


def note(thread: str, *recipients: str, **elements: Any) -> Resource:
    return message(thread, *recipients, category=[code("internal")], **elements)


def attached(file: str) -> list[Resource]:
    return [{"contentString": "See the file"}, {"contentAttachment": {"url": f"Binary/{file}", "title": "A file"}}]


def springfield() -> list[Resource]:
    """Practice 1, in an order in which references lead back."""
    return [*_directory(), *_papers(), *_threads(), *_messages(), *_files(), *_tasks(), *_traces()]


def shelbyville() -> list[Resource]:
    """Practice 2, with the same ids where that could matter."""
    return [
        _practitioner("dora", "Dora"),
        _practitioner("alice", "Another Alice"),
        _patient("homer", "Another Homer"),
        header(DORA, id="TD", sender=ref(DORA), subject=None),
        message("TD", DORA, id="m-dora", sender=ref(DORA), subject=None),
    ]


FULL = {
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">secret</div>'},
    "telecom": [{"system": "phone", "value": "555-0100"}],
    "address": [{"city": "Springfield"}],
}
"""Elements that the names of a directory do not show."""


def _practitioner(id: str, name: str, **elements: Any) -> Resource:
    return resource(
        "Practitioner",
        id,
        **{
            "active": True,
            "name": [{"text": name}],
            "gender": "unknown",
            "birthDate": "1970-01-01",
            **FULL,
            **elements,
        },
        identifier=[{"system": "https://clinic.example/staff", "value": id}],
        qualification=[{"code": {"text": "MD"}}],
        _birthDate={"id": "hint"},
    )


def _patient(id: str, name: str) -> Resource:
    identifier = [{"system": "https://clinic.example/mrn", "value": f"mrn-{id}"}]
    return resource(
        "Patient",
        id,
        active=True,
        name=[{"text": name}],
        birthDate="2015-01-01",
        gender="male",
        identifier=identifier,
        **FULL,
    )


def _related(id: str, patient: str, **elements: Any) -> Resource:
    relationship = [{"text": "Mother"}]
    defaults = {"active": True, "patient": ref(patient), "name": [{"text": id}], "relationship": relationship, **FULL}
    return resource("RelatedPerson", id, **{**defaults, **elements})


def _role(id: str, practitioner: str, *roles: str, **elements: Any) -> Resource:
    return resource(
        "PractitionerRole", id, practitioner=ref(practitioner), code=[code(one) for one in roles], **elements
    )


def _team(id: str, patient: str, *members: str, **elements: Any) -> Resource:
    names = {"name": id, "subject": ref(patient), "participant": [{"member": ref(one)} for one in members]}
    return resource(
        "CareTeam", id, **{**names, "note": [{"text": "between us"}], "telecom": FULL["telecom"], **elements}
    )


def _directory() -> list[Resource]:
    names = ("alice", "bob", "charlie", "nora", "nick", "sam")
    return [
        *(_practitioner(one, one.title()) for one in names),
        _practitioner("gone", "Gone", active=False),
        *(_patient(one, one.title()) for one in ("homer", "ned", "bart")),
        _related("marge-homer", HOMER),
        _related("marge-bart", BART),
        _related("abe-homer", HOMER, active=False),
        _related("maude-ned", NED),
        _role("nora-nurse", NORA, "nurse", active=True),
        _role("nick-nurse", NICK, "nurse"),
        _role("bob-was-nurse", BOB, "nurse", active=False),
        _team("homer-team", HOMER, ALICE, status="active"),
        _team("homer-old-team", HOMER, BOB, status="inactive"),
        _team("homer-some-team", HOMER, BOB),
        _team("bart-team", BART, ALICE, status="active"),
        _team("ned-team", NED, BOB, status="active"),
        resource("Organization", "lab", active=True, name="Lab", alias=["The lab"], **FULL),
        resource("Organization", "closed-lab", active=False, name="Closed lab", **FULL),
        resource("Device", "webhook", status="active"),
    ]


def _papers() -> list[Resource]:
    visit = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    plans = {"alice": ALICE, "bob": BOB}
    return [
        resource("Encounter", "visit", status="planned", class_=visit, participant=[{"individual": ref(ALICE)}]),
        resource("Encounter", "visit-bob", status="planned", class_=visit, participant=[{"individual": ref(BOB)}]),
        *(resource("Schedule", f"of-{name}", actor=refs(actor)) for name, actor in plans.items()),
        *(_slot(f"slot-{name}", f"of-{name}") for name in plans),
        _document("letter", HOMER),
        _document("letter-internal", HOMER, "internal"),
        _document("letter-visible", HOMER, "patient-visible"),
        _document("letter-old", HOMER, "patient-visible", status="superseded"),
        _document("letter-bart", BART, "patient-visible"),
        _document("letter-ned", NED, "patient-visible"),
        _document("letter-alice", HOMER, "internal", author=refs(ALICE)),
        _subscription("socket", {"type": "websocket"}),
        _subscription("hook", {"type": "rest-hook", "endpoint": "https://clinic.example/hook"}),
    ]


def _slot(id: str, schedule: str) -> Resource:
    times = {"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T10:00:00Z"}
    return resource("Slot", id, schedule=ref(f"Schedule/{schedule}"), status="busy-unavailable", **times)


def _document(id: str, patient: str, label: str = "", **elements: Any) -> Resource:
    content = [{"attachment": {"title": id}}]
    labels = [code(label)] if label else []
    found = {"status": "current", "subject": ref(patient), "content": content, "securityLabel": labels, **elements}
    return resource("DocumentReference", id, **found)


def _subscription(id: str, channel: Resource) -> Resource:
    about = {"status": "active", "reason": "news", "criteria": "Communication?recipient=Practitioner/alice"}
    return resource("Subscription", id, channel=channel, **about)


ASIDE = {
    "note": [{"text": "an internal remark"}],
    "encounter": ref("Encounter/visit"),
    "extension": [{"url": "https://clinic.example/aside", "valueString": "x"}],
}
"""What staff keep on a header and patients do not see."""


def _threads() -> list[Resource]:
    return [
        header(HOMER, ALICE, BOB, id="T1", sent="2026-01-01T09:00:00Z", **ASIDE),
        header(ALICE, BOB, id="T2", category=[code("internal")], **ASIDE),
        header(NED, BOB, id="T3", subject=ref(NED), sender=ref(BOB), **ASIDE),
        header(BART, ALICE, id="TK", subject=ref(BART), **ASIDE),
        header(HOMER, ALICE, id="TP", category=[code("patient-only")], **ASIDE),
        header(HOMER, ALICE, id="TX", status="entered-in-error", statusReason={"text": "wrong patient"}),
        header(HOMER, ALICE, BOB, id="TC", status="completed"),
        header(ALICE, MARGE_HOMER, id="TM", **ASIDE),
        header(HOMER, BOB, id="TL"),
        header(ALICE, id="TH", sender=ref(HOMER)),
        header(ALICE, id="TZ", sender=ref(MARGE_HOMER)),
        header(ALICE, HOMER, id="TW", sender=ref(WEBHOOK)),
        recent(header(HOMER, ALICE, id="TF", sender=ref(HOMER))),
        recent(header(BART, MARGE_BART, id="TB", sender=ref(MARGE_BART), subject=ref(BART))),
        header(HOMER, ALICE, id="d-thread", status="preparation"),
        header(id="d-empty", status="preparation"),
        header(id="d-thread-homer", status="preparation", sender=ref(HOMER)),
        header(id="d-thread-marge", status="preparation", sender=ref(MARGE_HOMER)),
    ]


def _messages() -> list[Resource]:
    homers, marges, barts = {"sender": ref(HOMER)}, {"sender": ref(MARGE_HOMER)}, {"subject": ref(BART)}
    gone: dict[str, Any] = {"status": "entered-in-error", "payload": None}
    sent = [{"system": "https://clinic.example/sent", "value": "42"}]
    return [
        message("T1", ALICE, BOB, id="m1", **homers, payload=attached("b1"), note=ASIDE["note"]),
        note("T1", BOB, id="m2", payload=attached("b2"), identifier=sent),
        message("T1", HOMER, BOB, id="m3"),
        message("T1", BOB, id="m4", **homers, category=[code("patient-only")]),
        message("T1", HOMER, BOB, id="m5", **gone, **ASIDE),
        message("T1", ALICE, BOB, id="m6", **homers, **gone),
        note("T1", BOB, HOMER, id="m7", **gone),
        note("T1", BOB, id="m8", **homers),
        message("T1", BOB, id="m9"),
        message("T1", ALICE, id="m10", **homers, subject=ref(NED)),
        note("T2", BOB, id="i1"),
        message("T3", BOB, id="y1", sender=ref(NED), subject=ref(NED)),
        message("T3", NED, id="y2", sender=ref(BOB), subject=ref(NED), **gone),
        message("T3", HOMER, BOB, id="stray", sender=ref(BOB), subject=ref(NED), category=[code("internal")]),
        message("TK", BART, id="k1", **barts),
        message("TK", ALICE, id="k2", sender=ref(BART), **barts),
        message("TK", ALICE, id="k3", sender=ref(MARGE_BART), **barts, **ASIDE),
        message("TP", HOMER, id="p1", category=[code("patient-only")]),
        message("TM", ALICE, id="z1", **marges, **ASIDE),
        message("TM", MARGE_HOMER, id="z2"),
        message("TM", MARGE_HOMER, id="z3", **gone),
        message("TM", MARGE_HOMER, id="z4", subject=ref(NED)),
        message("TM", MARGE_HOMER, id="z5", category=[code("patient-only")]),
        message("TM", ALICE, id="z6", **marges, subject=ref(NED)),
        note("TM", ALICE, id="z7", **marges),
        *_recent_messages(),
        message("T1", id="d1", status="preparation"),
        message("TM", id="d-marge", status="preparation", **marges),
    ]


def _recent_messages() -> list[Resource]:
    """What their senders may still take back, and what lies beside it."""
    homers, marges = {"sender": ref(HOMER)}, {"sender": ref(MARGE_BART), "subject": ref(BART)}
    gone: dict[str, Any] = {"status": "entered-in-error", "payload": None}
    found = [
        message("T1", ALICE, BOB, id="new-homer", **homers),
        message("T1", ALICE, BOB, id="new-homer-gone", **homers, **gone),
        message("T1", id="d-homer", status="preparation", **homers),
        message("T1", HOMER, BOB, id="new-alice"),
        message("TK", ALICE, id="new-marge", **marges),
        message("TK", ALICE, id="new-marge-gone", **marges, **gone),
        message("TK", id="d-marge-bart", status="preparation", **marges),
        message("TK", ALICE, id="new-marge-other", sender=ref(MARGE_BART)),
        message("TK", ALICE, id="new-bart", sender=ref(BART), subject=ref(BART)),
    ]
    return [recent(one) for one in found]


def _files() -> list[Resource]:
    carriers = {"b1": "Communication/m1", "b2": "Communication/m2", "b3": "Communication/m3", "b-new": ""}
    return [
        resource("Binary", id, contentType="text/plain", data="aGk=", securityContext=ref(by) if by else None)
        for id, by in carriers.items()
    ]


def _tasks() -> list[Resource]:
    by_nurses = {"performerType": [code("nurse")]}
    remarks: dict[str, Any] = {
        "note": [{"text": "n"}],
        "description": "what to do",
        "input": [{"type": {"text": "in"}, "valueString": "x"}],
        "output": [{"type": {"text": "out"}, "valueString": "x"}],
    }
    return [
        _mark("rr-homer", HOMER),
        _mark("rr-bob", BOB),
        _mark("rr-marge", MARGE_HOMER, "TM"),
        _mark("rr-marge-ned", MARGE_HOMER, "TM", for_=ref(NED)),
        _mark("rr-pool", "", **by_nurses),
        task("T1", "r1", status="accepted", owner=ref(ALICE), authoredOn="2026", for_=ref(HOMER)),
        task("T2", "r2", status="accepted", owner=ref(BOB), **remarks),
        task("TP", "o1", status="accepted", owner=ref(ALICE), authoredOn="2026"),
        task("T2", "o2", status="completed", owner=ref(CHARLIE), **remarks),
        task("T2", "o3", status="cancelled", owner=ref(CHARLIE)),
        task("T2", "o4", status="in-progress", owner=ref(CHARLIE), **by_nurses),
        task("T3", "p1", **by_nurses),
        task("T2", "p2", performerType=[code("doctor")]),
        task("T2", "p3", status="accepted", owner=ref(BOB), **by_nurses, **remarks),
        task("T2", "p4", status="completed", owner=ref(BOB), **by_nurses),
        task("T2", "p5", status="accepted", owner=ref(BOB), performerType=[code("doctor")]),
        task("T2", "p6", status="draft", **by_nurses),
        task("T2", "p7", owner=ref(BOB), **by_nurses),
        task("T3", "p10", owner=ref(BOB), **by_nurses),
        task("T3", "p11", status="draft", **by_nurses),
        task("TX", "p12", **by_nurses),
        task("T3", "p13", focus=None, **by_nurses),
        task("T1", "homers", owner=ref(HOMER), **remarks),
        task("TM", "marges", owner=ref(MARGE_HOMER), for_=ref(HOMER)),
    ]


def _mark(id: str, reader: str, thread: str = "T1", **elements: Any) -> Resource:
    """A read mark as the system makes it."""
    owner = ref(reader) if reader else None
    return task(thread, id, **{"code": code(RECEIPT), "owner": owner, "for_": ref(HOMER), **elements})


def _traces() -> list[Resource]:
    kind = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"}
    who = [{"who": ref(ALICE), "requestor": True}]
    return [
        resource("AuditEvent", "a1", type=kind, recorded=BEFORE, agent=who, source={"observer": ref("Device/webhook")}),
        provenance("pv1", "Task/r1", ALICE),
        provenance("pv2", "Communication/T2", BOB),
        provenance("pv3", "Patient/homer", ALICE),
        provenance("pv4", "Communication/T2", CHARLIE),
    ]


def provenance(id: str, target: str, agent: str, **elements: Any) -> Resource:
    signed = {"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.5"}], "when": BEFORE}
    found = {"target": refs(target), "recorded": BEFORE, "agent": [{"who": ref(agent)}], **elements}
    return resource("Provenance", id, **found, signature=[{**signed, "who": ref(agent)}])


def second_versions() -> list[Resource]:
    """What changed later: `v1` was a note, was made visible to homer, then changed again."""
    first = note("T1", BOB, id="v1")
    return [first, {**message("T1", BOB, HOMER, id="v1"), "priority": "routine"}]


def recent(found: Resource) -> Resource:
    """As if it had been written just now."""
    return stamped(found, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def stamped(found: Resource, when: str = BEFORE) -> Resource:
    """Last written then, unless it says when itself."""
    return {"meta": {"lastUpdated": when}, **found}
