"""The picture of the plan domain: one size, readable, the same for the same state."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

import etude_gym  # noqa: F401
from etude_gym.envs.plan import picture
from etude_gym.errors import MissingExtra

AXES = ("horizon", "resources", "contingency", "decomposition")


def make_env(level, seed, **arguments):
    env = gym.make("EtudePlan-v0", difficulty=dict.fromkeys(AXES, level), **arguments)
    env.reset(seed=seed)
    return env


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_pictures_of_all_states_have_one_size(level):
    env = make_env(level, seed=3, render_mode="rgb_array")
    over, steps, images = False, 0, [env.render()]
    while not over:
        over = env.step(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])[2]
        steps += 1
        if over or steps % 8 == 0:
            images.append(env.render())
    assert {(image.shape, image.dtype) for image in images} == {((640, 960, 3), np.dtype(np.uint8))}


def test_the_same_state_gives_the_same_picture_and_another_state_another_one():
    env = make_env(0.5, seed=1)
    first = picture.draw(env.unwrapped.worlds[0])
    np.testing.assert_array_equal(first, picture.draw(env.unwrapped.worlds[0]))
    env.step(int(np.flatnonzero(env.unwrapped.action_masks())[0]))
    assert (first != picture.draw(env.unwrapped.worlds[0])).any()


def test_places_stay_where_they_are_during_an_episode():
    env = make_env(1.0, seed=2)
    before = picture.map_positions(env.unwrapped.worlds[0])
    for _ in range(10):
        env.step(env.unwrapped.domain.solvers()["oracle"](env.unwrapped.worlds)[0])
        np.testing.assert_array_equal(before, picture.map_positions(env.unwrapped.worlds[0]))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_no_place_covers_another_or_the_length_of_a_road_or_a_road_that_passes_by(level):
    for seed in range(15):
        world = make_env(level, seed).unwrapped.worlds[0]
        middles = picture.map_positions(world)
        sizes = np.array([picture.card_size(world, place) for place in range(len(middles))])
        roads = np.argwhere(np.triu(world["road"]))
        labels = middles[roads].mean(axis=1)
        along = np.linspace(0, 1, 100)[:, None]
        for place, (middle, size) in enumerate(zip(middles, sizes, strict=True)):
            gaps = np.abs(middles - middle) - (sizes + size) / 2
            assert all((gap > 0).any() for other, gap in enumerate(gaps) if other != place)
            assert (np.abs(labels - middle) > size / 2 + 8).any(axis=1).all()
            for a, b in roads:
                way = middles[a] * along + middles[b] * (1 - along)
                assert place in (a, b) or (np.abs(way - middle) > size / 2).any(axis=1).all()
        assert (middles - sizes / 2 > (0, 15)).all()
        assert (middles + sizes / 2 < (picture.MAP_WIDTH, picture.MAP_HEIGHT)).all()


def test_drawing_leaves_the_global_state_of_matplotlib_alone():
    program = """
import sys, gymnasium, etude_gym
env = gymnasium.make("EtudePlan-v0", render_mode="rgb_array")
env.reset(seed=0)
assert "matplotlib" not in sys.modules
env.render()
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_matplotlib_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r'pip install "etude-gym\[report\]"'):
        picture.draw(make_env(0.0, 0).unwrapped.worlds[0])
