"""Checks of episodes: observations, masks, illegal actions, rewards and scores."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from numpy.typing import NDArray

from etude_gym.conformance.common import (
    Chooser,
    Size,
    ask,
    choose_randomly,
    choose_wildly,
    expect,
    make,
    name_task,
    play,
    problem_with,
    random_actions,
    random_tasks,
    walk,
)
from etude_gym.environment.registration import make_domain
from etude_gym.measure.rollout import Moment, Played
from etude_gym.randomness import Keys, mix
from etude_gym.tasks.domain import Actions, Domain, Worlds
from etude_gym.tasks.keys import TaskBatch
from etude_gym.tasks.observations import Masks

TOLERANCE = 1e-9
CHANCE_TOLERANCE = 0.05
MOMENTS_WITH_EVERY_ACTION = (0, 1, 2, 3, 5, 8, 13, 21, 34)
"""Steps of random play at which every action is tried out."""


def observations_in_space(env_id: str, size: Size) -> str:
    """Every observation lies in the observation space, in random play and in the oracle's."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, size.tasks)
    seen = 0
    for choose in (choose_wildly, ask(domain)):
        for moment in walk(domain, tasks, choose, Played.none_of(len(tasks))):
            problem = problem_with(domain.observation_space, moment.observations)
            expect(not problem, f"At step {moment.step} an observation is not in its space: {problem}.")
            seen += len(moment.running)
    return f"{seen:,} observations of {2 * len(tasks):,} episodes"


def masks_are_sound(env_id: str, size: Size) -> str:
    """Masks are 0 or 1, a running episode always has a legal action, legal ones are not counted illegal."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, size.tasks)
    played = Played.none_of(len(tasks))
    legal = 0
    for moment in walk(domain, tasks, choose_randomly, played):
        expect(
            ((moment.masks == 0) | (moment.masks == 1)).all(), "A mask holds something other than 0 and 1."
        )
        stuck = np.flatnonzero(~moment.masks.any(axis=1))
        if len(stuck):
            task = name_task(domain, tasks, int(moment.running[stuck[0]]))
            expect(False, f"No action is legal at step {moment.step} of a running episode: {task}.")
        legal += int(moment.masks.sum())
    counted = np.flatnonzero(played.outcome["illegal_actions"])
    if len(counted):
        task = name_task(domain, tasks, int(counted[0]))
        expect(
            False, f"Actions that the mask allows were counted illegal in {len(counted)} episodes: {task}."
        )
    return f"{legal / played.lengths.sum():.1f} of {domain.action_space.n} actions legal on average"


def masks_agree(env_id: str, size: Size) -> str:
    """The mask is the same in ``info`` and from ``action_masks()``; writing into it changes nothing."""
    env = make(env_id, practice="uniform")
    actions = int(env.domain.action_space.n)
    _, info = env.reset(seed=0)
    episodes = 0
    for step in range(size.steps):
        mask = info["action_mask"]
        expect(
            mask.dtype == np.int8 and mask.shape == (actions,),
            f"info['action_mask'] is {mask.dtype} {mask.shape}, expected int8 ({actions},).",
        )
        other = env.action_masks()
        expect((mask == other).all(), f"The masks differ after {step} steps from seed 0: {mask}, {other}.")
        action = int(random_actions(mask[None], mix(step), 0)[0])
        kept = mask.copy()
        mask[:] = other[:] = 0
        expect((env.action_masks() == kept).all(), "Whoever writes into a mask changes what is legal.")
        _, _, over, _, info = env.step(action)
        expect("illegal_action" not in info, f"Action {action} is legal but told illegal.")
        if over:
            _, info = env.reset()
            episodes += 1
    return f"{size.steps} steps, {episodes} episodes"


def illegal_actions(env_id: str, size: Size) -> str:
    """Every illegal action, -1 and n too, is counted and costs a step; it earns and raises nothing."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, max(size.tasks // 20, 16))
    tried = 0
    for moment in walk(domain, tasks, choose_randomly, Played.none_of(len(tasks))):
        if moment.step in MOMENTS_WITH_EVERY_ACTION:
            for action in range(-1, int(domain.action_space.n) + 1):
                tried += _try_out(domain, tasks, moment, action)
    return f"{tried:,} illegal actions"


