"""`$find`: the Slots of a Schedule in a period, free ones unless others are asked for."""

from django.conf import settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from inbox.fhir import outcome, rows, searchparams, searchset
from inbox.fhir.types import Params

from .base import FHIRView

NAMES = ("start", "end", "status")


class Find(FHIRView):
    """`/Schedule/1/$find`: `start` and `end` (and `status`) in the address, or in Parameters.

    A Slot is in the period when it begins there; an `end` that is a date includes that day.
    """

    def get(self, request: Request, id: str) -> Response:
        return self._found(id, self.query())

    def post(self, request: Request, id: str) -> Response:
        given = self.body("Parameters").get("parameter", [])
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise outcome.Invalid("parameter is a list of objects.", expression="Parameters.parameter")
        found = [(str(one.get("name", "")), _value(one)) for one in given]
        return self._found(id, [*self.query(), *found])

    def _found(self, id: str, params: Params) -> Response:
        given = _once(params)
        start, end = _bounds(given)
        self.repo.read("Schedule", id)
        size = settings.FHIR_MAX_COUNT
        wanted: Params = [
            ("schedule", f"Schedule/{id}"),
            ("status", given.get("status", "free")),
            ("start", f"ge{start}"),
            ("start", f"lt{end}"),
            ("_sort", "start"),
            ("_count", str(size)),
        ]
        page = self.repo.search("Slot", wanted)
        if page.next:
            raise outcome.Unprocessable(f"There are more than {size} slots; ask for a shorter period.")
        bundle = searchset.of_page("Slot", wanted, page, self.url)
        return Response({"resourceType": "Parameters", "parameter": [{"name": "return", "resource": bundle}]})


urlpatterns = [path("fhir/R4/Schedule/<str:id>/$find", Find.as_view())]


def _once(params: Params) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in params:
        if name not in NAMES:
            raise outcome.Invalid(f"Unknown parameter “{name[:64]}”.", expression=name[:64])
        if name in given:
            raise outcome.Invalid(f"“{name}” is given twice.", expression=name)
        given[name] = value
    return given


def _bounds(given: dict[str, str]) -> tuple[str, str]:
    """The period as two instants, the second one not included."""
    found = []
    for name in ("start", "end"):
        text = given.get(name, "")
        try:
            # A plus sign that was not encoded arrives as a space.
            low, high = searchparams.interval(text.replace(" ", "+"))
            found.append(rows.instant(high if name == "end" and "T" not in text else low))
        except (ValueError, OverflowError):
            raise outcome.Invalid(f"{name} is a date or a dateTime, and needed.", expression=name) from None
    if found[0] >= found[1]:
        raise outcome.Invalid("The end is not after the start.", expression="end")
    return found[0], found[1]


def _value(parameter: dict[str, object]) -> str:
    values = [value for name, value in parameter.items() if name.startswith("value") and isinstance(value, str)]
    return values[0] if values else ""
