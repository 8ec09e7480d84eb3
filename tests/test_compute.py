"""The compute meter and the wrappers that feed it."""

from __future__ import annotations

import json
import time

import counting  # noqa: F401  (registers Counting-v0)
import gymnasium as gym
import pytest

from etude_gym.measure.compute import LINES, TRAINING_LINES, UNITS, ComputeMeter
from etude_gym.wrappers import ComputeAccounting, VectorComputeAccounting


def ledger_of(**lines):
    """A meter with the given amounts of FLOPs and environment steps by line."""
    meter = ComputeMeter()
    for line, (flops, env_steps) in lines.items():
        meter.add(line, flops=flops, env_steps=env_steps)
    return meter


# --- The ledger --------------------------------------------------------------------------------------


def test_a_new_ledger_is_empty():
    meter = ComputeMeter()
    assert meter.state_dict() == {line: dict.fromkeys(UNITS, 0.0) for line in LINES}
    assert meter.spent("flops") == 0


def test_amounts_add_up_by_line_and_unit():
    meter = ComputeMeter()
    meter.add("rollout", flops=10, env_steps=2)
    meter.add("rollout", flops=5, wall_seconds=0.5)
    meter.add("update", flops=100)
    assert meter.amount("rollout", "flops") == 15
    assert meter.amount("rollout", "env_steps") == 2
    assert meter.amount("rollout", "wall_seconds") == 0.5
    assert meter.amount("update", "flops") == 100
    assert meter.amount("update", "env_steps") == 0


def test_training_leaves_out_evaluation_and_repeated_work_and_spent_includes_the_latter():
    amounts = {line: (10.0**place, 0) for place, line in enumerate(LINES)}
    meter = ledger_of(**amounts)
    assert meter.training("flops") == sum(amounts[line][0] for line in TRAINING_LINES)
    assert meter.training("flops") == meter.training()
    assert meter.spent("flops") == meter.training("flops") + amounts["repeated"][0]
    assert set(LINES) - set(TRAINING_LINES) == {"repeated", "evaluation"}


def test_totals_that_a_learner_keeps_itself_replace_what_was_booked():
    meter = ledger_of(rollout=(7, 3))
    meter.set_totals("flops", {"rollout": 20, "update": 30})
    meter.set_totals("flops", {"rollout": 21, "update": 33})
    assert (meter.amount("rollout", "flops"), meter.amount("update", "flops")) == (21, 33)
    assert meter.amount("rollout", "env_steps") == 3


def test_a_ledger_survives_json():
    meter = ledger_of(rollout=(1 / 3, 7), update=(1e17 / 7, 0), evaluation=(5, 0))
    meter.add("rollout", cpu_seconds=0.1 + 0.2)
    restored = ComputeMeter()
    restored.load_state_dict(json.loads(json.dumps(meter.state_dict())))
    assert restored.state_dict() == meter.state_dict()


def test_ledgers_of_earlier_versions_are_still_read():
    old_units = ("flops", "env_steps", "tokens", "cpu_seconds", "wall_seconds")
    old = {line: dict.fromkeys(old_units, 0.0) for line in LINES}
    old["rollout"]["flops"] = 10.0
    meter = ComputeMeter()
    meter.load_state_dict(old)
    assert meter.state_dict() == ledger_of(rollout=(10, 0)).state_dict()
    old["rollout"]["flops"] = 15.0
    meter.add_repeated(old)
    assert meter.state_dict() == ledger_of(rollout=(10, 0), repeated=(5, 0)).state_dict()


def test_what_an_endpoint_is_asked_for_has_units_of_its_own():
    meter = ComputeMeter()
    meter.add("rollout", tokens_in=700, tokens_out=30, tokens_cached=600, requests=1)
    meter.add("repeated", tokens_in=5, requests=1)
    assert meter.training("tokens_in") == 700
    assert meter.spent("tokens_in") == 705
    assert [meter.training(unit) for unit in ("tokens_out", "tokens_cached", "requests")] == [30, 600, 1]
    assert meter.training("flops") == 0


def test_a_ledgers_state_is_a_copy():
    meter = ledger_of(rollout=(1, 1))
    state = meter.state_dict()
    meter.add("rollout", flops=1)
    assert state["rollout"]["flops"] == 1


def test_unknown_lines_and_units_are_answered_with_the_nearest_name():
    meter = ComputeMeter()
    for call in (
        lambda: meter.add("rolout", flops=1),
        lambda: meter.amount("rolout", "flops"),
        lambda: meter.set_totals("flops", {"rolout": 1}),
    ):
        with pytest.raises(ValueError, match=r"line of the compute ledger 'rolout'.*Did you mean 'rollout'"):
            call()
    for call in (
        lambda: meter.add("rollout", flops=1, flop=1),
        lambda: meter.amount("rollout", "flop"),
        lambda: meter.set_totals("flop", {"rollout": 1}),
        lambda: meter.training("flop"),
    ):
        with pytest.raises(ValueError, match=r"unit of compute 'flop'.*Did you mean 'flops'"):
            call()
    assert meter.state_dict() == ComputeMeter().state_dict()


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_amounts_that_are_negative_or_not_finite_are_refused(amount):
    meter = ComputeMeter()
    with pytest.raises(ValueError, match="finite and not negative"):
        meter.add("update", flops=amount)
    with pytest.raises(ValueError, match="finite and not negative"):
        meter.set_totals("flops", {"update": amount})
    assert meter.amount("update", "flops") == 0


