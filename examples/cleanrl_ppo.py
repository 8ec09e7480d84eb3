"""PPO in one file, as CleanRL writes it, on the native vector environment, with masks of legal actions.

python examples/cleanrl_ppo.py --total-timesteps 500000
"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="etude_gym:EtudePlan-v0")
parser.add_argument("--practice", default="adaptive", help="who chooses tasks")
parser.add_argument("--total-timesteps", type=int, default=500_000)
parser.add_argument("--num-envs", type=int, default=64)
parser.add_argument("--num-steps", type=int, default=64)
parser.add_argument("--num-minibatches", type=int, default=4)
parser.add_argument("--update-epochs", type=int, default=6)
parser.add_argument("--learning-rate", type=float, default=1e-3)
parser.add_argument("--gamma", type=float, default=0.99)
parser.add_argument("--gae-lambda", type=float, default=0.95)
parser.add_argument("--clip-coef", type=float, default=0.2)
parser.add_argument("--ent-coef", type=float, default=0.01)
parser.add_argument("--vf-coef", type=float, default=0.5)
parser.add_argument("--seed", type=int, default=1)


class Agent(nn.Module):
    def __init__(self, inputs, actions):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, 1))
        self.actor = nn.Sequential(nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, actions))

    def get_action_and_value(self, x, mask, action=None):
        logits = self.actor(x).masked_fill(~mask, -1e8)
        probs = Categorical(logits=logits)
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x).squeeze(-1)


if __name__ == "__main__":
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    envs = gym.make_vec(args.env_id, args.num_envs, practice=args.practice, autoreset_mode="SameStep")
    inputs, actions_n = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
    agent = Agent(inputs, actions_n)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)

    shape = (args.num_steps, args.num_envs)
    obs, masks = torch.zeros(*shape, inputs), torch.zeros(*shape, actions_n, dtype=torch.bool)
    actions = torch.zeros(shape, dtype=torch.int64)
    logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(4))

    start, scores = time.time(), []
    first, infos = envs.reset(seed=args.seed)
    next_obs, next_mask = torch.as_tensor(first), torch.as_tensor(infos["action_mask"]).bool()
    for iteration in range(1, args.total_timesteps // (args.num_envs * args.num_steps) + 1):
        for step in range(args.num_steps):
            obs[step], masks[step] = next_obs, next_mask
            with torch.no_grad():
                action, logprobs[step], _, values[step] = agent.get_action_and_value(next_obs, next_mask)
            actions[step] = action
            seen, reward, terminated, truncated, infos = envs.step(action.numpy())
            rewards[step] = torch.as_tensor(reward)
            dones[step] = torch.as_tensor(terminated | truncated).float()
            next_obs, next_mask = torch.as_tensor(seen), torch.as_tensor(infos["action_mask"]).bool()
            if "final_info" in infos:
                scores += infos["final_info"]["score"][infos["final_info"]["_score"]].tolist()

        with torch.no_grad():
            following = agent.get_action_and_value(next_obs, next_mask)[3]
            advantages, last = torch.zeros(shape), torch.zeros(args.num_envs)
            for t in reversed(range(args.num_steps)):
                goes_on = 1.0 - dones[t]
                delta = rewards[t] + args.gamma * following * goes_on - values[t]
                advantages[t] = last = delta + args.gamma * args.gae_lambda * goes_on * last
                following = values[t]
            returns = (advantages + values).flatten()

        batch_size = args.num_envs * args.num_steps
        for _ in range(args.update_epochs):
            for mb in torch.randperm(batch_size).chunk(args.num_minibatches):
                _, logprob, entropy, value = agent.get_action_and_value(
                    obs.flatten(0, 1)[mb], masks.flatten(0, 1)[mb], actions.flatten()[mb]
                )
                ratio = (logprob - logprobs.flatten()[mb]).exp()
                advantage = advantages.flatten()[mb]
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
                pg_loss = torch.max(-advantage * ratio, -advantage * clipped).mean()
                v_loss = 0.5 * (value - returns[mb]).square().mean()
                loss = pg_loss - args.ent_coef * entropy.mean() + args.vf_coef * v_loss
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()

        steps = iteration * batch_size
        speed = int(steps / (time.time() - start))
        print(f"global_step={steps}, score={np.mean(scores[-500:]):.3f}, SPS={speed}", flush=True)
    envs.close()
