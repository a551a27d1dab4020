"""A FHIR R4 repository: knows the standard; no users, no messaging, no HTTP requests. Its doorways are here.

Imports stand inside the functions: the tables they need exist only after Django has loaded its applications.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .types import Actor, Resource

if TYPE_CHECKING:
    from inbox.models import AccessPolicy, Practice

    from .backend import BackEnd
    from .guard import Guarded
    from .place import Status


def connect(actor: Actor, policy: Mapping[str, Any] | None) -> "Guarded":
    """The repository as this actor may see and change it; `policy` is an AccessPolicy, None admits nothing.

    Raises Invalid when the policy can not be enforced.
    """
    from . import guard

    return guard.connect(actor, policy)


def system(practice: int) -> "BackEnd":
    """The repository of the system actor: everything of one practice, for what follows from people's writes."""
    from . import place

    return place.system(practice)


def remote_status() -> "Status | None":
    """The remote server that holds the data, and what it lacks; None when the data are here."""
    from . import place

    return place.status()


def remote_problem() -> str:
    """Why the remote server can not be worked with at this moment; empty when it can, or when there is none."""
    from . import place

    return place.problem()


def create_practice(fhir_id: str, name: str) -> "Practice":
    """The practice with this Organization id, made with the shipped policies if it is new."""
    from . import practices

    return practices.create(fhir_id, name)


def get_practice(fhir_id: str) -> "Practice | None":
    """The practice with this Organization id."""
    from . import practices

    return practices.get(fhir_id)


def get_policy(practice: "Practice", fhir_id: str) -> "AccessPolicy | None":
    """A policy of a practice; a shipped one that it does not have yet is made."""
    from . import practices

    return practices.get_policy(practice, fhir_id)


def policy_ids(practice: "Practice") -> list[str]:
    """The policies that a membership of this practice may have."""
    from . import practices

    return practices.policy_ids(practice)


def profile_exists(practice: "Practice", reference: str) -> bool:
    """Whether `Practitioner/x` (or a Patient, or a RelatedPerson) is in this practice."""
    from . import practices

    return practices.profile_exists(practice, reference)


def bulk_load(
    practice: "Practice",
    resources: Iterable[Resource],
    *,
    stub_missing: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write all these resources or none; see `loading.bulk_load`."""
    from . import loading

    return loading.bulk_load(practice, resources, stub_missing=stub_missing, progress=progress)
