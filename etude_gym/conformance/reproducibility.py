"""Checks that nothing depends on what should not matter: neighbors, predecessors, copies, global state."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium.utils.env_checker import data_equivalence

from etude_gym.conformance.common import (
    Size,
    ask,
    choose_randomly,
    expect,
    make,
    make_vector,
    play,
    random_actions,
    random_tasks,
    same,
)
from etude_gym.conformance.side_by_side import Shown, Singles, Vector, actions_for
from etude_gym.environment.registration import make_domain
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.practice.sampler import Results
from etude_gym.practice.strategies import SAMPLERS, make_sampler
from etude_gym.randomness import mix
from etude_gym.runs.records import pack, unpack
from etude_gym.tasks.keys import Starts
from etude_gym.tasks.observations import take

SEED = 1000
SMALL = 7


def trace(env: EtudeVectorEnv, seed: int, steps: int) -> Iterator[Shown]:
    """Reset a vector environment and step it with random actions.

    Args:
        env: the environment.
        seed: of the reset.
        steps: how many steps.

    Yields:
        What it returned from the reset and from each step.
    """
    vector = Vector(env)
    shown = vector.reset(seed)
    yield shown
    for step in range(steps):
        shown = vector.step(actions_for(shown, step))
        yield shown


def same_seed_same_episodes(env_id: str, size: Size) -> str:
    """The same seed and actions give the same of everything in a fresh environment."""
    runs = []
    for attempt in range(2):
        random.seed(attempt)
        np.random.seed(attempt)  # noqa: NPY002 (the legacy state is what must not matter)
        env = make(env_id)
        moments: list[Any] = [env.reset(seed=SEED)]
        for step in range(size.steps):
            over = len(moments[-1]) == 5 and moments[-1][2]
            mask = env.action_masks()[None]
            action = int(random_actions(mask, mix(step), 0, wild_share=0.1)[0])
            moments.append(env.reset() if over else env.step(action))
        runs.append(moments)
    for step, (first, second) in enumerate(zip(*runs, strict=True)):
        expect(
            same(first, second),
            f"Two fresh environments with seed {SEED} and the same actions differ after {step} steps: "
            f"{first} and {second}.",
        )
    keys = {int(make(env_id).reset(seed=seed)[1]["task_key"]) for seed in range(100)}
    expect(len(keys) == 100, f"100 seeds give only {len(keys)} different task keys.")
    return f"{size.steps} steps"


def vector_equals_single(env_id: str, size: Size) -> str:
    """Environment i of a vector equals the single environment of seed s + i, bit for bit, resets included."""
    axis = make_domain(env_id).space.names[0]
    settings: list[dict[str, Any]] = [
        {"practice": "uniform"},
        {"practice": "static"},
        {"practice": "uniform", "difficulty": {axis: 0.3}},
    ]
    numbers = sorted({1, min(SMALL, size.num_envs), size.num_envs})
    ended = 0
    for num_envs in numbers:
        for mode in ("NextStep", "SameStep"):
            for setting in settings:
                ended += _compare(env_id, num_envs, mode, setting, size.steps)
    for mode in ("NextStep", "SameStep"):
        ended += _compare(env_id, SMALL, mode, {"practice": "drill_blind"}, size.steps)
    return f"vectors of {', '.join(map(str, numbers))}, {size.steps} steps, {ended:,} episodes ended"


def _compare(env_id: str, num_envs: int, mode: str, setting: dict[str, Any], steps: int) -> int:
    """Step a vector beside single environments; return how many episodes ended."""
    vector = Vector(make_vector(env_id, num_envs, autoreset_mode=mode, **setting))
    singles = Singles(env_id, num_envs, mode == "SameStep", **setting)
    mine, theirs = vector.reset(SEED), singles.reset(SEED)
    ended = 0
    for step in range(steps + 1):
        difference = mine.difference(theirs)
        expect(
            not difference,
            f"After {step} steps the {difference} differ between make_vec({env_id!r}, num_envs={num_envs}, "
            f"autoreset_mode={mode!r}, **{setting}) reset with seed {SEED} and single environments.",
        )
        if step < steps:
            actions = actions_for(mine, step)
            mine, theirs = vector.step(actions), singles.step(actions)
            ended += int(mine.ends.sum())
    return ended


def draws_depend_on_keys_alone(env_id: str, size: Size) -> str:
    """Every task sampler, in the same state, gives a key the same task in any company."""
    domain = make_domain(env_id)
    keys = mix(5, np.arange(64))
    for name in SAMPLERS:
        sampler = make_sampler(name, domain.space)
        for batch in range(4):
            drawn = sampler.draw(mix(6, batch, np.arange(50)))
            scores = (np.arange(50) % 3 == 0).astype(np.float64)
            sampler.update(Results(drawn.difficulty, drawn.family, scores, drawn.reason, drawn.starts))
        together = sampler.draw(keys)
        for i in range(len(keys)):
            alone = sampler.draw(keys[i : i + 1])
            for part in ("task_keys", "difficulty", "family", "reason", "starts"):
                expect(
                    same(_columns(getattr(alone, part), 0), _columns(getattr(together, part), i)),
                    f"The sampler {name!r} gives key {keys[i]} another {part} alone than among others.",
                )
        single = Singles(env_id, SMALL, False, practice=name).reset(SEED)
        difference = Vector(make_vector(env_id, SMALL, practice=name)).reset(SEED).difference(single)
        expect(not difference, f"With practice={name!r} the first {difference} differ from the single one's.")
    return f"samplers {', '.join(SAMPLERS)}"


def _columns(part: Any, row: int) -> Any:
    """One row of a part of a draw."""
    if part is None:
        return ()
    return (part.share[row], part.left[row]) if isinstance(part, Starts) else part[row]


def seeds_by_list(env_id: str, size: Size) -> str:
    """A list of seeds gives each environment its own; None lets one go on with its stream."""
    vector = Vector(make_vector(env_id, 3, practice="uniform"))
    vector.reset(SEED)
    singles = [make(env_id, practice="uniform") for _ in range(3)]
    singles[1].reset(seed=SEED + 1)
    shown = vector.reset([77, None, 5])
    for row, (env, seed) in enumerate(zip(singles, (77, None, 5), strict=True)):
        observation, info = env.reset(seed=seed)
        expect(
            same(observation, take(shown.observations, row)) and info["task_key"] == shown.keys[row],
            f"reset(seed=[77, None, 5]) does not give environment {row} what seed {seed} gives a single one.",
        )
    return "seeds [77, None, 5]"


def snapshots(env_id: str, size: Size) -> str:
    """A vector's ``state_dict``, saved and loaded into a fresh environment, goes on in the same way."""
    steps = size.steps // 2
    env = make_vector(env_id, SMALL, autoreset_mode="SameStep")
    vector = Vector(env)
    shown = vector.reset(SEED)
    for step in range(steps):
        shown = vector.step(actions_for(shown, step))
    state = pack(env.state_dict())
    restored = Vector(make_vector(env_id, SMALL, autoreset_mode="SameStep"))
    restored.env.load_state_dict(unpack(state))
    restored.keys = vector.keys.copy()
    for step in range(steps, 2 * steps):
        actions = actions_for(shown, step)
        shown, again = vector.step(actions), restored.step(actions)
        difference = shown.difference(again)
        expect(
            not difference,
            f"{step - steps + 1} steps after a snapshot at step {steps} of seed {SEED} {difference} differ.",
        )
    return f"{steps} steps before, {steps} after"


