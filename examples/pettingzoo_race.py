"""Two agents race on the same tasks, in PettingZoo's parallel API: one at random, one takes what is first.

python examples/pettingzoo_race.py --episodes 20
"""

import argparse

import numpy as np

from etude_gym.envs import duel

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="EtudePlan-v0")
parser.add_argument("--episodes", type=int, default=20)
parser.add_argument("--seed", type=int, default=0)

if __name__ == "__main__":
    args = parser.parse_args()
    env = duel.race_parallel_env(args.env_id, practice="uniform")
    for agent in env.possible_agents:
        env.action_space(agent).seed(args.seed)
    returns = dict.fromkeys(env.possible_agents, 0.0)
    for episode in range(args.episodes):
        observations, infos = env.reset(seed=args.seed if episode == 0 else None)
        while env.agents:
            masks = {agent: observations[agent]["action_mask"] for agent in env.agents}
            actions = {
                "racer_0": env.action_space("racer_0").sample(masks["racer_0"]),
                "racer_1": int(np.argmax(masks["racer_1"])),
            }
            observations, rewards, terminations, truncations, infos = env.step(actions)
            for agent, reward in rewards.items():
                returns[agent] += reward
    env.close()
    for agent, total in returns.items():
        print(f"{agent}: mean return {total / args.episodes:+.3f}")
