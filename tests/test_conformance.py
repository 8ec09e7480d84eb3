"""The conformance suite on every registered domain, and on broken ones, which it has to catch."""

from __future__ import annotations

import random

import gymnasium
import numpy as np
import pytest
from counting import CountingDomain, CountingEpisode

from etude_gym import conformance, register_domain, registered_ids
from etude_gym.conformance import CHECKS, FULL_TASKS, description, generation, run_check, run_checks, size_for
from etude_gym.difficulty.space import DifficultySpace
from etude_gym.environment.single import EtudeEnv
from etude_gym.environment.stream import TaskStream
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.envs.plan.domain import PlanDomain
from etude_gym.practice.blind import UniformSampler
from etude_gym.practice.sampler import Draw
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Reply
from etude_gym.tasks.prompts import Prompt

register_domain("RawPlan-v0", "etude_gym.envs.plan.domain:PlanDomain", observation="raw")

QUICK = size_for(400)


every_promise_of_every_domain = pytest.mark.parametrize(
    ("env_id", "name"),
    [pytest.param(env_id, name, id=f"{env_id}-{name}") for env_id in registered_ids() for name in CHECKS],
)


@every_promise_of_every_domain
def test_every_domain_keeps_every_promise(env_id, name):
    result = run_check(env_id, name, QUICK)
    assert result.passed, result.detail


@pytest.mark.slow
@every_promise_of_every_domain
def test_every_domain_keeps_every_promise_on_many_tasks(env_id, name):
    result = run_check(env_id, name, size_for(FULL_TASKS))
    assert result.passed, result.detail


def test_the_checks_that_apply_to_the_plan_domain_are_not_skipped():
    for name in ("rendering", "text_interface", "sb3_checker"):
        assert not run_check("EtudePlan-v0", name, QUICK).skipped


# --- Broken domains --------------------------------------------------------------------------------------


def broken(**methods):
    """A counting domain whose episodes have other methods."""
    episode = type("BrokenEpisode", (CountingEpisode,), methods)
    return type("BrokenDomain", (CountingDomain,), {"episode": episode})


class PaysTwice(CountingDomain):
    def step(self, worlds, actions, active, observations, masks, rewards, ends):
        super().step(worlds, actions, active, observations, masks, rewards, ends)
        rewards *= 2


class UsesGlobalNumpyState(CountingDomain):
    def start(self, key, difficulty, family):
        return self.episode(4 + np.random.randint(8), 4, 0)  # noqa: NPY002


class UsesGlobalPythonState(CountingDomain):
    def start(self, key, difficulty, family):
        return self.episode(4 + random.randrange(8), 4, 0)


class CountsItsTasks(CountingDomain):
    started = 0

    def start(self, key, difficulty, family):
        CountsItsTasks.started += 1
        return self.episode(4 + CountsItsTasks.started % 8, 4, 0)


class FailsWhereItIsHard(CountingDomain):
    def start(self, key, difficulty, family):
        if min(difficulty.values()) == 1.0:
            raise RuntimeError("no task found")
        return super().start(key, difficulty, family)


class IgnoresAnAxis(CountingDomain):
    def start(self, key, difficulty, family):
        return super().start(key, difficulty | {"buttons": 0.5}, family)


class HasNoBounds(CountingDomain):
    def __init__(self):
        super().__init__()
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)


class ReadsOnlyNumbers(CountingDomain):
    def prompt(self, worlds, row):
        return "Press which button?"

    def parse(self, worlds, row, reply, *, cut=False):
        return Reply("ok", [int(reply)])


class PutsTheTaskIntoTheRules(PlanDomain):
    def prompt_parts(self, worlds, row):
        parts = super().prompt_parts(worlds, row)
        return Prompt(f"{parts.rules} Time limit: {worlds[row]['time_limit']}.", parts.format, parts.task)


class PaysForAnyReply(PlanDomain):
    def parse(self, worlds, row, reply, *, cut=False):
        return super().parse(worlds, row, self.reference(worlds, row))


