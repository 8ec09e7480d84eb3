"""Agents: the batched adaptor, MaskablePPO as a learner, scripted agents, a learner of one's own."""

from __future__ import annotations

import random
import sys
import warnings
from copy import deepcopy

import gymnasium as gym
import numpy as np
import own_learner
import pytest
import torch
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor

import etude_gym  # noqa: F401
from etude_gym.agents.sb3.learner import MaskablePPOLearner
from etude_gym.agents.sb3.vec_env import BatchedVecEnv
from etude_gym.environment.registration import make_domain
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.errors import MissingExtra, ResetNeeded
from etude_gym.measure.accounting import VectorComputeAccounting
from etude_gym.measure.agent import Agent, Learner
from etude_gym.measure.anchors import score_anchors, stratified_tasks
from etude_gym.measure.compute import ComputeMeter
from etude_gym.measure.rollout import rollout
from etude_gym.measure.scripted import RandomAgent, ScriptedAgent
from etude_gym.runs.agents import load_agent_class, load_recipe, make_agent
from etude_gym.runs.experiment import Experiment, ExperimentConfig
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import COMPUTE, PRACTICE, Run, read_json
from etude_gym.runs.records import pack, unpack

NUM_ENVS = 6
SHORT = {"horizon": 0.0, "resources": 0.0, "contingency": 0.0, "decomposition": 0.0}
TINY = {"network": (16,), "n_steps": 8, "batch_size": 24, "n_epochs": 2}
HORIZON = 4e6
"""FLOPs of about twenty updates of the tiny network."""


def make_vector(variant="compact", num_envs=NUM_ENVS, mode="SameStep", seed=5, practice="uniform"):
    env = EtudeVectorEnv(
        make_domain("EtudePlan-v0", observation=variant),
        num_envs,
        autoreset_mode=mode,
        practice=practice,
        difficulty=SHORT,
    )
    env.reset(seed=seed)
    return env


def draw_legal(generator, masks):
    return np.array([generator.choice(np.flatnonzero(mask)) for mask in masks])


# --- The batched adaptor -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_other_autoreset_modes_are_refused_saying_what_to_do(mode):
    with pytest.raises(ValueError, match=r"gym\.make_vec\(\.\.\., autoreset_mode='SameStep'\)"):
        BatchedVecEnv(make_vector(mode=mode))


@pytest.mark.parametrize("variant", ["compact", "raw"])
def test_the_adaptor_gives_what_the_vector_environment_gives(variant):
    vector, adapted = make_vector(variant), BatchedVecEnv(make_vector(variant))
    expected, infos = vector.reset(seed=9)
    adapted.seed(9)
    np.testing.assert_equal(adapted.reset(), expected)
    generator = np.random.default_rng(0)
    ended = 0
    for _ in range(80):
        np.testing.assert_array_equal(get_action_masks(adapted), infos["action_mask"])
        actions = draw_legal(generator, infos["action_mask"])
        expected, rewards, terminations, _, infos = vector.step(actions)
        observations, adapted_rewards, dones, adapted_infos = adapted.step(actions)
        np.testing.assert_equal(observations, expected)
        np.testing.assert_array_equal(adapted_rewards, rewards.astype(np.float32))
        np.testing.assert_array_equal(dones, terminations)
        for row in range(NUM_ENVS):
            if not terminations[row]:
                assert adapted_infos[row] == {}
                continue
            ended += 1
            final = adapted_infos[row]
            np.testing.assert_equal(final["terminal_observation"], infos["final_obs"][row])
            assert final["TimeLimit.truncated"] is False
            assert final["score"] == infos["final_info"]["score"][row]
            assert final["solved"] == infos["final_info"]["solved"][row]
    assert ended > NUM_ENVS


def test_masks_are_those_of_the_whole_batch_or_of_the_rows_asked_for():
    env = make_vector()
    _, infos = env.reset(seed=3)
    adapted = BatchedVecEnv(env)
    assert is_masking_supported(adapted)
    assert get_action_masks(adapted).shape == (NUM_ENVS, 19)
    np.testing.assert_array_equal(adapted.env_method("action_masks"), infos["action_mask"])
    np.testing.assert_array_equal(adapted.env_method("action_masks", indices=2), infos["action_mask"][2:3])
    np.testing.assert_array_equal(
        adapted.env_method("action_masks", indices=[4, 1]), infos["action_mask"][[4, 1]]
    )