def _try_out(domain: Domain, tasks: TaskBatch, moment: Moment, action: int) -> int:
    """Take one action in a copy of every running episode; return in how many it is illegal."""
    worlds, masks = deepcopy(moment.worlds), moment.masks.copy()
    observations = deepcopy(moment.observations)
    rows = np.arange(len(worlds))
    before = domain.outcome(worlds, rows)
    rewards, ends = np.empty(len(rows)), np.empty(len(rows), dtype=np.bool_)
    active = np.ones(len(rows), dtype=np.bool_)
    domain.step(worlds, np.full(len(rows), action), active, observations, masks, rewards, ends)
    after = domain.outcome(worlds, rows)
    in_range = 0 <= action < masks.shape[1]
    illegal = moment.masks[:, action] == 0 if in_range else active

    def expect_everywhere(holds: NDArray[np.bool_], message: str) -> None:
        if not holds.all():
            task = name_task(domain, tasks, int(moment.running[np.flatnonzero(~holds)[0]]))
            expect(False, f"Action {action} at step {moment.step} of random play {message}: {task}.")

    counted = after["illegal_actions"] - before["illegal_actions"]
    expect_everywhere(counted == illegal, "is legal but counted illegal, or illegal but not counted")
    expect_everywhere(~illegal | (rewards == 0.0), "is illegal but has a reward")
    expect_everywhere(~illegal | (after["score"] == before["score"]), "is illegal but changes the score")
    return int(illegal.sum())


def episodes_end(env_id: str, size: Size) -> str:
    """Episodes end, even where every action is illegal; those earn nothing."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, max(size.tasks // 20, 16))
    illegal = play(domain, tasks, _choose_nothing)
    expect(
        (illegal.outcome["illegal_actions"] == illegal.lengths).all()
        and (illegal.outcome["score"] <= 0.0).all(),
        "Episodes of illegal actions only have to count each of them and to score 0.",
    )
    longest = int(play(domain, tasks, choose_randomly).lengths.max())
    return f"at most {illegal.lengths.max()} steps with illegal actions only, {longest} with random ones"


def _choose_nothing(worlds: Worlds, masks: Masks, keys: Keys, step: int) -> Actions:
    return np.full(len(masks), -1)


def return_is_score(env_id: str, size: Size) -> str:
    """The undiscounted return of an episode equals its score, which lies in [0, 1]."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, size.tasks)
    oracle = ask(domain)

    def choose_half_well(worlds: Worlds, masks: Masks, keys: Keys, step: int) -> Actions:
        well = (keys >> np.uint64(step % 64)) & np.uint64(1) == 1
        return np.where(well, oracle(worlds, masks, keys, step), choose_wildly(worlds, masks, keys, step))

    worst = 0.0
    choosers: dict[str, Chooser] = {"random": choose_wildly, "mixed": choose_half_well, "oracle": oracle}
    for name, choose in choosers.items():
        played = play(domain, tasks, choose)
        score = played.outcome["score"]
        outside = np.flatnonzero(~((score >= 0.0) & (score <= 1.0)))
        if len(outside):
            task = name_task(domain, tasks, int(outside[0]))
            expect(False, f"The score {score[outside[0]]} of {name} play is outside [0, 1]: {task}.")
        gap = np.abs(played.returns - score)
        i = int(gap.argmax())
        expect(
            gap[i] <= TOLERANCE,
            f"The return {played.returns[i]} of {name} play is not the score {score[i]}: "
            f"{name_task(domain, tasks, i)}.",
        )
        worst = max(worst, float(gap[i]))
    return f"largest difference {worst:.1e} over {3 * len(tasks):,} episodes"


def oracle_solves(env_id: str, size: Size) -> str:
    """The oracle takes legal actions only and earns the full score on every task."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, size.tasks)
    outcome = play(domain, tasks, ask(domain)).outcome
    mean = outcome["score"].mean()
    for name, wanted in (("score", outcome["score"] >= 1.0 - TOLERANCE), ("solved", outcome["solved"])):
        failed = np.flatnonzero(~wanted)
        if len(failed):
            task, value = name_task(domain, tasks, int(failed[0])), outcome[name][failed[0]]
            rate = f"{len(failed)} of {len(tasks)} tasks; its mean score is {mean:.3f}"
            expect(False, f"The oracle's {name} is {value} on {task}. It fails on {rate}.")
    expect(not outcome["illegal_actions"].any(), "The oracle takes illegal actions.")
    return f"score 1 on all of {len(tasks):,} tasks"


def chance_is_worth_nothing(env_id: str, size: Size) -> str:
    """The random agent's mean score is within 0.05 of 0."""
    domain = make_domain(env_id)
    tasks = random_tasks(domain, size.tasks)
    score = play(domain, tasks, choose_randomly).outcome["score"]
    error = score.std() / np.sqrt(len(score))
    expect(
        abs(score.mean()) <= CHANCE_TOLERANCE,
        f"The random agent scores {score.mean():.3f} (standard error {error:.3f}) on {len(tasks)} tasks, "
        f"expected within {CHANCE_TOLERANCE} of 0: correct the score, so that guessing earns nothing.",
    )
    return f"random agent {score.mean():.4f} +- {error:.4f}"
