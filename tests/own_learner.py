"""A learner of one's own: a linear softmax policy that learns by REINFORCE with eligibility traces."""

import copy

import numpy as np


class LinearReinforce:
    def __init__(self, domain, *, seed=0, horizon=0.0, learning_rate=0.01):
        self.weights = np.zeros((domain.observation_space.shape[0], domain.action_space.n))
        self.random, self.learning_rate = np.random.default_rng(seed), learning_rate
        self.flops, self.seen, self.trace = {"rollout": 0.0, "update": 0.0}, None, 0.0

    def act(self, observations, masks):
        return np.where(masks, observations @ self.weights, -np.inf).argmax(axis=1)

    def learn(self, env, until):
        if self.seen is None:
            observations, infos = env.reset()
            self.seen = observations, infos["action_mask"]
        while sum(self.flops.values()) < until:
            observations, masks = self.seen
            logits = np.where(masks, observations @ self.weights, -np.inf)
            actions = (logits + self.random.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from softmax
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            gradients = np.eye(logits.shape[1])[actions] - odds / odds.sum(axis=1, keepdims=True)
            self.trace = self.trace + observations[:, :, None] * gradients[:, None, :]
            observations, rewards, ends, _, infos = env.step(actions)
            self.seen = observations, infos["action_mask"]
            self.weights += self.learning_rate * np.tensordot(rewards, self.trace, axes=1)
            self.trace *= ~ends[:, None, None]
            self.flops["rollout"] += 2 * len(actions) * self.weights.size
            self.flops["update"] += 4 * len(actions) * self.weights.size

    def state_dict(self):
        """Plain parts; the random generator is kept as its state."""
        return copy.deepcopy({**vars(self), "random": self.random.bit_generator.state})

    def load_state_dict(self, state):
        state = copy.deepcopy(state)
        self.random.bit_generator.state = state.pop("random")
        vars(self).update(state)