def test_options_of_a_reset_reach_the_environments_once():
    adapted = BatchedVecEnv(make_vector())
    adapted.set_options({"difficulty": {"contingency": 0.75}})
    adapted.reset()
    assert set(adapted.env.stream.difficulty[:, 2]) == {0.75}
    adapted.reset()
    assert set(adapted.env.stream.difficulty[:, 2]) == {0.0}
    adapted.set_options([{"difficulty": {"contingency": 0.75}}] + [{}] * (NUM_ENVS - 1))
    with pytest.raises(ValueError, match="one set of options"):
        adapted.reset()


def test_methods_and_attributes_of_single_environments_are_refused():
    adapted = BatchedVecEnv(make_vector())
    with pytest.raises(AttributeError, match="no method 'render' for single environments"):
        adapted.env_method("render")
    with pytest.raises(AttributeError, match="cannot be set"):
        adapted.set_attr("difficulty", 1)
    assert adapted.get_attr("num_envs", indices=[0, 3]) == [NUM_ENVS, NUM_ENVS]
    assert not adapted.has_attr("no_such_attribute")
    with pytest.raises(AttributeError, match="no_such_attribute"):
        adapted.get_attr("no_such_attribute")
    assert adapted.env_is_wrapped(Monitor) == [False] * NUM_ENVS


def test_attributes_that_are_there_can_be_had_through_wrappers():
    vector = make_vector()
    meter = ComputeMeter()
    adapted = BatchedVecEnv(VectorComputeAccounting(vector, meter))
    for name, value in (("sampler", vector.sampler), ("stream", vector.stream), ("meter", meter)):
        assert adapted.has_attr(name)
        assert adapted.get_attr(name) == [value] * NUM_ENVS


def test_masks_belong_to_those_who_ask_and_are_not_there_before_a_reset():
    adapted = BatchedVecEnv(gym.make_vec("EtudePlan-v0", 2, autoreset_mode="SameStep"))
    with pytest.raises(ResetNeeded, match=r"reset\(\) before action_masks"):
        adapted.env_method("action_masks")
    adapted.reset()
    masks = np.asarray(adapted.env_method("action_masks"))
    kept = masks.copy()
    masks[:] = 0
    np.testing.assert_array_equal(adapted.env_method("action_masks"), kept)


def test_a_truncated_episode_is_told_as_one():
    env = gym.make_vec("EtudePlan-v0", 2, autoreset_mode="SameStep", max_episode_steps=2, practice="uniform")
    adapted = BatchedVecEnv(env)
    adapted.reset()
    keys = env.tasks().keys
    adapted.step(np.array([0, 0]))
    _, _, dones, infos = adapted.step(np.array([0, 0]))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [True, True]
    assert [info["task"].keys[0] for info in infos] == keys.tolist()


def test_images_of_all_environments_are_shown_side_by_side():
    env = gym.make_vec("EtudePlan-v0", 4, autoreset_mode="SameStep", render_mode="rgb_array")
    env.reset(seed=0)
    adapted = BatchedVecEnv(env)
    height, width, _ = env.render()[0].shape
    assert adapted.render().shape == (2 * height, 2 * width, 3)


def test_vec_monitor_reports_the_score_as_the_return_of_each_episode():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = VecMonitor(BatchedVecEnv(make_vector(num_envs=3)))
    env.reset()
    lengths, episodes = np.zeros(3, dtype=int), 0
    generator = np.random.default_rng(1)
    for _ in range(120):
        _, _, dones, infos = env.step(draw_legal(generator, get_action_masks(env)))
        lengths += 1
        for row in np.flatnonzero(dones):
            episodes += 1
            assert infos[row]["episode"]["r"] == pytest.approx(infos[row]["score"], abs=1e-6)
            assert infos[row]["episode"]["l"] == lengths[row]
            lengths[row] = 0
    assert episodes > 3


# --- MaskablePPO -------------------------------------------------------------------------------------


def make_learner(variant="compact", seed=1, **options):
    domain = make_domain("EtudePlan-v0", observation=variant)
    return MaskablePPOLearner(domain, seed=seed, horizon=HORIZON, **{**TINY, **options})


