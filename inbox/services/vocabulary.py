"""The codes that messaging uses, in one place. URIs are those of the published messaging guide where it has one."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from inbox.fhir.types import Resource

READ_RECEIPT_SYSTEM = f"{settings.VOCABULARY}/task-codes"
READ_RECEIPT = "read-receipt"
CATEGORY = "https://fhir-inbox.example/communication-category"
TAGS_SYSTEM = "https://fhir-inbox.example/tags"
CLIENT_ID = "https://fhir-inbox.example/client-id"
"""Identifier system of the id that a page gives every send, so that a repeated send makes one message."""

TAGS: list[tuple[str, str]] = [
    ("lab-results", gettext_noop("Lab results")),
    ("medicines", gettext_noop("Medicines")),
    ("appointments", gettext_noop("Appointments")),
    ("symptoms", gettext_noop("Symptoms")),
    ("letters", gettext_noop("Letters and forms")),
    ("diabetes", gettext_noop("Diabetes")),
    ("heart", gettext_noop("Heart")),
    ("children", gettext_noop("Children")),
    ("vaccination", gettext_noop("Vaccination")),
    ("referrals", gettext_noop("Referrals")),
    ("nutrition", gettext_noop("Nutrition")),
    ("team", gettext_noop("Team")),
]
"""Code and English name, which is what resources carry; pages show `tags()`."""


def tags() -> list[tuple[str, str]]:
    """The tags: code, and name in the language of the page."""
    return [(code, _(label)) for code, label in TAGS]


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
    """What the tag chips of a thread say: our own tags in the language of the page, others as they are named."""
    codings = [one for category in resource.get("category", []) for one in category.get("coding", [])]
    return [_tag_label(one) for one in codings if one.get("system") != CATEGORY and one.get("code")]


def _tag_label(coding: Resource) -> str:
    own = dict(TAGS).get(coding["code"]) if coding.get("system") == TAGS_SYSTEM else None
    return _(own) if own else str(coding.get("display") or coding["code"])


def text_of(concept: Resource) -> str:
    """What a CodeableConcept says to people."""
    codings = concept.get("coding", [])
    return str(concept.get("text") or next((one.get("display") or one.get("code", "") for one in codings), ""))