class WorksOutTheFirstStep(PlanDomain):
    def reference(self, worlds, row):
        return "go Depot"


class TellsOfAWorld(CountingDomain):
    def outcome(self, worlds, rows):
        return super().outcome(worlds, rows) | {"world": worlds[rows]}


class DrawsInManySizes(CountingDomain):
    render_modes = ("rgb_array",)

    def render(self, worlds, row, mode):
        return np.zeros((10 + worlds[row].steps_left, 10, 3), dtype=np.uint8)


class DrawsNothing(CountingDomain):
    render_modes = ("ansi", "rgb_array")

    def render(self, worlds, row, mode):
        return None


def raise_on_illegal_action(self):
    raise ValueError("illegal action")


def earn_by_illegal_action(self):
    CountingEpisode.waste(self)
    self.score = min(1.0, self.score + 0.01)


def press_anything(self, action):
    self.pressed += 1
    self.score = self.pressed / self.presses
    self.waste()
    self.over |= self.solved


class CannotBeCopied(CountingEpisode):
    def __deepcopy__(self, memo):
        return self


class SharesEpisodesWithItsCopies(CountingDomain):
    episode = CannotBeCopied


class ForgetsTimeWhenLoaded(CountingDomain):
    def load_worlds(self, worlds, state):
        super().load_worlds(worlds, state)
        for episode in worlds:
            episode.steps_left = 1


class PlaysOneActionTooFew(CountingDomain):
    def replay(self, worlds, rows, numbers):
        super().replay(worlds, rows, np.maximum(numbers - 1, 0))


class LeavesTooLittle(CountingDomain):
    least_left = 1


class GivesEverything(CountingDomain):
    def given(self, worlds, rows):
        return np.ones(len(rows))


class GetsEasier(CountingDomain):
    """More buttons to choose from as the axis falls."""

    def start(self, key, difficulty, family):
        return super().start(key, difficulty | {"buttons": 1.0 - difficulty["buttons"]}, family)


class FeelsNothing(CountingDomain):
    """The axis changes the task, and no solver's score."""

    def start(self, key, difficulty, family):
        episode = super().start(key, difficulty | {"buttons": 0.5}, family)
        episode.steps_left += int(4 * difficulty["buttons"])
        return episode


BROKEN = {
    "axes_get_harder": GetsEasier,
    "drills": PlaysOneActionTooFew,
    "oracle_solves": broken(oracle_action=lambda self: (self.marked + 1) % 4),
    "illegal_actions": broken(waste=raise_on_illegal_action),
    "return_is_score": PaysTwice,
    "masks_are_sound": broken(action_mask=lambda self: np.zeros(8, dtype=np.int8)),
    "observations_in_space": broken(observe=lambda self: np.array([0, 0, 18 + self.presses], np.float32)),
    "same_seed_same_episodes": UsesGlobalNumpyState,
    "global_random_state": UsesGlobalPythonState,
    "generation_is_pure": CountsItsTasks,
    "vector_equals_single": CountsItsTasks,
    "generation_is_total": FailsWhereItIsHard,
    "axes_change_tasks": IgnoresAnAxis,
    "chance_is_worth_nothing": broken(act=press_anything),
    "episodes_end": broken(waste=lambda self: None),
    "plain_spaces": HasNoBounds,
    "gymnasium_checker": HasNoBounds,
    "text_interface": ReadsOnlyNumbers,
    "prompts_share_rules": PutsTheTaskIntoTheRules,
    "worked_solutions": WorksOutTheFirstStep,
    "copies_earn_nothing": PaysForAnyReply,
    "rendering": DrawsNothing,
    "info_is_plain": TellsOfAWorld,
    "copies": SharesEpisodesWithItsCopies,
    "snapshots": ForgetsTimeWhenLoaded,
}


def check(name, domain):
    """Run one check on a domain class, registered meanwhile."""
    register_domain("Broken-v0", domain)
    try:
        return run_check("Broken-v0", name, QUICK)
    finally:
        gymnasium.registry.pop("Broken-v0")