def as_arrays(value):
    """Nested dictionaries and sequences with arrays in place of tensors."""
    if isinstance(value, dict):
        return {name: as_arrays(part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_arrays(part) for part in value]
    return value.numpy().copy() if isinstance(value, torch.Tensor) else value


def assert_same_state(left, right):
    """The two learners would go on in the same way, bit for bit."""
    np.testing.assert_equal(as_arrays(left.state_dict()), as_arrays(right.state_dict()))


def weights_of(learner):
    return torch.cat([weight.flatten() for weight in learner.state_dict()["policy"].values()])


@pytest.mark.parametrize("variant", ["compact", "raw"])
def test_the_same_seed_gives_the_same_learner_however_practice_is_cut(variant):
    whole, halves, turns = (make_learner(variant) for _ in range(3))
    assert_same_state(whole, halves)
    whole.learn(make_vector(variant), HORIZON)
    env = make_vector(variant)
    halves.learn(env, HORIZON / 2)
    halves.learn(env, HORIZON)
    env = make_vector(variant)
    for turn in range(1, 31):
        turns.learn(env, HORIZON * turn / 30)
    assert_same_state(whole, halves)
    assert_same_state(whole, turns)


def test_another_seed_gives_other_weights():
    assert not torch.equal(weights_of(make_learner(seed=1)), weights_of(make_learner(seed=2)))


def test_practice_changes_the_weights_and_stops_at_the_compute_asked_for():
    learner, env = make_learner(), make_vector()
    before = weights_of(learner)
    learner.learn(env, HORIZON)
    spent = sum(flops for line, flops in learner.flops.items() if line != "evaluation")
    one_update = spent / learner.state_dict()["num_updates"] * TINY["n_epochs"]
    assert HORIZON <= spent < HORIZON + one_update
    assert not torch.equal(weights_of(learner), before)
    practiced = weights_of(learner)
    learner.learn(env, HORIZON)
    assert torch.equal(weights_of(learner), practiced)


def global_random_states():
    return as_arrays((random.getstate(), np.random.get_state(), torch.get_rng_state()))  # noqa: NPY002


def test_global_random_state_is_left_alone():
    before = global_random_states()
    learner, env = make_learner(), make_vector()
    learner.learn(env, HORIZON / 4)
    learner.act(*env_batch(env))
    np.testing.assert_equal(global_random_states(), before)


def test_global_random_state_is_put_back_when_practice_fails():
    learner, env = make_learner(), make_vector()
    learner.learn(env, HORIZON / 8)
    env.step = None
    before = global_random_states()
    with pytest.raises(TypeError):
        learner.learn(env, HORIZON)
    np.testing.assert_equal(global_random_states(), before)


def test_the_domains_spaces_are_not_seeded_by_a_learner():
    domain = make_domain("EtudePlan-v0")
    domain.action_space.seed(7)
    expected = [domain.action_space.sample() for _ in range(20)]
    domain.action_space.seed(7)
    MaskablePPOLearner(domain, seed=1, **TINY)
    assert [domain.action_space.sample() for _ in range(20)] == expected


def test_two_learners_in_one_process_do_not_disturb_each_other():
    alone = make_learner(seed=1)
    alone.learn(make_vector(), HORIZON)
    first, second = make_learner(seed=1), make_learner(seed=2)
    env, other = make_vector(), make_vector(seed=50)
    for turn in range(1, 5):
        first.learn(env, HORIZON * turn / 4)
        second.learn(other, HORIZON * turn / 4)
    assert_same_state(alone, first)


def env_batch(env):
    observations, infos = env.reset(seed=77)
    return observations, infos["action_mask"]


@pytest.mark.parametrize("variant", ["compact", "raw"])
def test_acting_chooses_legal_actions_and_changes_nothing_but_the_evaluation_ledger(variant):
    learner, env = make_learner(variant), make_vector(variant)
    learner.learn(env, HORIZON / 4)
    observations, masks = env_batch(make_vector(variant, num_envs=50))
    before = as_arrays(learner.state_dict())
    actions = learner.act(observations, masks)
    assert (actions.shape, actions.dtype) == ((50,), np.int64)
    assert masks[np.arange(50), actions].all()
    np.testing.assert_array_equal(learner.act(observations, masks), actions)
    after = as_arrays(learner.state_dict())
    assert after.pop("evaluation_flops") > before.pop("evaluation_flops")
    np.testing.assert_equal(after, before)


@pytest.mark.parametrize("variant", ["compact", "raw"])
def test_a_fresh_learner_goes_on_from_a_saved_state_bit_for_bit(variant):
    whole, env = make_learner(variant), make_vector(variant)
    whole.learn(env, HORIZON / 2)
    saved = pack({"learner": whole.state_dict(), "env": env.state_dict()})
    whole.learn(env, HORIZON)

    state = unpack(saved)
    fresh, fresh_env = make_learner(variant, seed=99), make_vector(variant, seed=1234)
    fresh.load_state_dict(state["learner"])
    fresh_env.load_state_dict(state["env"])
    assert fresh.flops == state["learner"]["flops"] | {"evaluation": 0}
    fresh.learn(fresh_env, HORIZON)
    assert_same_state(whole, fresh)
    np.testing.assert_array_equal(fresh_env.worlds, env.worlds)


def test_a_state_is_a_copy_that_neither_further_practice_nor_another_learner_changes():
    whole, env = make_learner(), make_vector()
    whole.learn(env, HORIZON / 2)
    state, env_state = whole.state_dict(), env.state_dict()
    before = deepcopy(state)
    whole.learn(env, HORIZON)
    for seed in (98, 99):
        fresh, fresh_env = make_learner(seed=seed), make_vector()
        fresh.load_state_dict(state)
        fresh_env.load_state_dict(env_state)
        fresh.learn(fresh_env, HORIZON)
        assert_same_state(whole, fresh)
    np.testing.assert_equal(as_arrays(state), as_arrays(before))


def test_a_learner_takes_as_many_environments_as_it_is_given():
    learner = make_learner()
    learner.learn(make_vector(num_envs=3), 1.0)
    assert learner.state_dict()["num_timesteps"] == 3 * TINY["n_steps"]


@pytest.mark.parametrize("batch_size", [47, 1])
def test_a_minibatch_of_one_step_is_refused_before_it_makes_weights_nan(batch_size):
    learner = make_learner(batch_size=batch_size)
    with pytest.raises(ValueError, match=r"6 environments x n_steps=8 leave a minibatch of one step"):
        learner.learn(make_vector(), HORIZON)


def test_the_learning_rate_falls_linearly_to_the_horizon():
    learner = make_learner(learning_rate=3e-3, final_learning_rate=1e-3)
    env = make_vector()
    assert learner.model.lr_schedule(1.0) == 3e-3
    learner.learn(env, HORIZON / 2)
    spent = sum(learner.flops.values())
    assert learner.model.lr_schedule(1.0) == pytest.approx(3e-3 - 2e-3 * spent / HORIZON)
    learner.learn(env, HORIZON)
    assert learner.model.lr_schedule(1.0) == pytest.approx(1e-3)


# --- Scripted agents and names -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["random", "greedy", "oracle"])
def test_scripted_agents_act_but_do_not_learn(name):
    agent = make_agent(name, make_domain("EtudePlan-v0"), seed=3, horizon=1e9)
    assert isinstance(agent, Agent)
    assert not isinstance(agent, Learner)


@pytest.mark.parametrize("name", ["random", "oracle"])
def test_scripted_agents_take_legal_actions_only(name):
    domain = make_domain("EtudePlan-v0")
    tasks = stratified_tasks(domain, "probe", stream=0, per_cell=20)
    outcomes = rollout(domain, tasks, make_agent(name, domain, seed=3))
    assert outcomes["illegal_actions"].sum() == 0
    assert outcomes["actions"].min() > 0


def test_the_oracle_is_better_than_greed_and_greed_than_chance():
    domain = make_domain("EtudePlan-v0")
    tasks = stratified_tasks(domain, "probe", stream=0, per_cell=50)
    means = {
        name: rollout(domain, tasks, make_agent(name, domain))["score"].mean()
        for name in ("random", "greedy", "oracle")
    }
    assert means["random"] < 0.1 < means["greedy"] < 0.9 < means["oracle"]


def test_the_random_agent_chooses_uniformly_among_legal_actions():
    agent = RandomAgent(make_domain("EtudePlan-v0"), seed=3)
    masks = np.tile(np.array([0, 1, 0, 1, 1, 0], dtype=np.int8), (30_000, 1))
    counts = np.bincount(agent.act(None, masks), minlength=6)
    assert counts[[0, 2, 5]].sum() == 0
    assert np.abs(counts[[1, 3, 4]] - 10_000).max() < 400  # five standard errors


def test_the_random_agent_repeats_itself_for_a_seed_and_differs_from_turn_to_turn():
    domain = make_domain("EtudePlan-v0")
    masks = np.ones((200, 19), dtype=np.int8)
    first, again, other = (RandomAgent(domain, seed=seed) for seed in (3, 3, 4))
    actions = first.act(None, masks)
    np.testing.assert_array_equal(again.act(None, masks), actions)
    assert (first.act(None, masks) != actions).any()
    assert (other.act(None, masks) != actions).any()


def test_a_solver_that_a_domain_does_not_have_is_named_with_those_it_has():
    with pytest.raises(ValueError, match=r"Unknown solver of plan-v0 'greed'.*Did you mean 'greedy'"):
        ScriptedAgent(make_domain("EtudePlan-v0"), solver="greed")


def test_an_unknown_agent_is_answered_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"Unknown agent 'sb4'\. Allowed: 'sb3'.*Did you mean 'sb3'\?"):
        load_agent_class("sb4")


