"""Anchors, bands and practice rounds for agents that read text, and the tasks they are made of."""

from __future__ import annotations

import copy
import pickle

import counting
import numpy as np
import pytest
from scripted_model import PLAN

from etude_gym.difficulty.bands import BANDS, ENTRY_BAND, band_name, cells_of, check_bands, difficulty_in_band
from etude_gym.environment.registration import make_domain
from etude_gym.environment.text_rounds import TextRounds, fingerprint
from etude_gym.environment.text_task import text_tasks
from etude_gym.environment.vector import EtudeVectorEnv
from etude_gym.measure.anchors import CHANCE_STREAM, score_anchors, stratified_tasks
from etude_gym.measure.copying import copied_replies, text_chance_levels
from etude_gym.tasks.domain import Verdict
from etude_gym.tasks.keys import task_keys
from etude_gym.tasks.status import Status
from etude_gym.text import TextTask, draw_tasks

ENTRY = (ENTRY_BAND, *BANDS)
CODE, LOGIC = "EtudeCode-v0", "EtudeLogic-v0"
PLAIN_KEYS = [14245654517845349649, 15743964390702012219, 10529412053250751719]
"""The first of the anchor design of plan without the entry band, as it was before there was one."""


# --- Bands -------------------------------------------------------------------------------------------------


def test_cells_are_families_in_order_and_in_each_the_bands_from_the_easiest():
    space = make_domain(LOGIC).space
    assert cells_of(space, (ENTRY_BAND, 2)) == tuple(
        (family, band) for family in space.families for band in (ENTRY_BAND, 2)
    )
    assert cells_of(space) == cells_of(space, (0, 1, 2, 3))


def test_the_entry_band_is_uniform_in_the_easiest_corner_and_a_function_of_the_key():
    space = make_domain(PLAN).space
    keys = task_keys("any", "anchor", 0, np.arange(4000))
    drawn = difficulty_in_band(space, keys, 0, ENTRY_BAND)
    assert drawn.shape == (4000, len(space))
    assert 0.0 <= drawn.min() < 0.001
    assert 0.199 < drawn.max() <= 0.2
    assert np.abs(drawn.mean(axis=0) - 0.1).max() < 0.005
    assert np.array_equal(difficulty_in_band(space, keys[17:19], 0, ENTRY_BAND), drawn[17:19])


def test_bands_have_names():
    assert [band_name(band) for band in ENTRY] == ["entry", "band 0", "band 1", "band 2", "band 3"]


@pytest.mark.parametrize("bands", [(), (4,), (-2,), (0, 0), (0.5,), ("0",)])
def test_bands_that_there_are_not_are_refused(bands):
    with pytest.raises(ValueError, match="bands must be different ones of"):
        check_bands(bands)


def test_bands_are_sorted_from_the_easiest():
    assert check_bands([3, -1, 0]) == (-1, 0, 3)


def test_tasks_of_a_design_with_the_entry_band_are_fresh_and_those_without_it_as_they_were():
    domain = make_domain(PLAN)
    plain, entry = (stratified_tasks(domain, "anchor", 2, 3, 20, bands) for bands in (BANDS, ENTRY))
    assert (len(plain.keys), len(entry.keys)) == (12, 15)
    assert plain.keys.tolist() == task_keys(domain.name, "anchor", 2, np.arange(12), 20).tolist()
    assert plain.keys[:3].tolist() == PLAIN_KEYS
    in_bands = [difficulty_in_band(domain.space, plain.keys[3 * band :][:3], 0, band) for band in BANDS]
    assert np.array_equal(plain.difficulty, np.concatenate(in_bands))
    assert plain.family.tolist() == [0] * 12


# --- Anchors as text ---------------------------------------------------------------------------------------


class Solver:
    """An agent that solves the tasks it is told to and gives empty replies to others."""

    def __init__(self, solves, ungraded=(), practiced=()):
        self.solves, self.ungraded, self.practiced = set(solves), set(ungraded), set(practiced)

    def play(self, tasks):
        for number, task in enumerate(tasks):
            while not task.over and number not in self.ungraded:
                task.reply(task.reference() if number in self.solves else "")
        return [number not in self.ungraded for number in range(len(tasks))]


