"""No line of a shipped policy can be taken out without a probe that notices; and the order of the lines is nothing."""

import random

import pytest

from .conftest import SHIPPED
from .judges import person
from .mutants import EQUIVALENT, mutants, noticed_by
from .probes import PROBES

POLICIES = [name for name in SHIPPED if name]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_line_of_a_shipped_policy_counts(policy: str) -> None:
    shipped = SHIPPED[policy]
    assert shipped is not None
    alive = {one.name for one in mutants(policy, shipped) if not noticed_by(one)}
    assert alive == {name for name in EQUIVALENT if name.startswith(f"{policy}/")}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_entries_changes_no_answer(seed: int) -> None:
    shuffled = {}
    for name in POLICIES:
        policy = SHIPPED[name]
        assert policy is not None
        entries = list(policy["resource"])
        random.Random(seed).shuffle(entries)
        shuffled[name] = {**policy, "resource": entries}
    different = [
        str(probe)
        for probe in PROBES
        if probe.policy and probe.ask(person(probe.who, shuffled[probe.policy])) != probe.expected
    ]
    assert different == []