def test_a_class_that_a_module_does_not_have_is_named():
    with pytest.raises(ValueError, match="The module 'own_learner' has no 'Missing'"):
        load_agent_class("own_learner:Missing")


def test_a_module_that_does_not_exist_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load_agent_class("no_such_module:Learner")


def test_a_missing_library_is_answered_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    for module in ("learner", "maskable_ppo"):
        monkeypatch.delitem(sys.modules, f"etude_gym.agents.sb3.{module}")
    with pytest.raises(MissingExtra, match=r'pip install "etude-gym\[sb3\]"'):
        load_agent_class("sb3")


def test_shipped_recipes_are_arguments_that_the_learner_takes():
    recipe = load_recipe("sb3", "EtudePlan-v0")
    assert recipe.horizon > 0
    make_agent("sb3", make_domain("EtudePlan-v0"), seed=0, horizon=recipe.horizon, **recipe.options)
    assert load_recipe("sb3", "some_module:EtudePlan-v0") == recipe


def test_an_agent_without_a_recipe_for_a_domain_has_an_empty_one():
    for agent, env_id in (("sb3", "Nowhere-v0"), ("own_learner:LinearReinforce", "EtudePlan-v0")):
        recipe = load_recipe(agent, env_id)
        assert (recipe.horizon, recipe.options, recipe.samplers) == (None, {}, {})


