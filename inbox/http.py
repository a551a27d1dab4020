"""What the middleware adds to a request; types only."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from inbox.fhir.repository import Repository
from inbox.fhir.types import Actor


class InboxRequest(HttpRequest):
    """A request of a signed-in member: `repo` is limited to what this person may see and do."""

    htmx: HtmxDetails
    actor: Actor
    repo: Repository
