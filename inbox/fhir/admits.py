"""A scope as SQL: the rows that any of its entries admits, and of drafts only the reader's own."""

from collections.abc import Sequence

from . import logic, terms
from .scope import Admit, Conditions, Scope
from .terms import Sql


def where(practice: int, type: str, wanted: Conditions, scope: Scope | None) -> list[Sql]:
    """What a scope adds to conditions on the row `r`; an empty list of entries stands for one that they imply."""
    if scope is None:
        return []
    parts = [any_of(practice, type, scope.admits, "r")] if scope.admits else []
    if type == "Communication" and logic.drafts_possible(wanted):
        parts.append(_drafts(scope.profiles, "r"))
    return parts


def within(practice: int, type: str, scope: Scope | None, r: str) -> Sql:
    """Whether a scope admits the row `r`; one without entries admits nothing."""
    if scope is None:
        return Sql("1 = 1")
    admitted = any_of(practice, type, scope.admits, r)
    return admitted + Sql(" AND ") + _drafts(scope.profiles, r) if type == "Communication" else admitted


def any_of(practice: int, type: str, admits: Sequence[Admit], r: str) -> Sql:
    """Whether one of these entries admits the row `r`."""
    if not admits:
        return Sql("(1 = 0)")
    return Sql("(") + Sql.join(" OR ", [_admit(practice, type, admit, r) for admit in admits]) + Sql(")")


def _drafts(profiles: Sequence[str], r: str) -> Sql:
    own = Sql.values(profiles)
    return (
        Sql(f"({r}.status <> 'preparation' OR EXISTS (SELECT 1 FROM {terms.REFERENCES} x WHERE x.resource_id = {r}.id")
        + Sql(" AND x.param = 'Communication.sender' AND x.target IN ")
        + own
        + Sql("))")
    )


def _admit(practice: int, type: str, admit: Admit, r: str) -> Sql:
    parts = [terms.where(practice, one, r, r) for one in admit.conditions]
    if admit.follows:
        parts.append(_follows(practice, type, admit, r))
    return Sql("(") + (Sql.join(" AND ", parts) if parts else Sql("1 = 1")) + Sql(")")


def _follows(practice: int, type: str, admit: Admit, r: str) -> Sql:
    """One step: the resource that this one refers to is admitted by an entry that does not itself follow."""
    steps = []
    for target, admits in admit.followed:
        steps.append(
            Sql(f"EXISTS (SELECT 1 FROM {terms.REFERENCES} f CROSS JOIN inbox_resource p WHERE f.resource_id = {r}.id")
            + Sql(
                " AND f.param = %s AND p.practice_id = %s AND p.type = %s", f"{type}.{admit.follows}", practice, target
            )
            + Sql(f" AND f.target = '{target}/' || p.fhir_id AND p.fhir_id = substr(f.target, {len(target) + 2})")
            + Sql(" AND NOT p.deleted AND ")
            + any_of(practice, target, admits, "p")
            + Sql(")")
        )
    return Sql("(") + (Sql.join(" OR ", steps) if steps else Sql("1 = 0")) + Sql(")")
