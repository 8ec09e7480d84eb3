"""PPO of TorchRL on EtudePlan-v0, with masks of legal actions.

python examples/torchrl_ppo.py --total-frames 200000
"""

import argparse

import gymnasium as gym
import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import (
    ActionMask,
    Compose,
    DTypeCastTransform,
    InitTracker,
    RewardSum,
    SerialEnv,
    TransformedEnv,
)
from torchrl.envs.libs.gym import GymWrapper
from torchrl.modules import MaskedCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from etude_gym.wrappers import ActionMaskObservation

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="etude_gym:EtudePlan-v0")
parser.add_argument("--total-frames", type=int, default=200_000)
parser.add_argument("--frames-per-batch", type=int, default=2048)
parser.add_argument("--num-envs", type=int, default=8)
parser.add_argument("--minibatch-size", type=int, default=512)
parser.add_argument("--num-epochs", type=int, default=6)
parser.add_argument("--seed", type=int, default=0)


def make_env(env_id):
    """One environment; the mask becomes part of the tensordict, and of the specification of actions."""
    base = GymWrapper(ActionMaskObservation(gym.make(env_id)), categorical_action_encoding=True)
    masks = Compose(DTypeCastTransform(torch.int8, torch.bool, in_keys=["action_mask"]), ActionMask())
    return TransformedEnv(base, masks)


if __name__ == "__main__":
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    envs = SerialEnv(args.num_envs, lambda: make_env(args.env_id))
    envs.set_seed(args.seed)
    env = TransformedEnv(envs, Compose(InitTracker(), RewardSum()))
    inputs, actions = env.observation_spec["observation"].shape[-1], int(env.full_action_spec["action"].n)

    policy = ProbabilisticActor(
        TensorDictModule(
            nn.Sequential(nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, actions)),
            in_keys=["observation"],
            out_keys=["logits"],
        ),
        in_keys={"logits": "logits", "mask": "action_mask"},
        out_keys=["action"],
        distribution_class=MaskedCategorical,
        return_log_prob=True,
    )
    critic = ValueOperator(
        nn.Sequential(nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, 1)), in_keys=["observation"]
    )
    advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic, average_gae=True)
    loss_module = ClipPPOLoss(policy, critic, clip_epsilon=0.2, entropy_coeff=0.01, critic_coeff=0.5)
    optimizer = torch.optim.Adam(loss_module.parameters(), lr=1e-3)
    collector = Collector(env, policy, frames_per_batch=args.frames_per_batch, total_frames=args.total_frames)

    frames = 0
    for data in collector:
        frames += data.numel()
        ended = data["next", "done"]
        scores = data["next", "episode_reward"][ended]  # the return of an episode is its score
        for _ in range(args.num_epochs):
            with torch.no_grad():
                advantage(data)
            flat = data.reshape(-1)
            for rows in torch.randperm(len(flat)).split(args.minibatch_size):
                losses = loss_module(flat[rows])
                loss = losses["loss_objective"] + losses["loss_critic"] + losses["loss_entropy"]
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(loss_module.parameters(), 0.5)
                optimizer.step()
        print(f"frames={frames}, score={scores.mean():.3f}, episodes={len(scores)}", flush=True)
    collector.shutdown()
