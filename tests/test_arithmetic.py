"""Sums that are the same in every version of Python, and what is made of them."""

from __future__ import annotations

from etude_gym.arithmetic import add_up
from etude_gym.envs.code.architecture import improvement
from etude_gym.envs.code.exercise import Architecture
from etude_gym.envs.code.grader import stratified_pass_rate

ROUNDED = 0.7999999999999999
"""0.4 + 0.3 + 0.1; what is corrected, as ``sum`` does since Python 3.12, is 0.8."""


def test_numbers_are_added_one_after_another():
    assert add_up([]) == 0.0
    assert add_up([0.1] * 10) == 0.9999999999999999


def test_a_pass_rate_is_the_same_in_every_version_of_python():
    passed = {0: [True, True, False, False, False], 1: [True] * 3 + [False] * 7, 2: [True] + [False] * 9}
    strata = [stratum for stratum, tests in passed.items() for _ in tests]
    assert ROUNDED == 0.4 + 0.3 + 0.1
    assert stratified_pass_rate(strata, [ok for tests in passed.values() for ok in tests]) == ROUNDED / 3


def test_an_improvement_is_the_same_in_every_version_of_python():
    start, clean = Architecture(10, 10, 10, 10), Architecture(0, 0, 0, 10)
    assert improvement(start, Architecture(6, 7, 9, 10), clean) == ROUNDED / 3
