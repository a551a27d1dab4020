"""The codes that messaging uses, in one place. URIs are those of the published messaging guide where it has one."""

from django.conf import settings

from inbox.fhir.types import Resource

READ_RECEIPT_SYSTEM = f"{settings.VOCABULARY}/task-codes"
READ_RECEIPT = "read-receipt"
CATEGORY = "https://fhir-inbox.example/communication-category"
TAGS_SYSTEM = "https://fhir-inbox.example/tags"
CLIENT_ID = "https://fhir-inbox.example/client-id"
"""Identifier system of the id that a page gives every send, so that a repeated send makes one message."""

TAGS: list[tuple[str, str]] = [
    ("lab-results", "Lab results"),
    ("medicines", "Medicines"),
    ("appointments", "Appointments"),
    ("symptoms", "Symptoms"),
    ("letters", "Letters and forms"),
    ("diabetes", "Diabetes"),
    ("heart", "Heart"),
    ("children", "Children"),
    ("vaccination", "Vaccination"),
    ("referrals", "Referrals"),
    ("nutrition", "Nutrition"),
    ("team", "Team"),
]


def concept(system: str, code: str, display: str = "") -> Resource:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def receipt_code() -> Resource:
    return concept(READ_RECEIPT_SYSTEM, READ_RECEIPT)


def tag_concepts(codes: list[str]) -> list[Resource]:
    """The known tags among these codes, as categories."""
    labels = dict(TAGS)
    return [concept(TAGS_SYSTEM, code, labels[code]) for code in codes if code in labels]


def tag_labels(resource: Resource) -> list[str]:
    """What the tag chips of a thread say."""
    codings = [one for category in resource.get("category", []) for one in category.get("coding", [])]
    return [one.get("display") or one["code"] for one in codings if one.get("system") != CATEGORY and one.get("code")]


def text_of(concept: Resource) -> str:
    """What a CodeableConcept says to people."""
    codings = concept.get("coding", [])
    return str(concept.get("text") or next((one.get("display") or one.get("code", "") for one in codings), ""))