def copies(env_id: str, size: Size) -> str:
    """Copied or pickled in the middle of an episode, an environment goes on in the same way, by itself."""
    steps = max(size.steps // 4, 10)
    env = make_vector(env_id, SMALL)
    list(trace(env, SEED, 3))
    for name, twin in (("deepcopy", deepcopy(env)), ("pickle", pickle.loads(pickle.dumps(env)))):
        original = Vector(deepcopy(env))
        copied = Vector(twin)
        for step in range(steps):
            actions = random_actions(original.env.action_masks(), mix(step, np.arange(SMALL)), 0)
            difference = original.step(actions).difference(copied.step(actions))
            expect(not difference, f"{step + 1} steps after {name} the {difference} differ (seed {SEED}).")
    single = make(env_id)
    single.reset(seed=SEED)
    twins = deepcopy(single), pickle.loads(pickle.dumps(single))
    expected = _single_trace(single, steps)
    for name, twin in zip(("deepcopy", "pickle"), twins, strict=True):
        expect(
            same(_single_trace(twin, steps), expected),
            f"After {name} a single environment goes on otherwise.",
        )
    return f"{steps} steps"


def _single_trace(env: EtudeEnv, steps: int) -> tuple[Any, ...]:
    """Step an environment with random actions; everything it shows."""
    moments: list[Any] = []
    for step in range(steps):
        over = bool(moments) and len(moments[-1]) == 5 and moments[-1][2]
        action = int(random_actions(env.action_masks()[None], mix(step), 0)[0])
        moments.append(env.reset() if over else env.step(action))
    return tuple(moments)


def global_random_state(env_id: str, size: Size) -> str:
    """Nothing touches the global random state of Python or numpy."""
    domain = make_domain(env_id)
    before = (random.getstate(), np.random.get_state())  # noqa: NPY002
    tasks = random_tasks(domain, 16)
    play(domain, tasks, choose_randomly)
    play(domain, tasks, ask(domain))
    for _ in trace(make_vector(env_id, SMALL), SEED, 20):
        pass
    make(env_id).reset()
    after = (random.getstate(), np.random.get_state())  # noqa: NPY002
    expect(before[0] == after[0], "Python's global random state changed: take randomness from the task key.")
    expect(
        data_equivalence(before[1], after[1], exact=True),
        "numpy's global random state changed: take randomness from the task key.",
    )
    return "Python's and numpy's"
