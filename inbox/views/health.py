"""Whether this process is up, and whether it can do its work; for load balancers and `make demo`."""

from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inbox import fhir


@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Every database answers and is migrated, and a remote server answers; else 503 and what is missing."""
    missing = [f"{alias}: {problem}" for alias in connections if (problem := _problem(alias))]
    if (problem := fhir.remote_problem()) and not missing:
        missing = [f"remote FHIR server: {problem}"]
    text = "\n".join(missing) or "ok"
    return HttpResponse(f"{text}\n", status=503 if missing else 200, content_type="text/plain")


def _problem(alias: str) -> str:
    try:
        executor = MigrationExecutor(connections[alias])
    except DatabaseError:
        return "does not answer"
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "migrations are not applied" if pending else ""
