"""From what a search found to its page: what comes along, which part of each is shown, what is missing."""

from collections.abc import Sequence

from django.conf import settings

from . import includes, summary
from .includes import Look
from .repository import Page
from .scope import FoundPage
from .search import SearchRequest
from .types import Resource


def page(request: SearchRequest, found: FoundPage, results: Sequence[Resource], look: Look) -> Page:
    """The page of a search; `results` are the rows found as the reader sees them, `look` finds more like them."""
    limit = settings.FHIR_MAX_INCLUDES
    along, more = includes.gather(request, results, look, limit) if request.includes else ([], False)
    warnings = list(request.ignored)
    if more:
        warnings.append(
            f"Not everything that was to be included is here: a page brings along {limit} resources at most,"
            f" {includes.STEPS} steps away at most."
        )
    return Page(
        [summary.shown(request, one) for one in results],
        found.next,
        found.total,
        [summary.shown(request, one, included=True) for one in along],
        warnings,
    )
