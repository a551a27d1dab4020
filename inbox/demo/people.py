"""The people of the demo clinics as FHIR resources: staff, patients, carers, care teams, allergies."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from inbox.fhir.types import Resource

ROLES = {
    "D": ("62247001", "Family medicine specialist"),
    "N": ("224535009", "Registered nurse"),
    "C": ("17561000", "Cardiologist"),
    "T": ("159033005", "Dietitian"),
}
SNOMED = "http://snomed.info/sct"
STAMP = "2025-10-01T08:00:00Z"
"""When the clinic began: `meta.lastUpdated` of everything that is not a conversation."""


@dataclass(eq=False)
class Person:
    """Somebody who takes part: the reference with its display, and how others address them."""

    reference: str
    display: str
    address: str
    role: str = ""
    language: str = "en"
    birth: str = ""
    gender: str = ""
    carer: "Person | None" = None
    doctor: "Person | None" = None
    nurse: "Person | None" = None
    specialists: list["Person"] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.reference.partition("/")[2]

    @property
    def staff(self) -> bool:
        return self.reference.startswith("Practitioner/")

    @property
    def ref(self) -> Resource:
        return {"reference": self.reference, "display": self.display}


def staff_member(line: str) -> Person:
    """`D f Dr. Alice Smith` as a person; the id is kind and name."""
    role, gender, name = line.split(" ", 2)
    doctor = name.startswith("Dr. ")
    plain = name.removeprefix("Dr. ")
    kind = {"D": "doctor", "C": "doctor", "N": "nurse", "T": "dietitian", "-": "manager"}[role]
    id = f"{kind}-{plain.lower().replace(' ', '-')}"
    address = f"Dr. {plain.split()[-1]}" if doctor else plain.split()[0]
    return Person(f"Practitioner/{id}", name, address, role=role, gender=_gender(gender))


def patient(line: str, carers: dict[str, Person]) -> Person:
    """`m 1956-05-12 Homer Simpson` as a person; further words: the language, `carer=Marge Simpson,f`."""
    gender, birth, first, last, *rest = line.split(" ")
    id = f"{first}-{last}".lower()
    found = Person(f"Patient/{id}", f"{first} {last}", first, birth=birth, gender=_gender(gender))
    for word in rest:
        if word.startswith("carer="):
            given, sex = word.removeprefix("carer=").split(",")
            carer = f"RelatedPerson/{given.lower()}-{last.lower()}-{first.lower()}"
            found.carer = Person(carer, f"{given} {last}", given, gender=_gender(sex))
            carers[carer] = found.carer
        else:
            found.language = word
    return found


def _gender(letter: str) -> str:
    return {"f": "female", "m": "male", "o": "other"}[letter]


def _name(person: Person) -> Resource:
    prefix = {"prefix": ["Dr."]} if person.display.startswith("Dr. ") else {}
    *given, family = person.display.removeprefix("Dr. ").split()
    return {"use": "official", "text": person.display, "family": family, "given": given, **prefix}


def _resource(type: str, id: str, /, **elements: object) -> Resource:
    kept = {name: value for name, value in elements.items() if value}
    return {"resourceType": type, "id": id, "meta": {"lastUpdated": STAMP}, **kept}


def practitioner(person: Person, organization: Resource, domain: str) -> Iterator[Resource]:
    """A Practitioner, and the PractitionerRole that says what they do where."""
    mail = {"system": "email", "value": f"{person.id}@{domain}", "use": "work"}
    yield _resource("Practitioner", person.id, active=True, name=[_name(person)], telecom=[mail], gender=person.gender)
    if person.role in ROLES:
        yield _resource(
            "PractitionerRole",
            f"role-{person.id}",
            active=True,
            practitioner=person.ref,
            organization=organization,
            code=[_role(person.role)],
        )


def _role(letter: str) -> Resource:
    code, display = ROLES[letter]
    return {"coding": [{"system": SNOMED, "code": code, "display": display}], "text": display}


STREETS = ("Evergreen Terrace", "Maple Street", "Station Road", "Lakeside Avenue", "Church Lane", "Orchard Way")
LANGUAGES = {"en": "English", "es": "Spanish"}


def patient_resources(person: Person, organization: Resource, random: Random, number: int) -> Iterator[Resource]:
    """A Patient with carer and care team."""
    assert person.doctor
    assert person.nurse
    phone = {
        "system": "phone",
        "value": f"+1 555 01{number // 100} {number % 100:02d}{random.randrange(10, 99)}",
        "use": "mobile",
    }
    mail = {"system": "email", "value": f"{person.id.replace('-', '.')}@mail.example"}
    yield _resource(
        "Patient",
        person.id,
        identifier=[_record_number(organization, random)],
        active=True,
        name=[_name(person)],
        telecom=[phone] if person.carer else [phone, mail],
        gender=person.gender,
        birthDate=person.birth,
        address=[_address(person, organization, random)],
        communication=[{"language": _language(person.language), "preferred": True}],
        generalPractitioner=[person.doctor.ref],
        managingOrganization=organization,
    )
    if person.carer:
        yield _carer(person, person.carer, phone)
    yield _care_team(person, organization)


def _record_number(organization: Resource, random: Random) -> Resource:
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}], "text": "MRN"}
    place = organization["reference"].partition("/")[2]
    value = " ".join(f"{random.randrange(1000):03d}" for _ in range(3))
    return {"use": "usual", "type": kind, "system": f"https://{place}.clinic.example/mrn", "value": value}


def _address(person: Person, organization: Resource, random: Random) -> Resource:
    home = "742 Evergreen Terrace" if person.id.endswith("-simpson") else ""
    city = organization["display"].removesuffix(" Clinic")
    street = home or f"{random.randrange(2, 190)} {random.choice(STREETS)}"
    return {"use": "home", "line": [street], "city": city, "postalCode": "97477", "country": "US"}


def _language(code: str) -> Resource:
    coding = {"system": "urn:ietf:bcp:47", "code": code, "display": LANGUAGES[code]}
    return {"coding": [coding], "text": LANGUAGES[code]}


def _carer(person: Person, carer: Person, phone: Resource) -> Resource:
    code, display = ("MTH", "mother") if carer.gender == "female" else ("FTH", "father")
    system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
    relationship = {"coding": [{"system": system, "code": code, "display": display}], "text": display.title()}
    return _resource(
        "RelatedPerson",
        carer.id,
        active=True,
        patient=person.ref,
        relationship=[relationship],
        name=[_name(carer)],
        telecom=[phone],
        gender=carer.gender,
    )


def _care_team(person: Person, organization: Resource) -> Resource:
    members = [one for one in (person.doctor, person.nurse, *person.specialists, person.carer) if one]
    participants = [
        {"role": [_role(one.role)], "member": one.ref} if one.role in ROLES else {"member": one.ref} for one in members
    ]
    return _resource(
        "CareTeam",
        f"team-{person.id}",
        status="active",
        name=f"Care team of {person.display}",
        subject=person.ref,
        period={"start": STAMP},
        participant=participants,
        managingOrganization=[organization],
    )


def allergy(person: Person, what: str, reaction: str) -> Resource:
    """A confirmed, active allergy."""
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
    return _resource(
        "AllergyIntolerance",
        f"allergy-{person.id}",
        clinicalStatus={"coding": [{"system": f"{system}clinical", "code": "active"}]},
        verificationStatus={"coding": [{"system": f"{system}verification", "code": "confirmed"}]},
        type="allergy",
        code={"text": what},
        patient=person.ref,
        reaction=[{"manifestation": [{"text": reaction}]}],
    )
