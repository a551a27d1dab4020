"""People as pages show them: names, initials, roles; finding somebody to add; the patient panel."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inbox.fhir import outcome, rows
from inbox.fhir.repository import Repository
from inbox.fhir.types import Params, Resource, split_reference

from .moments import age, born
from .vocabulary import text_of

TITLES = ("dr", "dra", "prof", "profa")
STAFF = ("Practitioner", "PractitionerRole", "Organization", "CareTeam", "Device")


@dataclass(frozen=True)
class Person:
    """Somebody as a name with initials; `staff` decides the avatar's shape, `role` is a word such as Nurse."""

    reference: str
    name: str
    initials: str
    staff: bool
    role: str = ""

    @property
    def first(self) -> str:
        """The name by which a colleague calls them: `Homer`, or `Dr. Smith`."""
        words = self.name.split()
        titled = words[:1] and words[0].rstrip(".").lower() in TITLES
        return f"{words[0]} {words[-1]}" if titled and len(words) > 1 else (words[0] if words else self.name)


@dataclass(frozen=True)
class PatientPanel:
    """What stands beside a conversation about a patient."""

    person: Person
    note: str
    facts: list[tuple[str, str]]


def person(reference: Resource, role: str = "") -> Person:
    """The person that a Reference names, from its display."""
    target = str(reference.get("reference", ""))
    name = str(reference.get("display") or _("Somebody"))
    return Person(target, name, initials(name), target.partition("/")[0] in STAFF, role)


def initials(name: str) -> str:
    words = [word for word in name.replace(".", " ").split() if word[:1].isalpha() and word.lower() not in TITLES]
    return ((words[0][0] if words else "?") + (words[-1][0] if len(words) > 1 else "")).upper()


def of(resource: Resource, role: str = "") -> Person:
    """The person that a Practitioner, Patient or RelatedPerson resource describes."""
    name = rows.display_of(resource)
    return person({"reference": f"{resource['resourceType']}/{resource['id']}", "display": name}, role)


def search(
    repo: Repository, text: str, *, kinds: Iterable[str] = ("Practitioner", "Patient", "RelatedPerson"), limit: int = 20
) -> list[Person]:
    """People whose name has words that begin with the words of the text; each kind that the reader may search."""
    found: list[Person] = []
    for kind in kinds:
        if repo.may("search", kind):
            params: Params = [*_name_params(text), ("_count", str(limit))]
            if kind != "Patient":
                params.append(("active:not", "false"))
            found += [of(one, _role(one)) for one in repo.search(kind, params).resources]
    return sorted(found, key=lambda one: one.name.casefold())[:limit]


def patients(repo: Repository, text: str, *, limit: int = 20) -> list[Person]:
    """Patients by name, told apart by date of birth and record number."""
    if not repo.may("search", "Patient"):
        return []
    found = repo.search("Patient", [*_name_params(text), ("_count", str(limit))]).resources
    return sorted((of(one, _told_apart(one)) for one in found), key=lambda one: one.name.casefold())


def subjects(repo: Repository) -> list[Person]:
    """Patients about whom a patient or carer may start a thread: a carer of several acts for one of them at a time."""
    return [one for one in patients(repo, "") if repo.may("create", "Communication", _beginning(repo, one))]


def _beginning(repo: Repository, patient: Person) -> Resource:
    me = repo.actor.profile
    return {
        "resourceType": "Communication",
        "status": "in-progress",
        "subject": {"reference": patient.reference},
        "recipient": [{"reference": one} for one in dict.fromkeys([me, patient.reference])],
        "sender": {"reference": me},
    }


def writable(repo: Repository) -> list[Person]:
    """Whom a patient or carer may write to: the members of their care teams."""
    if not repo.may("search", "CareTeam"):
        return []
    found: dict[str, Person] = {}
    for team in repo.search("CareTeam", [("status", "active"), ("_count", "20")]).resources:
        for one in team.get("participant", []):
            member = one.get("member", {})
            if split_reference(member.get("reference", ""))[0] == "Practitioner":
                role = next((text_of(concept) for concept in one.get("role", [])), "")
                found.setdefault(member["reference"], person(member, role))
    return list(found.values())


def patient_panel(repo: Repository, reference: str) -> PatientPanel | None:
    """The panel of a patient; nothing where the reader may not see the Patient itself."""
    type, id = split_reference(reference)
    if type != "Patient" or not repo.may("read", "Patient"):
        return None
    try:
        found = repo.read(type, id)
    except outcome.FHIRError:
        return None
    return PatientPanel(of(found), _age_and_gender(found), _facts(found))


def circle(repo: Repository, reference: str) -> list[Person]:
    """The members of a patient's active care teams."""
    if not repo.may("search", "CareTeam"):
        return []
    params: Params = [("subject", reference), ("status", "active"), ("_count", "10")]
    found: dict[str, Person] = {}
    for team in repo.search("CareTeam", params).resources:
        for one in team.get("participant", []):
            role = next((text_of(concept) for concept in one.get("role", [])), "")
            member = person(one.get("member", {}), role)
            found.setdefault(member.reference, member)
    return list(found.values())


def _age_and_gender(found: Resource) -> str:
    years = age(found.get("birthDate", ""))
    gender = {"male": _("male"), "female": _("female"), "other": _("other")}.get(found.get("gender", ""), "")
    return " · ".join(part for part in (years, gender) if part)


def _facts(found: Resource) -> list[tuple[str, str]]:
    facts = []
    if "birthDate" in found:
        facts.append((_("Born"), born(found["birthDate"])))
    facts += [(_("MRN"), one["value"]) for one in found.get("identifier", [])[:1] if "value" in one]
    labels = {"phone": _("Phone"), "email": _("E-mail")}
    for one in found.get("telecom", [])[:3]:
        if one.get("system") in labels and "value" in one:
            facts.append((labels[one["system"]], one["value"]))
    for one in found.get("communication", [])[:1]:
        if text := text_of(one.get("language", {})):
            facts.append((_("Language"), text))
    return facts


def record_number(found: Resource) -> str:
    return next((str(one["value"]) for one in found.get("identifier", []) if "value" in one), "")


def _told_apart(found: Resource) -> str:
    number = record_number(found)
    parts = [_("born %(day)s") % {"day": born(found["birthDate"])} if "birthDate" in found else ""]
    return " · ".join(part for part in (*parts, f"{_('MRN')} {number}" if number else "") if part)


def _role(found: Resource) -> str:
    if found["resourceType"] == "Patient":
        return _told_apart(found)
    concepts = found.get("relationship", []) or [one.get("code", {}) for one in found.get("qualification", [])]
    for concept in concepts:
        if text := text_of(concept):
            return text
    return ""


def _name_params(text: str) -> Params:
    return [("name", word) for word in text.replace(",", " ").replace("|", " ").split()[:5]]