# --- Repeated work -----------------------------------------------------------------------------------


def test_what_a_killed_run_had_beyond_its_checkpoint_is_booked_as_repeated():
    checkpoint = ledger_of(rollout=(10, 100), update=(30, 0), evaluation=(5, 0))
    killed = ledger_of(rollout=(16, 160), update=(50, 0), value=(1, 0), evaluation=(9, 0))
    checkpoint.add_repeated(killed.state_dict())
    assert checkpoint.amount("repeated", "flops") == 6 + 20 + 1
    assert checkpoint.amount("repeated", "env_steps") == 60
    assert checkpoint.training("flops") == 40
    assert checkpoint.spent("flops") == killed.training("flops")
    assert checkpoint.amount("evaluation", "flops") == 5


def test_nothing_is_repeated_when_the_checkpoint_is_as_far_as_the_run():
    checkpoint = ledger_of(rollout=(10, 100), repeated=(7, 70))
    checkpoint.add_repeated(checkpoint.state_dict())
    assert checkpoint.amount("repeated", "flops") == 7
    assert checkpoint.amount("repeated", "env_steps") == 70


def test_repeated_work_adds_up_over_several_interruptions():
    saved = ledger_of(rollout=(10, 0)).state_dict()
    spent = 0.0
    ledger = ledger_of(rollout=(14, 0))
    for beyond in (4.0, 9.0, 1.0):  # every time killed this far beyond the same checkpoint
        resumed = ComputeMeter()
        resumed.load_state_dict(saved)
        resumed.add_repeated(ledger.state_dict())
        spent += ledger.training() - 10
        assert resumed.amount("repeated", "flops") == spent
        resumed.add("rollout", flops=beyond)
        ledger = resumed
    assert spent == 4 + 4 + 9


# --- Accounting wrappers -----------------------------------------------------------------------------


def test_the_wrapper_counts_every_step_and_no_reset():
    env = ComputeAccounting(gym.make("Counting-v0", difficulty={"presses": 0.0}))
    for episode in range(3):
        env.reset(seed=episode)
        over = False
        while not over:
            over = env.step(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])[2]
    assert env.meter.amount("rollout", "env_steps") == 3 * 4
    assert env.meter.training("env_steps") == 12
    assert env.meter.amount("rollout", "flops") == 0


def test_the_vector_wrapper_counts_a_step_of_every_environment():
    env = VectorComputeAccounting(gym.make_vec("Counting-v0", num_envs=5))
    env.reset(seed=0)
    for _ in range(7):
        env.step(env.action_space.sample())
    assert env.meter.amount("rollout", "env_steps") == 7 * 5


def test_the_wrappers_change_nothing_that_is_seen():
    plain, wrapped = (gym.make("Counting-v0") for _ in range(2))
    wrapped = ComputeAccounting(wrapped)
    assert plain.reset(seed=3)[0].tolist() == wrapped.reset(seed=3)[0].tolist()
    for expected, got in zip(plain.step(0)[:4], wrapped.step(0)[:4], strict=True):
        assert (expected == got) if not hasattr(expected, "tolist") else expected.tolist() == got.tolist()


class Sleeping(gym.Wrapper):
    """Takes its time without computing."""

    def step(self, action):
        time.sleep(0.05)
        return self.env.step(action)

    def reset(self, **arguments):
        time.sleep(0.05)
        return self.env.reset(**arguments)


def test_wall_seconds_hold_waiting_and_cpu_seconds_do_not():
    env = ComputeAccounting(Sleeping(gym.make("Counting-v0", difficulty={"presses": 0.0})))
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])
    waited, worked = (env.meter.amount("rollout", unit) for unit in ("wall_seconds", "cpu_seconds"))
    assert waited >= 4 * 0.05 + worked > 4 * 0.05


def test_several_environments_write_into_the_lines_of_one_meter():
    meter = ComputeMeter()
    practice = ComputeAccounting(gym.make("Counting-v0"), meter)
    scoring = ComputeAccounting(gym.make("Counting-v0"), meter, line="evaluation")
    for env, steps in ((practice, 2), (scoring, 1)):
        env.reset(seed=0)
        for _ in range(steps):
            env.step(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])
    meter.add("update", flops=1000)  # what an agent reports
    assert meter.amount("rollout", "env_steps") == 2
    assert meter.amount("evaluation", "env_steps") == 1
    assert (meter.training("env_steps"), meter.training("flops")) == (2, 1000)


@pytest.mark.parametrize(
    ("wrapper", "make"),
    [
        (ComputeAccounting, lambda: gym.make("Counting-v0")),
        (VectorComputeAccounting, lambda: gym.make_vec("Counting-v0", num_envs=2)),
    ],
)
def test_a_line_that_does_not_exist_is_refused_with_the_nearest_name(wrapper, make):
    with pytest.raises(ValueError, match="Did you mean 'evaluation'"):
        wrapper(make(), line="evaluating").reset()


def test_a_step_that_fails_raises_its_own_error():
    env = ComputeAccounting(gym.make("Counting-v0"))
    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)