# --- A learner of one's own --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sb3", "own_learner:LinearReinforce", "torch_learner:ActorCritic"])
def test_learners_satisfy_the_protocol(name):
    learner = make_agent(name, make_domain("EtudePlan-v0"), seed=0, horizon=1e9)
    assert isinstance(learner, Learner)
    assert set(learner.flops) <= {"rollout", "update", "value", "evaluation"}


def test_a_learner_of_ones_own_learns():
    domain = make_domain("EtudePlan-v0")
    learner = own_learner.LinearReinforce(domain, seed=0)
    before = score_anchors(domain, learner, 0, per_cell=200, salt=1)
    learner.learn(make_vector(num_envs=64), 1e9)
    after = score_anchors(domain, learner, 0, per_cell=200, salt=1)
    assert before.scores[0].mean() < 0.01 < 0.04 < after.scores[0].mean()


def test_a_torch_learner_of_ones_own_learns_and_goes_on_from_its_state():
    domain, ends = make_domain("EtudePlan-v0"), []
    for stops in ((4e8,), (1e8, 4e8)):
        learner, env = make_agent("torch_learner:ActorCritic", domain, seed=0), make_vector(num_envs=64)
        for stop in stops:
            learner.learn(env, stop)
            state = unpack(pack(learner.state_dict()))
            learner = make_agent("torch_learner:ActorCritic", domain, seed=5)
            learner.load_state_dict(state)
        ends.append(learner)
    one, other = (learner.network.state_dict() for learner in ends)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert 4e8 <= sum(ends[0].flops.values()) < 5e8
    untrained = make_agent("torch_learner:ActorCritic", domain, seed=0)
    before, after = (
        score_anchors(domain, each, 0, 100, salt=1).scores[0].mean() for each in (untrained, ends[0])
    )
    assert after > before + 0.02


def test_a_learner_of_ones_own_runs_an_experiment_by_its_name(tmp_path):
    config = ExperimentConfig(
        agent="own_learner:LinearReinforce",
        arms=("static", "uniform"),
        seeds=1,
        horizon=5e7,
        items=4,
        options={"learning_rate": 0.02},
    )
    experiment = Experiment.create(tmp_path / "own", config)
    assert experiment.practice(workers=2)
    for folder in experiment.run_folders():
        loaded = load_run(folder)
        compute = read_json(folder / COMPUTE)
        steps = compute["rollout"]["env_steps"]
        assert len(loaded.curve) == 9
        assert loaded.curve.compute[-1] >= 5e7
        assert steps > 0
        assert compute["rollout"]["flops"] == 2 * 92 * 19 * steps
        assert compute["update"]["flops"] == 4 * 92 * 19 * steps
        assert Run(folder).read(PRACTICE)[-1]["env_steps"] == steps


def test_an_agent_that_does_not_learn_cannot_practice(tmp_path):
    with pytest.raises(ValueError, match="The agent 'oracle' does not learn"):
        Experiment.create(tmp_path, ExperimentConfig(agent="oracle", horizon=1e9))


def test_a_learner_without_a_recipe_needs_a_horizon(tmp_path):
    with pytest.raises(ValueError, match="give --horizon in FLOPs"):
        Experiment.create(tmp_path, ExperimentConfig(agent="own_learner:LinearReinforce"))
