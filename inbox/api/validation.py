"""`$validate`: everything that is wrong with a resource. Source: https://hl7.org/fhir/R4/resource-operation-validate.html

Nothing is stored, and nothing is looked up: whether what a resource refers to exists is not told here.
"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from inbox.fhir import builtin, outcome, validate
from inbox.fhir.types import Resource

from .base import TypedView, said

MODES = frozenset({"create", "update", "profile"})
BASE_PROFILE = "http://hl7.org/fhir/StructureDefinition/"


class Validate(TypedView):
    """`/Patient/$validate` and `/Patient/1/$validate`: a resource, alone or in Parameters with `mode` and `profile`."""

    def post(self, request: Request, type: str, id: str = "") -> Response:
        resource, options = self._asked(type)
        if id and resource.get("id", id) != id:
            raise outcome.Invalid("The id in the body is not the one in the address.", expression=f"{type}.id")
        issues = [*_options(type, options), *_issues(resource)]
        if issues:
            return Response({"resourceType": "OperationOutcome", "id": "invalid", "issue": issues})
        return Response(said("ok", "This is valid."))

    def _asked(self, type: str) -> tuple[Resource, dict[str, str]]:
        """The resource, and the other parameters wherever they stand."""
        options = dict(self.query())
        body = self.request.data
        if type == "Parameters" or not isinstance(body, dict) or body.get("resourceType") != "Parameters":
            return self.body(type), options
        given = _parameters(body)
        found = given.pop("resource", None)
        if not isinstance(found, dict):
            raise outcome.Invalid("There is no parameter “resource” to validate.", expression="Parameters.parameter")
        if found.get("resourceType") != type:
            text = f"The address takes a {type}, which the parameter “resource” is not."
            raise outcome.Invalid(text, expression="Parameters.parameter")
        return found, {**options, **{name: str(value) for name, value in given.items()}}


def _parameters(body: Resource) -> dict[str, Any]:
    """The parameters by name. Their resource may be as wrong as it likes, so they are not validated as a whole."""
    given = body.get("parameter")
    if not isinstance(given, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in given
    ):
        raise outcome.Invalid("Parameters have a list of parameters with names.", expression="Parameters.parameter")
    return {
        one["name"]: next((item for key, item in one.items() if key == "resource" or key.startswith("value")), "")
        for one in given
    }


def _options(type: str, options: dict[str, str]) -> list[Resource]:
    """Issues for what can not be checked; parameters that there are not are refused."""
    issues = []
    for name, value in options.items():
        if name == "mode":
            if value not in MODES:
                raise outcome.Invalid(f"The mode is one of {', '.join(sorted(MODES))}.", expression="mode")
        elif name != "profile":
            raise outcome.Invalid(f"Unknown parameter “{name[:64]}”.", expression=name[:64])
        elif value.partition("|")[0] != BASE_PROFILE + type:
            issues.append(_issue("not-supported", "This profile is not known here, so nothing was checked by it."))
    return issues


def _issues(resource: Resource) -> list[Resource]:
    """One issue for each thing that is wrong; what a single create would be refused for, references apart."""
    problems = validate.problems(resource)
    issues = [_issue("invalid", one.text, [one.expression]) for one in problems]
    if len(problems) == validate.MAX_PROBLEMS:
        issues.append(
            said("", f"Only the first {len(problems)} problems are listed.", "warning", "incomplete")["issue"][0]
        )
    if not problems:
        try:
            builtin.check(None, resource, lambda _: None)
        except outcome.FHIRError as error:
            issues.append(_issue(error.code, error.text, error.expression))
    return issues


def _issue(code: str, text: str, expression: list[str] | None = None) -> Resource:
    issue: Resource = {"severity": "error", "code": code, "details": {"text": text}}
    return {**issue, "expression": expression} if expression else issue
