"""Makes the FHIR files of the demo clinics: `python -m inbox.demo.generate`.

Everything follows from one seed and the texts, so the same program makes the same files; a test compares them.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from inbox.fhir.types import Resource

from . import clinics, people, stories
from .clock import END
from .people import Person
from .stories import Clinic
from .threads import Thread

FOLDER = Path(__file__).parent
SEED = 1810
THREADS = 400
WALKTHROUGH = "homer-simpson-lab-tests"
UNREAD = {
    "Practitioner/doctor-alice-smith": 9,
    "Practitioner/nurse-bob-miller": 12,
    "Patient/homer-simpson": 1,
    "RelatedPerson/marge-simpson-bart": 1,
    "RelatedPerson/marge-simpson-lisa": 1,
}
HOMERS = (
    "Losing weight",
    "Back pain after lifting",
    "Refill: $drug",
    "HbA1c and the next step",
    "Sick note",
    "Moving my appointment",
    "Blood pressure at home",
)
INVITATION = "$shot for {first}"


def main(folder: Path = FOLDER) -> None:
    """Write the three files of the two practices."""
    springfield = _springfield()
    write(folder / "springfield-people.ndjson", _people(springfield))
    write(folder / "springfield-threads.ndjson", _conversations(springfield))
    shelbyville = _shelbyville()
    write(folder / "shelbyville.ndjson", [*_people(shelbyville), *_conversations(shelbyville)])


def write(path: Path, resources: Iterable[Resource]) -> None:
    """One resource a line, in a form that never changes by itself."""
    lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in resources)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _springfield() -> Clinic:
    clinic = _clinic("springfield", clinics.SPRINGFIELD, clinics.PATIENTS, Random(SEED))
    homer = clinic.patients[0]
    clinic.threads.append(_walkthrough(homer))
    for index, topic in enumerate(reversed(HOMERS)):
        begin = END - timedelta(days=23 * index, minutes=25)
        clinic.threads.append(stories.thread(clinic, stories.find(topic), homer, begin))
    bart, lisa = children = clinic.patients[1:3]
    clinic.threads.append(stories.thread(clinic, stories.find(INVITATION), lisa, END - timedelta(minutes=20)))
    for index, child in enumerate((bart, lisa, bart, lisa, bart, lisa, bart)):
        begin = END - timedelta(days=2 + 17 * index)
        clinic.threads.append(stories.thread(clinic, stories.pick(clinic, child), child, begin))
    stories.fill(clinic, THREADS, without=[homer, *children])
    _leave_unread(clinic)
    return clinic


def _shelbyville() -> Clinic:
    clinic = _clinic("shelbyville", clinics.SHELBYVILLE, clinics.SHELBYVILLE_PATIENTS, Random(SEED + 1))
    stories.fill(clinic, 8)
    _leave_unread(clinic)
    return clinic


def _clinic(id: str, staff: str, patients: str, random: Random) -> Clinic:
    organization = {"reference": f"Organization/{id}", "display": f"{id.title()} Clinic"}
    carers: dict[str, Person] = {}
    return Clinic(
        organization,
        [people.staff_member(line) for line in staff.splitlines()],
        [people.patient(line, carers) for line in patients.splitlines()],
        random,
    )


def _walkthrough(homer: Person) -> Thread:
    """The conversation that the documentation walks through, under ids that it can name."""
    alice = homer.doctor
    assert alice
    thread = Thread(WALKTHROUGH, "Homer Simpson April 10th lab tests", ["lab-results"], homer, [homer, alice])
    told = (
        (alice, "Hello Homer, the lab has received your samples of April 10th."),
        (homer, "Thank you! Will I have the results by the end of the week?"),
        (alice, "Yes: the results will be ready on Thursday."),
        (homer, "Thursday is fine. I have kept the doughnuts away until then 🍩"),
    )
    for index, (sender, text) in enumerate(told):
        sent = datetime(2026, 4, 13, 8, 40, tzinfo=UTC) + timedelta(minutes=(0, 34, 61, 75)[index])
        answers = thread.entries[2].id if index == 3 else ""
        thread.say(sender, text, sent, answers=answers)
    return thread


def _people(clinic: Clinic) -> Iterator[Resource]:
    place = clinic.organization["reference"].partition("/")[2]
    yield {
        "resourceType": "Organization",
        "id": place,
        "meta": {"lastUpdated": people.STAMP},
        "active": True,
        "name": clinic.organization["display"],
        "telecom": [{"system": "phone", "value": "+1 555 010 0100", "use": "work"}],
    }
    for one in clinic.staff:
        yield from people.practitioner(one, clinic.organization, f"{place}.clinic.example")
    random = Random(place)
    for number, one in enumerate(clinic.patients, start=1):
        yield from people.patient_resources(one, clinic.organization, random, number)
    known = {one.id: one for one in clinic.patients}
    for id, what, reaction in clinics.ALLERGIES:
        if id in known:
            yield people.allergy(known[id], what, reaction)


def _conversations(clinic: Clinic) -> Iterator[Resource]:
    for thread in sorted(clinic.threads, key=lambda one: (one.entries[0].sent, one.id)):
        yield from thread.resources(END)


def _leave_unread(clinic: Clinic) -> None:
    """Leave the newest threads unread that somebody else had the last word in: a few for staff, some for patients."""
    readers = {one.reference: one for thread in clinic.threads for one in thread.people}
    for reference, reader in readers.items():
        open_ones = [one for one in clinic.threads if reader in one.people and not one.closed and one.id != WALKTHROUGH]
        open_ones = [one for one in open_ones if one.may_be_unread(reader)]
        open_ones.sort(key=lambda one: one.received(reader)[-1].sent, reverse=True)
        lately = [one for one in open_ones if one.last_activity > END - timedelta(days=4)]
        wanted = UNREAD.get(reference, clinic.random.randrange(3, 8) if reader.staff else len(lately[:1]))
        for thread in open_ones[:wanted]:
            thread.unread.add(reference)


if __name__ == "__main__":
    main()