# The same domain as it should be, Counting-v0, passes every check: it is registered, and tested above.
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_domain_is_caught(name):
    result = check(name, BROKEN[name])
    assert not result.passed
    assert result.detail


def test_an_illegal_action_that_earns_is_caught():
    result = check("illegal_actions", broken(waste=earn_by_illegal_action))
    assert "is illegal but has a reward" in result.detail


def test_drills_that_pay_for_guesses_or_for_nothing_are_caught():
    assert "choose a larger least_left" in check("drills", LeavesTooLittle).detail
    assert "given() has to be below 1" in check("drills", GivesEverything).detail


def test_an_echo_of_the_prompt_that_earns_is_caught():
    assert "Repeating the prompt earns" in check("prompts_share_rules", PaysForAnyReply).detail


def test_pictures_of_several_sizes_are_caught():
    assert "several sizes" in check("rendering", DrawsInManySizes).detail


def test_a_failure_says_which_task_to_look_at():
    detail = check("oracle_solves", BROKEN["oracle_solves"]).detail
    assert "The oracle's score is 0.0 on task 0 (key " in detail
    assert "difficulty {'presses': " in detail
    assert "family 'press'" in detail
    assert "fails on 400 of 400 tasks" in detail


def test_an_error_inside_a_domain_is_a_failure_that_says_where():
    detail = check("generation_is_total", FailsWhereItIsHard).detail
    assert detail.startswith("RuntimeError: no task found (raised at ")
    assert "test_conformance.py" in detail


# --- Broken environments ---------------------------------------------------------------------------------


def drop_the_final_observation(self, ended, observations, infos):
    FINISH(self, ended, observations, infos)
    infos.pop("final_obs", None)


def show_no_masks(self):
    return {"action_mask": np.zeros_like(self._masks), "_action_mask": np.ones(self.num_envs, dtype=np.bool_)}


def seed_all_from_the_first(self, seed, rows):
    SEED_ROWS(self, [seed[0]] * len(seed), rows)


def draw_for_a_crowd(self, keys):
    drawn = DRAW(self, keys)
    return Draw(drawn.task_keys, drawn.difficulty / len(keys), drawn.family, drawn.reason)


FINISH, SEED_ROWS, DRAW, REPORT = (
    EtudeVectorEnv._finish,
    EtudeVectorEnv._seed,
    UniformSampler.draw,
    TaskStream.report,
)


def forget_what_is_given_up(self, rows, scores):
    if len(self.episodes) > 1:
        REPORT(self, rows, scores)


BROKEN_FRONTS = {
    "autoreset_next_step": (EtudeVectorEnv, "_describe", lambda self, infos, rows: None),
    "autoreset_same_step": (EtudeVectorEnv, "_finish", drop_the_final_observation),
    "episodes_are_reported_once": (TaskStream, "report", forget_what_is_given_up),
    "masks_after_the_end": (EtudeVectorEnv, "_tell_masks", show_no_masks),
    "autoreset_disabled": (EtudeVectorEnv, "_rows_to_reset", lambda self, options: self._all),
    "seeds_by_list": (EtudeVectorEnv, "_seed", seed_all_from_the_first),
    "step_after_the_end": (EtudeEnv, "check_running", lambda self, what: None),
    "masks_agree": (EtudeEnv, "action_masks", lambda self: np.ones(8, dtype=np.int8)),
    "pinned_values": (TaskStream, "parse_options", lambda self, options: (np.full(2, np.nan), -1)),
    "wrong_arguments": (DifficultySpace, "parse", lambda self, difficulty: np.full(2, np.nan)),
    "draws_depend_on_keys_alone": (UniformSampler, "draw", draw_for_a_crowd),
}


@pytest.mark.parametrize("name", BROKEN_FRONTS)
def test_a_broken_environment_is_caught(monkeypatch, name):
    monkeypatch.setattr(*BROKEN_FRONTS[name])
    result = run_check("counting:Counting-v0", name, QUICK)
    assert not result.passed
    assert result.detail


