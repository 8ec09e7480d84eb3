"""Tasks and episodes of EtudeCode-v0 for its tests."""

from __future__ import annotations

import numpy as np

from etude_gym import make_domain
from etude_gym.envs.code import kernel, limits
from etude_gym.envs.code.language.printing import render_program
from etude_gym.tasks.keys import TaskBatch, task_keys

DOMAIN = make_domain("EtudeCode-v0")
SYNTHESIZE, DEBUG, REFACTOR = range(3)
AXES = DOMAIN.space.names


def make_tasks(count, family, *, seed=0, value=None):
    """Tasks of one family, all axes at a value or, if it is None, uniform."""
    keys = task_keys(DOMAIN.name, "practice", seed, np.arange(count))
    drawn = DOMAIN.space.uniform(keys, 1 << 50)
    difficulty = drawn if value is None else np.full_like(drawn, value)
    return TaskBatch(keys, difficulty, np.full(count, family))


def make_worlds(count, family, *, seed=0, value=None):
    """The same as worlds at the beginning of their episodes."""
    worlds = DOMAIN.allocate(count)
    DOMAIN.generate(worlds, np.arange(count), make_tasks(count, family, seed=seed, value=value))
    return worlds


def make_empty_worlds(count, *, seed=0, value=None):
    """Tasks of writing in which nothing is written yet."""
    worlds = make_worlds(2 * count + 20, SYNTHESIZE, seed=seed, value=value)
    empty = worlds[worlds["num_given"] == 0][:count]
    assert len(empty) == count
    return empty


def of_category(worlds, category, count):
    """The first worlds that ask for a return category."""
    found = worlds[worlds["return_category"] == category][:count]
    assert len(found) == count
    return found


class Table:
    """Episodes side by side: worlds, masks, and what was earned so far."""

    def __init__(self, worlds):
        self.worlds = worlds.copy()
        count = len(worlds)
        self.observations = np.zeros((count, kernel.NUM_FEATURES), np.int16)
        self.masks = np.zeros((count, DOMAIN.action_space.n), np.int8)
        self.rewards, self.ends = np.zeros(count), np.zeros(count, dtype=np.bool_)
        self.returns = np.zeros(count)
        DOMAIN.observe(self.worlds, np.arange(count), self.observations, self.masks)

    @property
    def running(self):
        return self.worlds["over"] == 0

    def step(self, actions):
        """Let the running episodes take their actions."""
        active = self.running
        actions = np.asarray(actions, dtype=np.int64)
        DOMAIN.step(self.worlds, actions, active, self.observations, self.masks, self.rewards, self.ends)
        self.returns += np.where(active, self.rewards, 0.0)

    def choose(self, random, weights=None):
        """Random legal actions, each as likely as its weight says."""
        keys = random.gumbel(size=self.masks.shape)
        if weights is not None:
            keys += np.log(weights)
        return np.where(self.masks != 0, keys, -np.inf).argmax(axis=1)

    def play(self, choose):
        """Play all episodes to their ends."""
        while self.running.any():
            self.step(choose(self))
        return self


def play_randomly(worlds, *, seed=0, weights=None):
    """Worlds after random legal actions to the end."""
    random = np.random.default_rng(seed)
    return Table(worlds).play(lambda table: table.choose(random, weights)).worlds


def play_half_well(worlds, *, seed=0, share=0.04):
    """Worlds after what the oracle does, some actions replaced by random legal ones."""
    random, oracle = np.random.default_rng(seed), DOMAIN.solvers()["oracle"]

    def choose(table):
        badly = random.random(len(table.worlds)) < share
        return np.where(badly, table.choose(random), oracle(table.worlds))

    return Table(worlds).play(choose).worlds


def tokens_of(world, column="tokens", count="num_tokens"):
    """The productions of a program."""
    return world[column][: world[count]].tolist()


def reference_of(world):
    return tokens_of(world, "reference", "num_reference")


def source_of(world):
    """The program that an episode ended with."""
    return render_program(tokens_of(world), int(world["return_category"]))


def in_python(source):
    """The function solve of a source, run by this interpreter."""
    names = {}
    exec(source, names)
    return names["solve"]


def inputs_of(world, first=0, stop=limits.NUM_HIDDEN):
    """The arguments of the tests of a world."""
    return [
        (world["numbers"][i][: world["num_numbers"][i]].tolist(), int(world["k"][i]))
        for i in range(first, stop)
    ]
