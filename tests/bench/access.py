"""Who asks in a benchmark: the probe, by a token and by a session that are made for one run.

`python -m tests.bench.access` prints them as JSON; it works on the set in DATA_DIR and empties its audit of reads.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from .sets import ROOT, Facts, environment, facts

POLICY = "clinician"
EMAIL = "probe@springfield.example"
MINUTES = 120


@dataclass(frozen=True)
class Access:
    """A bearer's token and the cookie of a session, both of the probe."""

    token: str
    session: str


def of(data: Path) -> Access:
    """New access to a set."""
    command = [sys.executable, "-m", "tests.bench.access"]
    printed = subprocess.run(command, cwd=ROOT, env=environment(data), check=True, capture_output=True, text=True)
    return Access(**json.loads(printed.stdout))


def make(found: Facts) -> Access:
    """Make the client, the account and what they show; what earlier runs left is taken away."""
    from allauth.idp.oidc.models import Client
    from django.conf import settings

    from inbox import fhir
    from inbox.models import AuditEvent
    from tests.api import tokens

    AuditEvent.objects.using(settings.AUDIT_READS).all().delete()
    Client.objects.filter(id="bench").delete()
    practice = fhir.get_practice("springfield")
    assert practice is not None
    membership = tokens.client(practice, found.probe, POLICY, id="bench")
    return Access(tokens.token_of(membership, minutes=MINUTES), _session(practice.pk, found.probe))


def _session(practice: int, profile: str) -> str:
    """The session of a person who has signed in."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership, User
    from inbox.models import AccessPolicy

    user, _ = User.objects.get_or_create(email=EMAIL, defaults={"name": "Petra Probe"})
    policy = AccessPolicy.objects.get(practice=practice, fhir_id=POLICY)
    Membership.objects.get_or_create(
        user=user, practice_id=practice, profile=profile, defaults={"policy": policy, "display": "Petra Probe"}
    )
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def main() -> int:
    """Print new access to the set in DATA_DIR."""
    import django

    django.setup()
    sys.stdout.write(json.dumps(asdict(make(facts(Path(os.environ["DATA_DIR"]))))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
