"""Checks of what happens when an episode ends: Gymnasium's autoreset modes, reports to the task sampler."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from etude_gym.conformance.common import Size, expect, make, make_vector, random_actions, same
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Actions
from etude_gym.tasks.observations import Masks, take

EPISODES = 8
"""Of a single environment, played to their end."""


def autoreset_next_step(env_id: str, size: Size) -> str:
    """NEXT_STEP: the step after an end resets, earns nothing, and is announced; results come with the end."""
    env = make_vector(env_id, min(64, size.num_envs), autoreset_mode="NextStep")
    env.reset(seed=0)
    over, ended = np.zeros(env.num_envs, dtype=np.bool_), 0
    for step in range(size.steps):
        _, rewards, ends, truncations, infos = env.step(_some_actions(env, step))
        nowhere = np.zeros(env.num_envs, dtype=np.bool_)
        expect(
            not rewards[over].any() and not ends[over].any(), f"A resetting step earns or ends (step {step})."
        )
        expect(
            (infos.get("_task_key", nowhere) == over).all(), f"info does not tell of resets (step {step})."
        )
        expect((infos.get("_score", nowhere) == ends).all(), f"info does not tell of ends (step {step}).")
        expect(not truncations.any(), "Time limits belong to the rules: an end is a termination.")
        over = ends
        ended += int(ends.sum())
    return f"{ended:,} ends in {size.steps} steps of {env.num_envs}"


def autoreset_same_step(env_id: str, size: Size) -> str:
    """SAME_STEP: an end resets at once; ``final_obs`` and ``final_info`` hold how it ended."""
    env = make_vector(env_id, min(64, size.num_envs), autoreset_mode="SameStep")
    env.reset(seed=0)
    returns, ended = np.zeros(env.num_envs), 0
    for step in range(size.steps):
        _, rewards, ends, _, infos = env.step(_some_actions(env, step))
        returns += rewards
        nowhere = np.zeros(env.num_envs, dtype=np.bool_)
        for name in ("_final_obs", "_final_info", "_task_key"):
            expect(
                (infos.get(name, nowhere) == ends).all(),
                f"info[{name!r}] does not mark the ends (step {step}).",
            )
        for row in np.flatnonzero(ends):
            final, score = infos["final_obs"][row], infos["final_info"]["score"][row]
            expect(
                final in env.single_observation_space, f"final_obs[{row}] is not in its space (step {step})."
            )
            expect(
                abs(returns[row] - score) < 1e-9,
                f"Return {returns[row]} but final score {score} (step {step}).",
            )
            expect(
                infos["action_mask"][row].any(), f"The mask of row {row} is the old episode's (step {step})."
            )
        returns[ends] = 0.0
        ended += int(ends.sum())
    return f"{ended:,} ends in {size.steps} steps of {env.num_envs}"


def autoreset_disabled(env_id: str, size: Size) -> str:
    """DISABLED: stepping over an end raises; ``reset_mask`` resets exactly the marked environments."""
    env = make_vector(env_id, min(16, size.num_envs), autoreset_mode="Disabled")
    _, infos = env.reset(seed=0)
    keys, resets = infos["task_key"], 0
    for step in range(size.steps):
        observations, _, ends, _, _ = env.step(_some_actions(env, step))
        if not ends.any():
            continue
        try:
            env.step(_some_actions(env, step))
        except RuntimeError as error:
            expect("reset_mask" in str(error), f"The error {str(error)!r} should tell of reset_mask.")
        else:
            expect(False, f"Stepping over a finished episode has to raise RuntimeError (step {step}).")
        after, infos = env.reset(options={"reset_mask": ends})
        expect(
            same(take(after, ~ends), take(observations, ~ends)),
            f"Unmarked environments changed (step {step}).",
        )
        changed = infos["task_key"] != keys
        expect(
            (infos["_task_key"] == ends).all() and (changed <= ends).all(),
            f"Wrong ones were reset (step {step}).",
        )
        keys, resets = infos["task_key"], resets + int(ends.sum())
    return f"{resets:,} resets in {size.steps} steps of {env.num_envs}"


def masks_after_the_end(env_id: str, size: Size) -> str:
    """Once an episode has ended its mask still has a legal action, so that no learner divides by zero."""
    single = make(env_id, practice="uniform")
    for episode in range(EPISODES):
        _, info = single.reset(seed=episode)
        over, step = False, 0
        while not over:
            action = int(random_actions(info["action_mask"][None], mix(episode, step), 0)[0])
            _, _, over, _, info = single.step(action)
            step += 1
        for name, mask in (("info", info["action_mask"]), ("action_masks()", single.action_masks())):
            expect(mask.any(), f"The single environment's mask from {name} is empty after seed {episode}.")
    ended = EPISODES
    for mode in AutoresetMode:
        env = make_vector(env_id, min(16, size.num_envs), autoreset_mode=mode)
        env.reset(seed=0)
        for step in range(size.steps):
            _, _, ends, _, infos = env.step(_some_actions(env, step))
            ended += int(ends.sum())
            _expect_legal(infos["action_mask"], mode, step)
            if "final_info" in infos:
                _expect_legal(infos["final_info"]["action_mask"][ends], mode, step)
            if mode == AutoresetMode.DISABLED and ends.any():
                first = np.arange(env.num_envs) == ends.argmax()
                _expect_legal(env.reset(options={"reset_mask": first})[1]["action_mask"], mode, step)
                env.reset(options={"reset_mask": ends})
    return f"{ended:,} ends"


def _expect_legal(masks: Masks, mode: AutoresetMode, step: int) -> None:
    empty = np.flatnonzero(~masks.any(axis=1))
    rows = empty[:8].tolist()
    expect(not rows, f"No action is legal in rows {rows} (mode {mode.value}, step {step}).")


def _some_actions(env: EtudeVectorEnv, step: int) -> Actions:
    return random_actions(env.action_masks(), mix(step, np.arange(env.num_envs)), 0, wild_share=0.05)


def worker_processes(env_id: str, size: Size) -> str:
    """Gymnasium's ``AsyncVectorEnv`` runs it in worker processes, as the vector environment does."""
    theirs = gymnasium.make_vec(env_id, 2, vectorization_mode="async", practice="uniform")
    ours = make_vector(env_id, 2, practice="uniform")
    try:
        observations, _ = theirs.reset(seed=3)
        expected, _ = ours.reset(seed=3)
        for step in range(min(size.steps, 50)):
            expect(same(observations, expected), f"Observations differ after {step} steps (seed 3).")
            actions = _some_actions(ours, step)
            observations, rewards, ends, _, infos = theirs.step(actions)
            expected, own_rewards, own_ends, _, own_infos = ours.step(actions)
            expect(
                (rewards == own_rewards).all() and (ends == own_ends).all(),
                f"Rewards or ends differ at {step}.",
            )
            expect((infos["action_mask"] == own_infos["action_mask"]).all(), f"Masks differ at step {step}.")
    finally:
        theirs.close(terminate=True)
    return "2 workers"


