"""The data sets on disk: made once for a size, and again when the tables or the code that fills them changed.

`python -m tests.bench.sets 10000` makes one, in a process of its own, as its database is chosen by DATA_DIR.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it needs Django, and whoever asks for a set may do without
    from .data import Clinic

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "inbox/models.py",
    "inbox/migrations/*.py",
    "accounts/migrations/*.py",
    "inbox/fhir/r4/search-parameters.json",
    *(f"inbox/fhir/{one}.py" for one in ("rows", "tables", "searchparams", "indexing", "expressions", "r4data")),
    "tests/bench/data.py",
    "tests/bench/loading.py",
    "tests/bench/sets.py",
)
"""What decides how a set looks in its database."""
CHECKED = 500
"""Resources whose rows are compared with what the store would write."""
PEER = "peer.ndjson"
PEER_THREADS = 200


@dataclass(frozen=True)
class Facts:
    """What the operations ask for, and how much of it there is.

    `middle`, `usual` and `long` are ids of threads. `received` counts the threads and messages that the probe gets.
    """

    size: int
    seconds: float
    megabytes: float
    probe: str
    patient: str
    patient_threads: int
    message: str
    identifier: str
    middle: str
    usual: str
    usual_messages: int
    long: str
    long_messages: int
    received: int
    headers: int


def folder() -> Path:
    """Where the sets are kept: below DATA_DIR."""
    return Path(os.environ.get("DATA_DIR") or ROOT / "data").resolve() / "bench"


def environment(data: Path) -> dict[str, str]:
    """The environment of a process that works on a set."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "FHIR_BASE_URL")}
    return {**kept, "ENVIRONMENT": "test", "DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "inbox.settings"}


def built(size: int) -> Path:
    """The folder of the set of this size, which is made when it is missing; older ones of the size go."""
    target = folder() / f"{size}-{fingerprint()}"
    if not (target / "facts.json").exists():
        for old in folder().glob(f"{size}-*"):
            shutil.rmtree(old)
        target.mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "tests.bench.sets", str(size)], cwd=ROOT, env=environment(target), check=True
        )
    return target


def facts(data: Path) -> Facts:
    """What is in a set."""
    return Facts(**json.loads((data / "facts.json").read_text(encoding="utf-8")))


def fingerprint() -> str:
    """A hash of all that decides how a set looks."""
    found = hashlib.sha256()
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def make(size: int) -> Facts:
    """Make a set in DATA_DIR, which is empty: tables, practice, policies, people, Communications."""
    from django.conf import settings

    from inbox import fhir
    from inbox.demo.setup import migrate
    from inbox.fhir import rows

    from . import loading
    from .data import Clinic

    migrate()
    practice = fhir.create_practice("springfield", "Springfield Clinic")
    clinic = Clinic(size)
    seconds = loading.load(practice, clinic)
    loading.check(CHECKED)
    (settings.DATA_DIR / PEER).write_text("".join(f"{rows.dumps(one)}\n" for one in _peers(clinic)), encoding="utf-8")
    database = settings.DATABASES["default"]["NAME"]
    return _facts(clinic, round(seconds, 1), round(loading.bytes_of(database) / 1_000_000, 1))


def _peers(clinic: "Clinic") -> Iterator[dict[str, Any]]:
    """The part of a clinic that the peer is given: people, and the newest of the usual threads, oldest first."""
    yield from (one.resource for one in clinic.people)
    for thread in clinic.usual[-PEER_THREADS:]:
        yield thread.header()
        yield from (thread.message(index) for index in range(thread.messages))


def _facts(clinic: "Clinic", seconds: float, megabytes: float) -> Facts:
    probes = clinic.threads[: len(clinic.usual) + 2]
    usual = clinic.usual
    patient = usual[-1].patient
    message = usual[-1].message(3)
    mine = [one for one in probes if one.patient is patient]
    received = sum(1 + sum(1 for index in range(one.messages) if index % len(one.people)) for one in probes)
    return Facts(
        size=clinic.size,
        seconds=seconds,
        megabytes=megabytes,
        probe=clinic.probe.reference,
        patient=patient.reference,
        patient_threads=len(mine),
        message=message["id"],
        identifier="|".join(message["identifier"][0][name] for name in ("system", "value")),
        middle=clinic.middle.id,
        usual=usual[-1].id,
        usual_messages=usual[-1].messages,
        long=clinic.long.id,
        long_messages=clinic.long.messages,
        received=received,
        headers=len(probes),
    )


def main(arguments: list[str]) -> int:
    """Make the set of this size."""
    import django

    django.setup()
    data = Path(os.environ["DATA_DIR"])
    found = make(int(arguments[0]))
    (data / "facts.json").write_text(json.dumps(asdict(found), indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
