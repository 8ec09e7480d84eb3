"""Agents of a few lines, for runs whose agent does not matter."""

from __future__ import annotations

from etude_gym.environment.text_rounds import TextRounds


class FirstLegal:
    """Takes the first legal action and learns nothing."""

    def __init__(self, domain, *, seed=0, horizon=0.0):
        self.flops = {"rollout": 0.0}

    def act(self, observations, masks):
        return masks.argmax(axis=1)

    def learn(self, env, until):
        self.flops["rollout"] = until

    def state_dict(self):
        return dict(self.flops)

    def load_state_dict(self, state):
        self.flops = dict(state)


class Parrot(FirstLegal):
    """Says the same to every prompt: one reply to each task."""

    act = None

    def play(self, tasks):
        for task in tasks:
            task.reply("go Depot")
        return [True] * len(tasks)

    def learn(self, env, until):
        rounds = TextRounds(env)
        tasks = rounds.draw()
        rounds.report(tasks, self.play(tasks))
        self.flops["rollout"] = until