def episodes_are_reported_once(env_id: str, size: Size) -> str:
    """Every episode in which an action was taken is reported once: ended, truncated or given up."""
    env, told, expected = make(env_id), _Told(), 0
    env.stream.listener = told
    for episode in range(12):
        env.reset(seed=episode)
        env.reset()  # at once: nothing was tried, nothing is told
        expect(told.count == expected, f"{told.count} episodes were reported, {expected} were played.")
        score, over, step = 0.0, False, 0
        while not over and (episode % 3 == 0 or step <= episode):
            action = int(random_actions(env.action_masks()[None], mix(episode, step), 0)[0])
            _, reward, over, _, _ = env.step(action)
            score, step = score + reward, step + 1
        env.reset()
        expected += 1
        expect(
            told.count == expected and abs(told.last - score) < 1e-9,
            f"An episode of {step} steps that earned {score} was reported as {told.last} "
            f"({told.count} reports of {expected} episodes).",
        )
    for mode in ("NextStep", "SameStep"):
        expected += _reports_of_a_vector(env_id, mode, size.steps)
    return f"{expected:,} episodes"


class _Told:
    """Counts reports, and keeps their sum and the last one."""

    def __init__(self) -> None:
        self.count, self.last, self.total = 0, float("nan"), 0.0

    def __call__(self, difficulty: Any, reason: Any, scores: NDArray[np.float64]) -> None:
        self.count, self.last, self.total = self.count + len(scores), scores[-1], self.total + scores.sum()


def _reports_of_a_vector(env_id: str, mode: str, steps: int) -> int:
    """Truncate after a few steps, give up half of the episodes now and then; the reports have to add up."""
    env, told = make_vector(env_id, 8, autoreset_mode=mode, max_episode_steps=5), _Told()
    env.stream.listener = told
    env.reset(seed=0)
    earned, expected, chosen = 0.0, 0, np.arange(8) < 4
    running, waiting = np.zeros(8, dtype=np.bool_), np.zeros(8, dtype=np.bool_)
    for step in range(steps // 2):
        _, rewards, ends, truncations, _ = env.step(_some_actions(env, step))
        earned += float(rewards.sum())
        over = ends | truncations
        expected += int(over.sum())
        running = (running | ~waiting) & ~over
        waiting = over & (mode == "NextStep")
        if step % 7 == 6:
            expected += int((running & chosen).sum())
            env.reset(options={"reset_mask": chosen})
            running, waiting = running & ~chosen, waiting & ~chosen
    env.reset()
    expected += int(running.sum())
    expect(
        told.count == expected and abs(told.total - earned) < 1e-6,
        f"A vector in mode {mode} told of {told.count} episodes with {told.total} points in all; "
        f"{expected} were played and earned {earned}.",
    )
    return expected
