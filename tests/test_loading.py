"""Trained agents of runs: loaded, they act in environments of Gymnasium as they were scored."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from small_runs import small_run

import etude_gym
from etude_gym.measure.anchors import score_anchors
from etude_gym.runs.answers import read_answers
from etude_gym.runs.folder import IncompleteRun
from etude_gym.runs.rescoring import restored_agent
from etude_gym.text import draw_tasks


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"))


def test_a_loaded_agent_acts_in_a_vector_environment_by_the_weights_of_its_checkpoint(finished):
    trained, untrained = (etude_gym.load_agent(finished, checkpoint=index) for index in (None, 0))
    assert (trained.checkpoint, untrained.checkpoint) == (8, 0)
    assert (trained.compute, untrained.compute) == (read_answers(finished)[-1].compute, 0.0)
    assert not untrained.agent.weights.any()
    envs = gym.make_vec(trained.env_id, num_envs=16, practice="uniform")
    observations, infos = envs.reset(seed=0)
    for _ in range(20):
        masks = infos["action_mask"]
        actions = trained.act(observations, masks)
        values = np.where(masks, observations @ trained.agent.weights, -np.inf)
        np.testing.assert_array_equal(actions, values.argmax(axis=1))
        observations, *_, infos = envs.step(actions)


def test_a_single_environment_gets_an_integer_and_the_same_choice(finished):
    agent = etude_gym.load_agent(str(finished))
    env = gym.make(agent.env_id, practice="uniform")
    for seed in range(10):
        observation, info = env.reset(seed=seed)
        over = False
        while not over:
            action = agent.act(observation, info["action_mask"])
            assert type(action) is int
            assert action == agent.act(observation[None], info["action_mask"][None])[0]
            observation, _, over, _, info = env.step(action)


def test_a_loaded_agent_answers_anchor_tasks_as_it_did_in_its_run(finished):
    kept = read_answers(finished)[4]
    agent = etude_gym.load_agent(finished, checkpoint=4)
    result = score_anchors(agent.domain, agent.agent, 4, agent.config.items, 23)
    np.testing.assert_allclose(result.answers.scores, kept.scores, atol=1e-4)
    assert restored_agent(finished, 4)[1] == agent.compute


def test_dictionaries_of_tables_are_observations_too(tmp_path):
    etude_gym.register_domain("LoadedRawPlan-v0", "etude_gym.envs.plan.domain:PlanDomain", observation="raw")
    try:
        run = small_run(tmp_path, env_id="LoadedRawPlan-v0", agent="small_agents:FirstLegal", horizon=1e4)
        agent = etude_gym.load_agent(run)
        env = gym.make("LoadedRawPlan-v0", practice="uniform")
        observation, info = env.reset(seed=0)
        assert agent.act(observation, info["action_mask"]) == info["action_mask"].argmax()
        other, other_info = gym.make("EtudePlan-v0").reset(seed=0)
        with pytest.raises(ValueError, match="trained on LoadedRawPlan-v0, whose observations have shapes"):
            agent.act(other, other_info["action_mask"])
    finally:
        gym.registry.pop("LoadedRawPlan-v0")


def test_observations_and_masks_of_another_environment_are_refused(finished):
    agent = etude_gym.load_agent(finished)
    observation, info = gym.make("EtudeLogic-v0").reset(seed=0)
    with pytest.raises(ValueError, match=r"masks must have shape \(8,\) or \(n, 8\), as counting:Counting"):
        agent.act(observation, info["action_mask"])
    with pytest.raises(ValueError, match=r"observations have shapes \(3,\) .*; got \(361,\) for masks"):
        agent.act(observation, np.ones(8, dtype=np.int8))
    batch = np.zeros((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match=r"got \(2, 3\) for masks of shape \(3, 8\)"):
        agent.act(batch, np.ones((3, 8), dtype=np.int8))


def test_an_agent_that_acts_does_not_play_text(finished):
    with pytest.raises(TypeError, match="reads observations: let it act"):
        etude_gym.load_agent(finished).play(draw_tasks("EtudePlan-v0", "practice", 1, seed=0))


def test_an_agent_that_reads_text_plays_tasks(tmp_path):
    run = small_run(tmp_path, env_id="EtudePlan-v0", agent="small_agents:Parrot", horizon=8.0)
    agent = etude_gym.load_agent(run)
    tasks = draw_tasks(agent.env_id, "practice", 2, seed=0)
    assert agent.play(tasks) == [True, True]
    assert [task.replies for task in tasks] == [[("go Depot", False)]] * 2
    with pytest.raises(TypeError, match="reads prompts: let it play"):
        agent.act(np.zeros(3), np.ones(3))


def test_what_is_wrong_with_a_folder_is_said(finished, tmp_path):
    with pytest.raises(ValueError, match=r"holds no checkpoint 9; it holds 0, 1, 2, 3, 4, 5, 6, 7, 8\."):
        etude_gym.load_agent(finished, checkpoint=9)
    with pytest.raises(IncompleteRun, match="is not a folder"):
        etude_gym.load_agent(tmp_path / "nowhere")
    with pytest.raises(IncompleteRun, match="holds no run"):
        etude_gym.load_agent(tmp_path)
    for seed in (0, 1):
        (tmp_path / f"seed_{seed}").mkdir()
        (tmp_path / f"seed_{seed}" / "config.json").write_bytes((finished / "config.json").read_bytes())
    with pytest.raises(IncompleteRun, match=r"holds 2 runs: name one of them, such as .*seed_0"):
        etude_gym.load_agent(tmp_path)
    with pytest.raises(IncompleteRun, match="holds no networks yet"):
        etude_gym.load_agent(tmp_path / "seed_0")


def test_the_loader_is_imported_when_it_is_asked_for():
    code = (
        "import sys, etude_gym; assert 'etude_gym.runs' not in sys.modules;"
        "etude_gym.load_agent; assert 'etude_gym.runs.loading' in sys.modules; print(dir(etude_gym))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "load_agent" in etude_gym.__all__
    assert not done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'load_agents'"):
        _ = etude_gym.load_agents