def sum_of_seed_and_episode(domain, split, seed, episode, salt=0):
    return mix(split == "practice", np.asarray(seed) + np.asarray(episode))


def without_the_split(domain, split, seed, episode, salt=0):
    return mix(seed, episode)


def test_seeds_that_share_tasks_are_caught(monkeypatch):
    assert run_check("EtudePlan-v0", "adjacent_seeds_share_nothing", QUICK).passed
    monkeypatch.setattr(generation, "task_keys", sum_of_seed_and_episode)
    for name in ("adjacent_seeds_share_nothing", "task_keys_are_distinct"):
        assert not run_check("EtudePlan-v0", name, QUICK).passed


def test_splits_that_share_tasks_are_caught(monkeypatch):
    assert run_check("EtudePlan-v0", "splits_share_nothing", QUICK).passed
    monkeypatch.setattr(generation, "task_keys", without_the_split)
    for name in ("splits_share_nothing", "task_keys_are_distinct"):
        assert not run_check("EtudePlan-v0", name, QUICK).passed


# --- The suite itself ------------------------------------------------------------------------------------


def test_every_check_says_in_one_line_what_it_promises():
    for name in CHECKS:
        assert description(name).endswith(".")


def test_run_checks_yields_a_result_for_each_check_asked_for():
    results = list(run_checks("counting:Counting-v0", tasks=50, names=["plain_spaces", "text_interface"]))
    assert [(r.name, r.passed, r.skipped) for r in results] == [
        ("plain_spaces", True, False),
        ("text_interface", True, True),
    ]
    assert results[1].detail == "the domain has no text interface"


def test_sizes_grow_with_the_number_of_tasks():
    assert (size_for(1).num_envs, size_for(1000).num_envs, size_for(FULL_TASKS).num_envs) == (16, 62, 1024)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_id": "EtudePlam-v0"}, r"Unknown environment 'EtudePlam-v0'.*Did you mean 'EtudePlan-v0'"),
        ({"env_id": "EtudePlan-v0", "names": ["oracle"]}, r"Unknown check 'oracle'"),
        ({"env_id": "EtudePlan-v0", "tasks": 0}, "tasks must be at least 1, got 0"),
    ],
)
def test_wrong_arguments_of_the_suite_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        list(run_checks(**arguments))


def test_the_checker_of_an_absent_library_is_skipped(monkeypatch):
    monkeypatch.setattr(conformance.interface.importlib.util, "find_spec", lambda name: None)
    result = run_check("counting:Counting-v0", "sb3_checker", QUICK)
    assert result.skipped
    assert 'pip install "etude-gym[sb3]"' in result.detail


# --- Difficulty ------------------------------------------------------------------------------------------


def test_an_axis_along_which_tasks_get_easier_is_named():
    found = check("axes_get_harder", GetsEasier)
    assert not found.passed
    assert "The axis 'buttons' makes tasks easier" in found.detail
    assert "Turn the axis around" in found.detail


def test_axes_that_no_solver_feels_are_named_and_pass():
    found = check("axes_get_harder", FeelsNothing)
    assert found.passed
    assert "Not felt: buttons" in found.detail
    assert "harder: presses" in found.detail


NOT_FELT = {"EtudeCode-v0": {"edge_cases", "transfer"}}
"""Axes that no scripted solver of the suite feels; see docs/profile.md."""


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "EtudeLogic-v0", "EtudeCode-v0", "EtudeCreative-v0"])
def test_every_other_axis_of_the_suite_is_shown_to_get_harder(env_id):
    told = run_check(env_id, "axes_get_harder", QUICK).detail.partition(". Not felt: ")
    names = set(gymnasium.make(env_id).unwrapped.domain.space.names)
    unfelt = {part.split()[0] for part in told[2].split("; ") if part}
    assert unfelt == NOT_FELT.get(env_id, set())
    assert {part.split()[0] for part in told[0].removeprefix("harder: ").split("; ")} == names - unfelt
