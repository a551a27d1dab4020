"""From a dialogue as written to a thread in a clinic: who speaks, when, and how it ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from random import Random

from inbox.fhir.types import Resource

from . import clock, dialogues
from .clock import END
from .dialogues import Dialogue, Line
from .people import Person
from .threads import Thread

WRITTEN = dialogues.load()
ENDINGS = WRITTEN.pop("endings")
STORIES = [dialogue for name in sorted(WRITTEN) for dialogue in WRITTEN[name]]
ENDED = 0.2
QUOTED = 0.08
SIGNED = 0.3
REGARDS = {
    "en": ("Best regards,", "Kind regards,", "Thanks in advance,", "All the best,", "Many thanks,"),
    "es": ("Saludos,", "Un saludo,", "Muchas gracias,"),
}
LISTENING_DOCTOR = 0.2
DOCTORS, NURSES = "0121202", "01203"
"""In which order patients are spread over the doctors and nurses on the list."""

TELLINGS, TEAM_TELLINGS = 6, 3
"""How often a dialogue is told at most, beside its weight, so that the clinic does not repeat itself."""

OLDER, YOUNGER = "1965-01-01", "1960-01-01"


@dataclass
class Clinic:
    """A practice while its conversations are being made."""

    organization: Resource
    staff: list[Person]
    patients: list[Person]
    random: Random
    threads: list[Thread] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        doctors, nurses = cycle(self._panel("D", DOCTORS)), cycle(self._panel("N", NURSES))
        for one in self.patients:
            known = one.display.endswith("Simpson") or one.language == "es"
            one.doctor = self._panel("D", "0")[0] if known else next(doctors)
            one.nurse = self._panel("N", "0")[0] if known else next(nurses)

    def _panel(self, role: str, order: str) -> list[Person]:
        fitting = [one for one in self.staff if one.role == role]
        return [fitting[int(index) % len(fitting)] for index in order]

    def of_role(self, role: str, share: float) -> Person:
        """Somebody of a role; the first on the list has this share of the work."""
        fitting = [one for one in self.staff if one.role == role]
        return fitting[0] if len(fitting) == 1 or self.random.random() < share else self.random.choice(fitting[1:])

    def supervisor(self) -> Person:
        return [one for one in self.staff if one.role == "N"][-1]


def find(topic: str) -> Dialogue:
    """The dialogue with this topic, as written."""
    return next(one for one in STORIES if one.topic == topic)


def fill(clinic: Clinic, threads: int, without: Sequence[Person] = ()) -> None:
    """Add threads until there are so many; `without` have theirs already."""
    patients = [one for one in clinic.patients if one not in without]
    while len(clinic.threads) < threads:
        written = clinic.random.choices(STORIES, [one.weight for one in STORIES])[0]
        most = TEAM_TELLINGS if "team" in written.options else TELLINGS + written.weight
        if sum(topic == written.topic for _, topic in clinic.told) >= most:
            continue
        fitting = [one for one in patients if _fits(written, one) and (one.id, written.topic) not in clinic.told]
        if fitting:
            some = clinic.random.sample(fitting, min(3, len(fitting)))
            patient = min(some, key=lambda one: sum(one.id == id for id, _ in clinic.told))
            clinic.threads.append(thread(clinic, written, patient, clock.begin(clinic.random)))


def pick(clinic: Clinic, patient: Person) -> Dialogue:
    """A dialogue that fits this patient and was not told of them yet."""
    fitting = [one for one in STORIES if _fits(one, patient) and (patient.id, one.topic) not in clinic.told]
    return clinic.random.choice([one for one in fitting if "team" not in one.options])


def _fits(written: Dialogue, patient: Person) -> bool:
    options = written.options
    if "team" in options:
        return True
    if ("child" in options) != (patient.carer is not None) or ("es" in options) != (patient.language == "es"):
        return False
    if "woman" in options and not (patient.gender == "female" and patient.birth > YOUNGER):
        return False
    return not ("older" in options and patient.birth > OLDER) and not (
        "young" in options and patient.birth < "1955-01-01"
    )


def thread(clinic: Clinic, written: Dialogue, patient: Person, begin: datetime) -> Thread:
    """One telling of a dialogue, up to the moment at which the demo stops."""
    clinic.told.add((patient.id, written.topic))
    cast = _cast(clinic, written, patient)
    topic, lines = dialogues.tell(written, clinic.random, _slots(cast, patient, written))
    lines += _ending(clinic, written, cast, patient)
    late = {role for role in "TC" if role in cast and role != lines[0].speaker and {"N", "D"} & set(cast)}
    late = set() if "team" in written.options else late
    subject = None if "team" in written.options and "Case talk" not in written.topic else patient
    found = Thread(
        f"thread-{len(clinic.threads):04d}", topic, written.tags, subject, _participants(cast, subject, late)
    )
    if "D" not in cast and patient.doctor and subject and clinic.random.random() < LISTENING_DOCTOR:
        found.people.append(patient.doctor)
    _speak(clinic, found, cast, lines, begin, "es" if "es" in written.options else "en")
    _close(clinic, found, cast)
    return found


def _cast(clinic: Clinic, written: Dialogue, patient: Person) -> dict[str, Person]:
    """Who plays which part."""
    assert patient.doctor
    assert patient.nurse
    team = "team" in written.options
    parts = {"P": patient.carer or patient, "D": patient.doctor, "N": patient.nurse, "S": clinic.supervisor()}
    if team:
        parts["N"] = clinic.of_role("N", 0.45)
        others = [one for one in clinic.staff if one.role == "N" and one not in (parts["N"], parts["S"])]
        parts["N"] = others.pop() if parts["N"] is parts["S"] else parts["N"]
        parts["M"] = clinic.random.choice(others) if others else parts["S"]
    for role in "TC":
        if role in written.speakers:
            known = [one for one in patient.specialists if one.role == role]
            parts[role] = known[0] if known else clinic.of_role(role, 1.0 if patient.language == "es" else 0.6)
            if not known and not team:
                patient.specialists.append(parts[role])
    return {role: parts[role] for role in "PDNMSTC" if role in written.speakers}


def _slots(cast: dict[str, Person], patient: Person, written: Dialogue) -> dict[str, str]:
    assert patient.doctor
    assert patient.nurse
    doctor = cast.get("D", patient.doctor).address
    return {
        "first": patient.address,
        "patient": patient.display,
        "carer": patient.carer.address if patient.carer else patient.address,
        "doctor": doctor.replace("Dr.", "la Dra.") if "es" in written.options else doctor,
        "nurse": cast.get("N", patient.nurse).address,
        "dietitian": cast["T"].address if "T" in cast else "",
        "cardio": cast["C"].address if "C" in cast else "",
    }


def _ending(clinic: Clinic, written: Dialogue, cast: dict[str, Person], patient: Person) -> list[Line]:
    if "team" in written.options or clinic.random.random() > ENDED:
        return []
    wanted = written.options & {"es"}
    fitting = [one for one in ENDINGS if one.speakers <= set(cast) and one.options & {"es"} == wanted]
    fitting = [one for one in fitting if "child" not in one.options or patient.carer]
    fitting = [one for one in fitting if "D" in cast or not one.lines[0].internal]
    if not fitting:
        return []
    told = dialogues.tell(clinic.random.choice(fitting), clinic.random, _slots(cast, patient, written))[1]
    return [Line(line.speaker, line.text, line.internal, -1) for line in told]


def _participants(cast: dict[str, Person], subject: Person | None, late: set[str]) -> list[Person]:
    sides = [subject] if subject and "P" in cast else []
    people = [*sides, *[one for role, one in cast.items() if role not in late]]
    return [one for index, one in enumerate(people) if one not in people[:index]]


def _speak(
    clinic: Clinic, found: Thread, cast: dict[str, Person], lines: Sequence[Line], begin: datetime, language: str
) -> None:
    random, when, previous = clinic.random, begin, None
    for line in lines:
        sender = cast[line.speaker]
        news = line.speaker == "P" and line.block > 0 and (sender is previous or random.random() < 0.6)
        later = news or line.block == -1
        when = (
            clock.settle(begin, random, staff=sender.staff)
            if previous is None
            else clock.answer(when, random, staff=sender.staff, same=sender is previous, later=later)
        )
        if when > END and found.entries:
            return
        if when > END:
            when = END - timedelta(minutes=random.randrange(4, 90))
        for newcomer in _newcomers(found, cast, line):
            adder = cast.get("D") or cast["N"]
            found.join(adder, newcomer, when - timedelta(seconds=random.randrange(20, 300)))
        text = line.text if previous else _signed(line, sender, random, language)
        found.say(sender, text, when, internal=line.internal, answers=_quoted(found, sender, line, random))
        previous = sender


def _signed(line: Line, sender: Person, random: Random, language: str) -> str:
    """Some people end their first message like a letter."""
    if random.random() > SIGNED:
        return line.text
    return f"{line.text}\n\n{random.choice(REGARDS[language])}\n{sender.display if sender.staff else sender.address}"


def _newcomers(found: Thread, cast: dict[str, Person], line: Line) -> Iterator[Person]:
    """Specialists come in when they speak or when a note asks them."""
    for role in "TC":
        one = cast.get(role)
        if one and one not in found.people and (line.speaker == role or (line.internal and one.address in line.text)):
            yield one


def _quoted(found: Thread, sender: Person, line: Line, random: Random) -> str:
    """Now and then a message answers one particular message of somebody else."""
    visible = [one for one in found.entries if not one.internal and not one.event and one.sender is not sender]
    if line.internal or len(found.entries) < 3 or random.random() > QUOTED:
        return ""
    return random.choice(visible[-2:]).id if visible else ""


def _close(clinic: Clinic, found: Thread, cast: dict[str, Person]) -> None:
    """Old threads are mostly closed, by staff, a day or so after the last word."""
    age = END - found.entries[-1].sent
    share = 0.85 if age > timedelta(days=21) else 0.5 if age > timedelta(days=6) else 0.15
    when = clock.settle(
        found.entries[-1].sent + timedelta(hours=clinic.random.randrange(3, 50)), clinic.random, staff=True
    )
    staff = [one for role, one in cast.items() if role in "NSD" and one in found.people]
    if clinic.random.random() < share and when < END and staff:
        found.close(staff[0], when)