def anchors(env_id=PLAN, per_cell=4, bands=(ENTRY_BAND, 0)):
    domain = make_domain(env_id)
    return text_tasks(domain, stratified_tasks(domain, "anchor", 1, per_cell, 20, bands))


def score(agent, per_cell=4, env_id=PLAN):
    return score_anchors(make_domain(env_id), agent, 1, per_cell, 20, (ENTRY_BAND, 0))


def test_anchors_that_could_not_be_graded_are_left_out_and_counted():
    result = score(Solver([0, 1, 4], ungraded=[1, 3, 7]))
    assert result.scores.tolist() == [[1.0, 0.5, 0.0, 0.5], [1.0, 0.0, 0.0, 1 / 3]]
    assert result.record() == {"ungraded": 3}


def test_anchors_that_say_what_was_practiced_are_left_out_and_counted():
    seen = {fingerprint(anchors()[number]) for number in (0, 2, 5)}
    result = score(Solver([0, 1, 5], ungraded=[2], practiced=seen))
    assert result.scores.tolist() == [[0.5, 1.0, 0.5, 0.0], [0.0] * 4]
    assert result.record() == {"ungraded": 1, "practiced": 2}


def test_a_cell_without_any_anchor_that_counts_is_an_error_that_names_it():
    with pytest.raises(RuntimeError, match=r"None of the 4 anchor .* \(family 'delivery', number 1\)"):
        score(Solver([], ungraded=[4, 5, 6, 7]))


def test_confidence_is_measured_on_the_anchors_that_count_alone():
    families = len(make_domain(LOGIC).space.families)
    everything = score(Solver(range(4 * families)), 2, LOGIC).record()
    fewer = score(Solver(range(4 * families), ungraded=[0, 5]), 2, LOGIC).record()
    assert everything.keys() == {"reliability"}
    assert everything["reliability"]["answered"] == 4 * families
    assert (fewer["reliability"]["answered"], fewer["ungraded"]) == (4 * families - 2, 2)


def test_a_fingerprint_is_of_the_task_and_not_of_what_its_family_shares():
    easiest = dict.fromkeys(make_domain(PLAN).space.names, 0.0)
    tasks = draw_tasks(PLAN, "practice", 40, seed=0, difficulty=easiest)
    assert len({fingerprint(task) for task in tasks}) == 40
    again = TextTask.replay(tasks[0], [])
    assert fingerprint(again) == fingerprint(tasks[0])


def test_the_chance_of_text_agents_is_what_the_better_of_a_copied_and_a_constant_reply_earns():
    domain, bands = make_domain(LOGIC), (ENTRY_BAND, 3)
    levels = text_chance_levels(domain, 6, bands)
    assert levels.shape == (len(cells_of(domain.space, bands)),)
    probes = text_tasks(domain, stratified_tasks(domain, "probe", CHANCE_STREAM, 6, bands=bands))
    worth = copied_replies(probes[:6])
    assert levels[0] == max(worth.copied, worth.best_constant)
    assert (levels <= 0.05).all()


# --- Practice rounds ---------------------------------------------------------------------------------------


def rounds_of(practice="uniform", num_envs=4):
    env = EtudeVectorEnv(make_domain(PLAN), num_envs, practice=practice)
    env.reset(seed=5)
    return TextRounds(env), env


def test_rounds_draw_the_tasks_of_the_stream_and_tell_scores_in_their_order():
    rounds, env = rounds_of("adaptive")
    heard = []
    env.stream.listener = lambda difficulty, reason, scores: heard.append(scores.tolist())
    first = rounds.draw()
    for number in (3, 0):
        while not first[number].over:
            first[number].reply(first[number].reference())
    rounds.report(first, [True, False, True, True])
    assert heard == [[1.0, 0.0, 1.0]]
    second = rounds.draw()
    assert len({task.key for task in (*first, *second)}) == 8
    assert rounds.practiced == {fingerprint(TextTask.replay(task, [])) for task in (*first, *second)}


def test_a_round_in_which_nothing_was_graded_tells_nothing():
    rounds, env = rounds_of("adaptive")
    env.stream.listener = lambda *_: pytest.fail("nothing was graded")
    rounds.report(rounds.draw(), [False] * 4)


