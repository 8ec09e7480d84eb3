"""A learner of one's own in plain torch: advantage actor-critic (Mnih et al. 2016) on n-step returns."""

import numpy as np
import torch
from torch import nn


class ActorCritic:
    def __init__(self, domain, *, seed=0, horizon=0.0, width=128, n_steps=16, learning_rate=2e-3):
        self.generator = torch.Generator().manual_seed(seed)
        size, actions = domain.observation_space.shape[0], int(domain.action_space.n)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, actions + 1))
        self.optimizer = torch.optim.Adam(self.network.parameters(), learning_rate)
        self.n_steps, self.per_row = n_steps, 2 * width * (size + actions + 1)  # FLOPs of one forward row
        self.flops, self.seen = {"rollout": 0.0, "update": 0.0}, None

    def policy(self, observations, masks):
        """Logits of legal actions, and the value."""
        out = self.network(torch.as_tensor(observations, dtype=torch.float32))
        return out[:, :-1].masked_fill(torch.as_tensor(masks) == 0, -1e9), out[:, -1]

    def act(self, observations, masks):
        with torch.no_grad():
            return self.policy(observations, masks)[0].argmax(dim=1).numpy()

    def learn(self, env, until):
        if self.seen is None:
            observations, infos = env.reset()
            self.seen = observations, infos["action_mask"]
        while sum(self.flops.values()) < until:
            self.update(*self.rollout(env))

    def rollout(self, env):
        steps = []
        for _ in range(self.n_steps):
            observations, masks = self.seen
            with torch.no_grad():
                odds = self.policy(observations, masks)[0].softmax(dim=1)
            actions = torch.multinomial(odds, 1, generator=self.generator)[:, 0]
            observations, rewards, ends, cuts, infos = env.step(actions.numpy())
            steps.append((*self.seen, actions, rewards, ends | cuts))
            self.seen = observations, infos["action_mask"]
        self.flops["rollout"] += self.n_steps * len(actions) * self.per_row
        return [np.stack(part) for part in zip(*steps, strict=True)]

    def update(self, observations, masks, actions, rewards, ends):
        with torch.no_grad():
            ahead = self.policy(*self.seen)[1].numpy()
        returns = np.empty(rewards.shape, dtype=np.float32)
        for step in reversed(range(self.n_steps)):
            ahead = returns[step] = rewards[step] + 0.99 * ahead * ~ends[step]
        rows = [part.reshape(-1, *part.shape[2:]) for part in (observations, masks, actions, returns)]
        logits, values = self.policy(*rows[:2])
        logs, target = logits.log_softmax(dim=1), torch.as_tensor(rows[3])
        chosen = logs.gather(1, torch.as_tensor(rows[2])[:, None])[:, 0]
        entropy = -(logs.exp() * logs).sum(dim=1)
        loss = (-chosen * (target - values.detach()) + 0.5 * (target - values) ** 2 - 0.01 * entropy).mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
        self.optimizer.step()
        self.flops["update"] += 3 * len(values) * self.per_row + ahead.size * self.per_row

    def state_dict(self):
        return {
            "network": {name: weights.clone() for name, weights in self.network.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "flops": dict(self.flops),
            "seen": self.seen,
        }

    def load_state_dict(self, state):
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.flops, self.seen = dict(state["flops"]), state["seen"]
