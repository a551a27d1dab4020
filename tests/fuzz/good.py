"""Resources that somebody of the clinic may store: what random bodies are made from."""

from inbox.fhir.types import Resource

from .world import HIDDEN, STATED, message, ref, refs, task, thread

ALICE, CHARLIE, HOMER = "Practitioner/alice", "Practitioner/charlie", "Patient/homer"
GOOD: tuple[Resource, ...] = (
    thread("x", ALICE, HOMER),
    thread("x", CHARLIE, HOMER),
    message("x", "open-thread", ALICE, HOMER, CHARLIE),
    message("x", "open-thread", CHARLIE, HOMER),
    message("x", "open-thread", CHARLIE, HOMER, status="preparation"),
    message("x", f"{HIDDEN}thread", CHARLIE, ALICE),
    message("x", "open-thread", CHARLIE, HOMER, inResponseTo=refs(f"Communication/{HIDDEN}message")),
    message("x", "open-thread", CHARLIE, HOMER, payload=[{"contentAttachment": {"url": f"Binary/{HIDDEN}file"}}]),
    task("x", "open-thread", CHARLIE),
    task("x", f"{HIDDEN}thread", CHARLIE),
    {
        "resourceType": "Patient",
        "active": True,
        "name": [{"family": "Simpson", "given": ["Lisa", None], "_given": [None, {"id": "a"}]}],
        "birthDate": "1974-12",
        "_birthDate": {"id": "b"},
        "identifier": [{"system": "urn:x", "value": "1"}],
        "telecom": [{"system": "phone", "value": "+1 555"}],
        "multipleBirthInteger": 2,
        "managingOrganization": {"display": "x"},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]},
        "subject": ref(HOMER),
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": 1.5, "unit": "mg"},
        "contained": [{"resourceType": "Patient", "id": "c"}],
        "component": [{"code": {"text": "x"}, "valueInteger": 1}],
    },
    {
        "resourceType": "Provenance",
        "target": refs("Communication/open-thread"),
        "recorded": STATED,
        "agent": [{"who": ref(CHARLIE)}],
    },
    {
        "resourceType": "Encounter",
        "status": "planned",
        "class": {"code": "VR"},
        "subject": ref(HOMER),
        "participant": [{"individual": ref(CHARLIE)}],
        "period": {"start": "2026-11-20", "end": "2026-11-21"},
    },
    {
        "resourceType": "Slot",
        "schedule": ref("Schedule/open-schedule"),
        "status": "free",
        "start": "2026-11-23T10:00:00Z",
        "end": "2026-11-23T10:30:00Z",
    },
    {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "x",
        "criteria": "Communication?status=in-progress",
        "channel": {"type": "websocket"},
    },
    {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": ref(HOMER),
        "author": refs(CHARLIE),
        "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8=", "size": 5}}],
    },
    {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVsbG8="},
    {
        "resourceType": "AuditEvent",
        "recorded": STATED,
        "type": {"code": "rest"},
        "agent": [{"requestor": True}],
        "source": {"observer": {"display": "x"}},
    },
    {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Patient"}}]},
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient", "id": "z"}}]},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]},
)
"""Resources that somebody may store; the id is put in where the address has one."""