def test_rounds_take_whole_tasks_of_a_domain_alone():
    with pytest.raises(ValueError, match="leave drills out"):
        rounds_of("drill_blind")[0].draw()
    with pytest.raises(ValueError, match="needs a vector environment of a domain"):
        TextRounds(type("Other", (), {"unwrapped": None})())


# --- Text tasks --------------------------------------------------------------------------------------------


def in_the_middle(task):
    """The task after a reply that leaves it open."""
    task.reply("")
    assert not task.over
    return task


@pytest.mark.parametrize("env_id", [PLAN, LOGIC, CODE])
def test_a_task_is_the_same_when_it_is_replayed_copied_or_pickled(env_id):
    [task] = draw_tasks(env_id, "practice", 1, seed=3)
    in_the_middle(task)
    for again in (
        TextTask.replay(task, task.replies),
        TextTask.replay(task, [text for text, _ in task.replies]),
        copy.deepcopy(task),
        pickle.loads(pickle.dumps(task)),
    ):
        assert (again.prompt, again.outcome(), again.replies) == (task.prompt, task.outcome(), task.replies)
        reference = again.reference()
        assert reference == task.reference()
        again.reply(reference)
        assert len(task.replies) == 1
    ended = copy.deepcopy(task)
    while not ended.over:
        ended.reply(ended.reference())
    played = TextTask.replay(task, [*ended.replies, "too much"])
    assert (played.outcome(), played.replies, played.over) == (ended.outcome(), ended.replies, True)


def test_a_task_that_is_over_takes_no_more_replies():
    [task] = draw_tasks(PLAN, "practice", 1, seed=0)
    while not task.over:
        task.reply(task.reference())
    with pytest.raises(ValueError, match="The task is over"):
        task.reply("more")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env_id": "EtudePlann-v0"}, "EtudePlan-v0"),
        ({"key": -1}, "A task key is a whole number from 0"),
        ({"key": 2**64}, "A task key is a whole number from 0"),
        ({"difficulty": {"horizon": 0.5}}, "missing: resources, contingency, decomposition"),
        ({"difficulty": None}, "missing: horizon"),
        ({"difficulty": {"horizons": 0.5}}, "Did you mean 'horizon'"),
        ({"difficulty": dict.fromkeys(("horizon", "resources", "contingency", "decomposition"), 1.5)}, "1.5"),
        ({"family": "deliveries"}, "Did you mean 'delivery'"),
        ({"env_id": LOGIC, "difficulty": "all"}, "Name the family, one of"),
    ],
)
def test_a_task_that_there_is_not_is_refused(changes, message):
    names = make_domain(LOGIC if changes.get("env_id") == LOGIC else PLAN).space.names
    arguments = {"env_id": PLAN, "key": 7, "difficulty": dict.fromkeys(names, 0.5), **changes}
    if arguments["difficulty"] == "all":
        arguments["difficulty"] = dict.fromkeys(names, 0.5)
    with pytest.raises(Exception, match=message) as raised:
        TextTask(**arguments)
    assert isinstance(raised.value, ValueError) or "env_id" in changes


@pytest.mark.parametrize("n", [-1, 1.5, "1"])
def test_tasks_are_drawn_in_whole_numbers(n):
    with pytest.raises(ValueError, match="n must be a whole number of tasks"):
        draw_tasks(PLAN, "practice", n, seed=0)


def test_a_failure_of_the_machine_leaves_a_task_ungraded_and_open(monkeypatch):
    [task] = draw_tasks(CODE, "practice", 1, seed=0)
    reference = task.reference()
    verdict = Verdict(Status.INFRASTRUCTURE_ERROR, "The sandbox is gone.", graded=False)
    with monkeypatch.context() as broken:
        broken.setattr(task.domain, "submit", lambda worlds, row, content: verdict)
        task.reply(reference)
    assert (task.over, task.outcome()["graded"], task.status) == (False, False, "infrastructure error")
    task.reply(reference)
    assert (task.over, task.outcome()["graded"], task.outcome()["score"]) == (True, True, 1.0)


def test_a_domain_without_prompts_says_so():
    with pytest.raises(NotImplementedError, match="counting-v0 has no text interface"):
        _ = draw_tasks(counting.CountingDomain(), "practice", 1, seed=0)[0].prompt
