"""What the rules of a bundle share: each member is set once, before anybody reads it."""

from typing import Any

import pytest

from vitne.answers.question import Question
from vitne.evidence.bundle.document import read_bundle
from vitne.evidence.bundle.rules_entries import window
from vitne.evidence.bundle.rules_index import policies
from vitne.evidence.bundle.state import Case


@pytest.fixture
def case(bundle_log: Any) -> Case:
    log = bundle_log.example()
    data = log.bundle(1, (log.events[0].actor[0], "usr_1"), log.recorded(5), log.recorded(9))
    question = Question("", "recorded", 0, 1, 0, 0, "", [])
    return Case(data, read_bundle(data), None, question)


def test_a_rule_cannot_run_before_one_whose_finding_it_needs(case: Case) -> None:
    with pytest.raises(AttributeError, match="log"):
        window(case)


def test_no_rule_runs_twice(case: Case) -> None:
    policies(case)

    with pytest.raises(AttributeError, match="log_policy"):
        policies(case)
