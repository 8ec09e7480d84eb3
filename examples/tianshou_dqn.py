"""DQN of Tianshou on EtudePlan-v0; its policies take masks of legal actions from the observation.

python examples/tianshou_dqn.py --epochs 10
"""

import argparse

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers import TransformObservation
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net

from etude_gym.wrappers import ActionMaskObservation

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="etude_gym:EtudePlan-v0")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--epoch-steps", type=int, default=10_000)
parser.add_argument("--num-envs", type=int, default=16)
parser.add_argument("--test-episodes", type=int, default=100)
parser.add_argument("--seed", type=int, default=0)


class ScoreAlone(gym.Wrapper):
    """Tianshou stacks what ``info`` holds, so it has to hold the same at every step."""

    def reset(self, **arguments):
        observation, _ = self.env.reset(**arguments)
        return observation, {"score": 0.0}

    def step(self, action):
        *moment, info = self.env.step(action)
        return *moment, {"score": info.get("score", 0.0)}


def make_env(env_id, **options):
    """The names under which Tianshou looks for observation and mask."""
    env = ActionMaskObservation(gym.make(env_id, **options))
    parts = env.observation_space.spaces
    space = gym.spaces.Dict({"obs": parts["observation"], "mask": parts["action_mask"]})
    renamed = TransformObservation(
        env, lambda seen: {"obs": seen["observation"], "mask": seen["action_mask"]}, space
    )
    return ScoreAlone(renamed)


if __name__ == "__main__":
    args = parser.parse_args()
    np.random.seed(args.seed)  # noqa: NPY002 (Tianshou explores with it)
    torch.manual_seed(args.seed)
    train_envs = DummyVectorEnv([lambda: make_env(args.env_id) for _ in range(args.num_envs)])
    test_envs = DummyVectorEnv([lambda: make_env(args.env_id, practice="uniform", split="probe")] * 8)
    train_envs.seed(args.seed)
    test_envs.seed(args.seed)

    env = make_env(args.env_id)
    net = Net(
        state_shape=env.observation_space["obs"].shape,
        action_shape=int(env.action_space.n),
        hidden_sizes=[128, 128],
    )
    policy = DiscreteQLearningPolicy(
        model=net,
        action_space=env.action_space,
        observation_space=env.observation_space,
        eps_training=0.1,
    )
    algorithm = DQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=1e-3),
        gamma=0.99,
        n_step_return_horizon=3,
        target_update_freq=300,
    )
    result = algorithm.run_training(
        OffPolicyTrainerParams(
            training_collector=Collector(
                algorithm,
                train_envs,
                VectorReplayBuffer(100_000, args.num_envs),
                exploration_noise=True,
            ),
            test_collector=Collector(algorithm, test_envs),
            max_epochs=args.epochs,
            epoch_num_steps=args.epoch_steps,
            collection_step_num_env_steps=args.num_envs * 4,
            test_step_num_episodes=args.test_episodes,
            batch_size=256,
            update_step_num_gradient_steps_per_sample=0.1,
            show_progress=False,
        )
    )
    print(f"best mean score on probe tasks: {result.best_score:.3f}")
