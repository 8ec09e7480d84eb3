"""Duels and races as RLlib sees them."""

from __future__ import annotations

import counting  # noqa: F401  (registers Counting-v0)
import numpy as np
import pytest

from etude_gym.randomness import mix, uniform

pytest.importorskip("pettingzoo")
pytest.importorskip("ray")

from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
from ray.rllib.utils.pre_checks.env import check_multiagent_environments

from etude_gym.agents.rllib.duel_env import DuelMultiAgentEnv

CONFIGS = {
    "duel": {"env_id": "EtudePlan-v0", "num_solvers": 2, "rounds": 2},
    "race": {"env_id": "EtudePlan-v0", "game": "race", "practice": "uniform"},
    "counting": {"env_id": "Counting-v0", "num_solvers": 2, "rounds": 2},
}


def choose(env, agent, seen, key):
    """A legal action for flat masks."""
    space, mask = env.action_spaces[agent], seen["action_mask"]
    if agent == "proposer_0":
        return (uniform(mix(key), np.arange(len(space.nvec))) * space.nvec).astype(int)
    return int(np.flatnonzero(mask)[int(uniform(mix(key, 1), 0).item() * mask.sum())])


def record_episode(config):
    """Play one episode into RLlib's own record, which refuses what it cannot learn from."""
    env = DuelMultiAgentEnv(config)
    seen, infos = env.reset(seed=0)
    episode = MultiAgentEpisode(observation_space=env.observation_spaces, action_space=env.action_spaces)
    episode.add_env_reset(observations=seen, infos=infos)
    for step in range(2000):
        actions = {agent: choose(env, agent, seen[agent], step) for agent in seen}
        seen, rewards, ends, cuts, infos = env.step(actions)
        episode.add_env_step(seen, actions, rewards, infos, terminateds=ends, truncateds=cuts)
        if ends["__all__"]:
            return env, episode, infos
    raise AssertionError("The episode does not end.")


@pytest.mark.parametrize("name", CONFIGS)
def test_rllib_finds_nothing_wrong(name):
    check_multiagent_environments(DuelMultiAgentEnv(CONFIGS[name]))


@pytest.mark.parametrize("name", CONFIGS)
def test_an_episode_fits_rllibs_record_of_it(name):
    env, episode, infos = record_episode(CONFIGS[name])
    assert episode.is_terminated
    assert env.agents == []
    for agent, part in episode.agent_episodes.items():
        for t in range(len(part) + 1):
            assert env.observation_spaces[agent].contains(part.get_observations(t))
    if name == "race":
        returns = {agent: part.get_return() for agent, part in episode.agent_episodes.items()}
        difference = infos["racer_0"]["score"] - infos["racer_1"]["score"]
        assert returns["racer_0"] == pytest.approx(difference)
        assert returns["racer_1"] == pytest.approx(-difference)


def test_only_those_whose_turn_it_is_are_asked():
    env, episode, _ = record_episode(CONFIGS["counting"])
    assert len(episode.agent_episodes["proposer_0"]) == 2  # one action for each round
    env = DuelMultiAgentEnv(CONFIGS["counting"])
    seen, _ = env.reset(seed=0)
    assert list(seen) == ["proposer_0"]
    assert seen["proposer_0"]["action_mask"].tolist() == [1] * 43
    seen, *_ = env.step({"proposer_0": np.array([0, 0, 0])})
    assert list(seen) == ["solver_0", "solver_1"]
    marked = int(seen["solver_0"]["observation"][0])
    seen, *_ = env.step({"solver_0": marked, "solver_1": (marked + 1) % 4})
    assert list(seen) == ["solver_0"]  # the other one has failed


def test_the_actions_of_solvers_and_racers_are_those_of_the_domain():
    for name, agent in (("duel", "solver_0"), ("race", "racer_1")):
        env = DuelMultiAgentEnv(CONFIGS[name])
        assert env.action_spaces[agent].n == env.game.domain.action_space.n
        assert env.observation_spaces[agent]["observation"] == env.game.domain.observation_space


def test_a_wrong_configuration_is_refused():
    with pytest.raises(ValueError, match='needs an "env_id"'):
        DuelMultiAgentEnv({})
    with pytest.raises(ValueError, match="Did you mean 'race'"):
        DuelMultiAgentEnv({"env_id": "EtudePlan-v0", "game": "rase"})
