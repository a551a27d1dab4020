"""Transaction and batch Bundles over any repository: entries become writes and reads, results become entries."""

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from . import outcome, requests, searchset
from .repository import Repository, Write, Written
from .requests import Read, Request
from .types import Bundle, Resource

log = logging.getLogger(__name__)


def transaction(repo: Repository, bundle: Bundle) -> Bundle:
    """Carry out a transaction: the writes in FHIR's order, then the reads; answered in the order of the request.

    The caller sees to it that all happens in one unit. Source: https://hl7.org/fhir/R4/http.html#trules
    """
    asked = requests.read_all(requests.entries(bundle, "transaction"))
    writes = sorted(
        ((index, one) for index, one in enumerate(asked) if isinstance(one, Write)),
        key=lambda pair: requests.WRITES.index(pair[1].method),
    )
    written = repo.apply([write for _, write in writes]) if writes else []
    answers = {index: _written(*pair) for (index, pair) in _numbered(writes, written)}
    for index, one in enumerate(asked):
        if isinstance(one, Read):
            with outcome.within(one.place):
                answers[index] = _read(repo, one)
    return _response("transaction", [answers[index] for index in range(len(asked))])


def batch(repo: Repository, bundle: Bundle) -> Bundle:
    """Carry out each entry of a batch by itself, in order; what fails touches no other entry."""
    found = requests.entries(bundle, "batch")
    return _response("batch", [_alone(repo, entry, requests.place(index)) for index, entry in enumerate(found)])


def _alone(repo: Repository, entry: Any, place: str) -> dict[str, Any]:
    try:
        with outcome.within(place):
            return _done(repo, requests.read(entry, place))
    except outcome.FHIRError as error:
        found = error
    except Exception:
        # Entries before this one are kept, so the whole must not be answered as if it could be sent again.
        log.exception("%s failed", place)
        found = outcome.FHIRError("Something went wrong here; it is written down.", expression=place)
    return {"response": {"status": str(found.status), "outcome": found.outcome()}}


def _done(repo: Repository, request: Request) -> dict[str, Any]:
    if isinstance(request, Read):
        return _read(repo, request)
    return _written(request, repo.apply([request])[0])


def _numbered(
    writes: Sequence[tuple[int, Write]], written: Sequence[Written]
) -> list[tuple[int, tuple[Write, Written]]]:
    return [(index, (write, one)) for (index, write), one in zip(writes, written, strict=True)]


def _written(write: Write, written: Written) -> dict[str, Any]:
    resource = written.resource
    if resource is None:
        status = "204" if write.method == "DELETE" else "201" if written.created else "200"
        return {"response": {"status": status}}
    place = f"{resource['resourceType']}/{resource['id']}/_history/{resource['meta']['versionId']}"
    response = {"status": "201" if written.created else "200", "location": place, **_version(resource)}
    return {"resource": resource, "response": response}


def _read(repo: Repository, read: Read) -> dict[str, Any]:
    resource = _found(repo, read)
    version = _version(resource) if read.id and not read.history else {}
    if read.if_none_match and resource.get("meta", {}).get("versionId") == read.if_none_match:
        return {"response": {"status": "304", **version}}
    answer: dict[str, Any] = {"response": {"status": "200", **version}}
    return answer if read.method == "HEAD" else {"resource": resource, **answer}


def _found(repo: Repository, read: Read) -> Resource:
    if not read.id:
        params = list(read.params)
        return searchset.of_page(read.type, params, repo.search(read.type, params), _address)
    if read.version:
        return repo.vread(read.type, read.id, read.version)
    if read.history:
        return searchset.of_history(f"/{read.type}/{read.id}", repo.history(read.type, read.id), _address)
    return repo.read(read.type, read.id)


def _address(path: str) -> str:
    return f"{settings.BASE_URL}/fhir/R4{path}"


def _version(resource: Resource) -> dict[str, str]:
    return {"etag": f'W/"{resource["meta"]["versionId"]}"', "lastModified": resource["meta"]["lastUpdated"]}


def _response(type: str, entries: list[dict[str, Any]]) -> Bundle:
    return {"resourceType": "Bundle", "type": f"{type}-response", "entry": entries}
