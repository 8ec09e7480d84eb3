"""Confidence: scores known by hand, a domain whose agents state it, and what a comparison makes of it."""

from __future__ import annotations

import io
import json
import math
import shutil
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from etude_gym import Axis, DifficultySpace, Episode, EpisodeDomain, register_domain
from etude_gym.cli.main import main
from etude_gym.conformance import run_check, size_for
from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import score_anchors
from etude_gym.measure.confidence import (
    NUM_BINS,
    Bin,
    Reliability,
    brier_score,
    brier_skill_score,
    reliability_diagram,
)
from etude_gym.randomness import as_words, uniform
from etude_gym.report.comparison import compare
from etude_gym.report.confidence_plots import draw_confidence
from etude_gym.report.figures import arm_colors
from etude_gym.report.tables import all_tables
from etude_gym.runs import practice_run as practice
from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CURVE, TENSORBOARD, IncompleteRun, Run, write_json
from etude_gym.runs.practice_run import practice_run
from etude_gym.tasks.domain import Reply

NAN = math.nan
ANSWERS = 32
LEVELS = (0.5, 0.75, 1.0)
SILENT = ANSWERS * len(LEVELS)


class ForecastEpisode(Episode):
    """Say what will happen, and how sure that is; or say nothing.

    Args:
        sign: what seems to happen.
        trust: how far the sign can be trusted.
        happens: what will happen.
    """

    def __init__(self, sign, trust, happens):
        self.sign, self.trust, self.happens = sign, trust, happens
        self.confidence, self.correct = NAN, False

    def observe(self):
        return np.array([self.sign, self.trust], dtype=np.float32)

    def action_mask(self):
        return np.ones(SILENT + 1, dtype=np.int8)

    def act(self, action):
        if action != SILENT:
            answer, level = divmod(action, len(LEVELS))
            self.confidence, self.correct = LEVELS[level], answer == self.happens
        self.score, self.over = float(self.correct), True

    def waste(self):
        self.over = True

    def oracle_action(self):
        return self.happens * len(LEVELS) + len(LEVELS) - 1

    def components(self):
        return {"confidence": self.confidence, "correct": self.correct}


class ForecastDomain(EpisodeDomain):
    """One of many things happens; there is a sign of it, which may deceive."""

    name = "forecast-v0"
    space = DifficultySpace((Axis("noise", "how often signs deceive", "hardly", "mostly"),), ("forecast",))

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(0.0, ANSWERS, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(SILENT + 1)

    def start(self, key, difficulty, family):
        what, true, other = uniform(as_words(key), [0, 1, 2]).tolist()
        trust, happens = 1.0 - 0.8 * difficulty["noise"], int(what * ANSWERS)
        return ForecastEpisode(happens if true < trust else int(other * ANSWERS), trust, happens)

    def prompt(self, worlds, row):
        return f"The sign is {worlds[row].sign}."

    def parse(self, worlds, row, reply, *, cut=False):
        return Reply("malformed", problem="This test has no words.")


class Uncounted(ForecastDomain):
    """Lacks a column."""

    def outcome(self, worlds, rows):
        return {name: v for name, v in super().outcome(worlds, rows).items() if name != "correct"}


class Overdone(ForecastDomain):
    """Confidence in percent."""

    def outcome(self, worlds, rows):
        graded = super().outcome(worlds, rows)
        return graded | {"confidence": 100 * graded["confidence"]}


register_domain("Forecast-v0", "test_confidence:ForecastDomain")
FORECAST = "test_confidence:Forecast-v0"
OWN = "own_learner:LinearReinforce"


class Always:
    """An agent that always takes one action."""

    def __init__(self, action):
        self.action = action

    def act(self, observations, masks):
        return np.full(len(masks), self.action)


class Thoughtful:
    """Says what the sign says, the surer the more it can be trusted, and nothing where it cannot be."""

    def act(self, observations, masks):
        sign, trust = observations.T
        level = np.searchsorted((0.6, 0.8), trust)
        return np.where(trust < 0.3, SILENT, sign.astype(int) * len(LEVELS) + level)


# --- Numbers ---------------------------------------------------------------------------------------------


def test_scores_worked_out_by_hand():
    confidence, correct = [0.9, 0.8, 0.6, 0.3], [True, True, False, False]
    # 0.01 + 0.04 + 0.36 + 0.09 over 4; the base rate 0.5 has 0.25.
    assert brier_score(confidence, correct) == pytest.approx(0.125)
    assert brier_skill_score(0.125, 0.5) == pytest.approx(0.5)
    measured = Reliability.from_answers(confidence, correct)
    assert measured.brier == pytest.approx(0.125)
    assert measured.skill == pytest.approx(0.5)
    assert measured.mean_confidence == pytest.approx(0.65)
    assert measured.share_correct == 0.5
    assert measured.base_rate_brier == 0.25
    assert (measured.answered, measured.unanswered) == (4, 0)


def test_a_perfect_forecaster():
    measured = Reliability.from_answers([1.0, 0.0, 1.0, 0.0, 1.0], [1, 0, 1, 0, 1])
    assert (measured.brier, measured.skill) == (0.0, 1.0)
    assert measured.bins[0] == Bin(2, 0.0, 0.0)
    assert measured.bins[-1] == Bin(3, 1.0, 1.0)


def test_who_states_the_base_rate_throughout_has_no_skill():
    measured = Reliability.from_answers([0.25] * 8, [1, 0, 0, 0, 1, 0, 0, 0])
    assert measured.brier == pytest.approx(0.25 * 0.75)
    assert measured.skill == pytest.approx(0.0)


def test_who_is_always_sure_and_half_right_has_less_than_none():
    measured = Reliability.from_answers([1.0] * 4, [1, 0, 1, 0])
    assert (measured.brier, measured.skill) == (0.5, -1.0)


@pytest.mark.parametrize("right", [0, 1])
def test_no_skill_where_the_base_rate_leaves_nothing_to_save(right):
    measured = Reliability.from_answers([0.7, 0.8, 0.9], [right] * 3)
    assert measured.share_correct == right
    assert measured.brier > 0
    assert measured.skill is None


def test_skill_is_resolution_minus_reliability_over_uncertainty():
    # Murphy (1973): exact where one confidence is stated in each bin.
    generator = np.random.default_rng(0)
    confidence = generator.choice([0.15, 0.55, 0.75, 0.95], 400)
    measured = Reliability.from_answers(confidence, generator.random(400) < confidence**2)
    weights = np.array([each.count for each in measured.bins if each.count]) / 400
    stated = np.array([each.confidence for each in measured.bins if each.count])
    right = np.array([each.correct for each in measured.bins if each.count])
    base = measured.share_correct
    reliability, resolution = weights @ (stated - right) ** 2, weights @ (right - base) ** 2
    assert measured.skill == pytest.approx((resolution - reliability) / (base * (1 - base)))


def test_episodes_without_an_answer_are_left_out_and_counted():
    confidence, correct = [NAN, 0.9, NAN, 0.4], [True, True, False, False]
    measured = Reliability.from_answers(confidence, correct)
    assert replace(measured, unanswered=0) == Reliability.from_answers([0.9, 0.4], [True, False])
    assert (measured.answered, measured.unanswered) == (2, 2)
    assert brier_score(confidence, correct) == measured.brier == pytest.approx(0.085)


@pytest.mark.parametrize("unanswered", [0, 3])
def test_nothing_is_known_without_answers(unanswered):
    measured = Reliability.from_answers([NAN] * unanswered, [False] * unanswered)
    assert measured == Reliability(None, (Bin(0, None, None),) * NUM_BINS, unanswered)
    assert {measured.skill, measured.mean_confidence, measured.share_correct} == {None}
    assert measured.base_rate_brier is None


def test_bins_are_of_equal_width_and_an_edge_belongs_to_the_bin_above():
    edges = [k / 10 for k in range(11)]
    counts = [each.count for each in reliability_diagram(edges, [1] * 11)]
    assert counts == [1] * 9 + [2]  # full confidence lies in the last bin
    below = [np.nextafter(edge, 0) for edge in edges[1:]]
    assert [each.count for each in reliability_diagram(below, [1] * 10)] == [1] * 10


def test_a_bin_knows_what_was_stated_and_how_often_that_was_right():
    bins = reliability_diagram([0.71, 0.72, 0.77, 0.31], [True, False, True, False])
    assert bins[7] == Bin(3, pytest.approx(0.7 + 0.1 / 3), pytest.approx(2 / 3))
    assert bins[3] == Bin(1, 0.31, 0.0)
    assert {bins[i] for i in (0, 1, 2, 4, 5, 6, 8, 9)} == {Bin(0, None, None)}


def some_reliability(seed, answers=50):
    generator = np.random.default_rng(seed)
    confidence = np.where(generator.random(answers) < 0.1, NAN, generator.random(answers))
    return confidence, generator.random(answers) < 0.6


def test_pooled_is_what_all_answers_together_give():
    one, two = some_reliability(1), some_reliability(2, 200)
    pooled = Reliability.pooled([Reliability.from_answers(*one), Reliability.from_answers(*two)])
    together = Reliability.from_answers(*(np.concatenate(both) for both in zip(one, two, strict=True)))
    assert pooled.unanswered == together.unanswered > 0
    assert pooled.brier == pytest.approx(together.brier)
    assert pooled.skill == pytest.approx(together.skill)
    for ours, theirs in zip(pooled.bins, together.bins, strict=True):
        assert (ours.count, ours.confidence, ours.correct) == (
            theirs.count, pytest.approx(theirs.confidence), pytest.approx(theirs.correct)
        )  # fmt: skip


def test_pooling_with_a_run_that_never_answered_changes_the_count_only():
    one, silent = Reliability.from_answers(*some_reliability(1)), Reliability.from_answers([NAN] * 7, [0] * 7)
    pooled = Reliability.pooled([one, silent])
    assert pooled.unanswered == one.unanswered + 7
    assert pooled.brier == pytest.approx(one.brier)
    assert Reliability.pooled([silent, silent]).brier is None


@pytest.mark.parametrize(
    "measured",
    [
        Reliability.from_answers(*some_reliability(3)),
        Reliability.from_answers([0.5, 1.0], [1, 1]),
        Reliability.from_answers([NAN], [0]),
    ],
)
def test_a_record_comes_back_as_it_was(measured):
    assert Reliability.from_record(json.loads(json.dumps(measured.record(), allow_nan=False))) == measured


def test_a_record_tells_what_a_reader_wants_to_know():
    record = Reliability.from_answers([0.8, 0.6, NAN], [1, 0, 0]).record()
    assert record.pop("bins")[8] == {"count": 1, "confidence": 0.8, "correct": 1.0}
    assert record == {
        "brier": pytest.approx(0.2), "skill": pytest.approx(0.2), "mean_confidence": pytest.approx(0.7),
        "share_correct": 0.5, "answered": 2, "unanswered": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([0.5, 1.2], [1, 0], r"probability in \[0, 1\].*1\.2"),
        ([-0.1], [1], r"probability in \[0, 1\].*-0\.1"),
        ([0.5, 0.5], [1], r"one number for each episode.*\(2,\) and \(1,\)"),
        ([0.5], [0.7], "False or True"),
        ([0.5], [NAN], "False or True"),
    ],
)
def test_what_is_no_answer_is_refused(confidence, correct, message):
    for measure in (brier_score, reliability_diagram, Reliability.from_answers):
        with pytest.raises(ValueError, match=message):
            measure(confidence, correct)


# --- Evaluation ------------------------------------------------------------------------------------------


def test_the_same_rollout_gives_scores_and_reliability():
    result = score_anchors(make_domain(FORECAST), Always(1), 0, per_cell=50, salt=3)  # says 0, sure to 0.75
    assert result.scores.shape == (4, 50)
    rate = result.scores.mean()
    assert result.reliability.answered == 200
    assert result.reliability.bins[7] == Bin(200, 0.75, rate)
    assert result.reliability.brier == pytest.approx(rate * 0.0625 + (1 - rate) * 0.5625)


def test_episodes_without_an_answer_are_told_apart_from_wrong_ones():
    silent = score_anchors(make_domain(FORECAST), Always(SILENT), 0, per_cell=5, salt=3)
    assert silent.scores.sum() == 0
    assert silent.reliability == Reliability.from_answers([NAN] * 20, [0] * 20)
    sure = score_anchors(make_domain(FORECAST), Thoughtful(), 0, per_cell=100, salt=3).reliability
    assert 0 < sure.unanswered < 100
    assert sure.skill > score_anchors(make_domain(FORECAST), Always(2), 0, 100, 3).reliability.skill


@pytest.mark.parametrize("env_id", ["EtudePlan-v0", "counting:Counting-v0"])
def test_a_domain_without_confidence_has_no_reliability(env_id):
    assert score_anchors(make_domain(env_id), Always(0), 0, per_cell=2, salt=0).reliability is None


def test_half_a_measurement_is_refused():
    with pytest.raises(ValueError, match='forecast-v0 hold "confidence" but not "correct"'):
        score_anchors(Uncounted(), Always(0), 0, per_cell=2, salt=0)
    with pytest.raises(ValueError, match=r"probability in \[0, 1\]"):
        score_anchors(Overdone(), Always(0), 0, per_cell=2, salt=0)


@pytest.mark.parametrize("name", ["same_seed_same_episodes", "text_interface"])
def test_checks_know_that_no_answer_equals_no_answer(name):
    result = run_check(FORECAST, name, size_for(200))
    assert result.passed, result.detail


# --- Practice and comparison -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Two arms with two seeds each that have really been practiced."""
    folder = tmp_path_factory.mktemp("forecast")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(practice, "ITERATIONS", 16)
        for arm in ("static", "easy"):
            for seed in (0, 1):
                run = folder / arm / f"seed_{seed}"
                RunConfig(FORECAST, arm, OWN, seed, 2e6, 8, items=10, chance=(0.0,) * 4).write(run)
                assert practice_run(run, salt=seed)
    return folder


def printed(comparison):
    shown = io.StringIO()
    Console(file=shown, width=80).print(all_tables(comparison))
    return shown.getvalue()


def test_every_checkpoint_records_its_reliability(experiment):
    records = Run(experiment / "easy/seed_1").read(CURVE)
    assert len(records) == 9
    for record in records:
        measured = Reliability.from_record(record["reliability"])
        assert measured.answered + measured.unanswered == 40
        right = sum(sum(cell["scores"]) for cell in record["cells"])  # here, the score is being right
        assert (measured.share_correct or 0) * measured.answered == pytest.approx(right)


def test_reliability_is_drawn_over_compute(experiment):
    folder = experiment / "easy/seed_1"
    events = EventAccumulator(str(folder / TENSORBOARD))
    events.Reload()
    records = Run(folder).read(CURVE)
    for name in ("brier", "skill"):
        drawn = [(r["compute"], r["reliability"][name]) for r in records]
        drawn = [(int(step), pytest.approx(v, abs=1e-6)) for step, v in drawn if v is not None]
        found = [(e.step, e.value) for e in events.Scalars(f"confidence/{name}")]
        assert found == drawn


def test_arms_are_compared_at_the_last_checkpoint_all_seeds_pooled(experiment):
    comparison = compare([experiment])
    arm = next(result for result in comparison.arms if result.arm == "easy")
    last = [Run(experiment / f"easy/seed_{seed}").read(CURVE)[-1]["reliability"] for seed in (0, 1)]
    assert arm.reliability == Reliability.pooled([Reliability.from_record(record) for record in last])
    assert arm.reliability.answered + arm.reliability.unanswered == 80
    results = {arm["arm"]: arm["reliability"] for arm in comparison.to_json()["arms"]}
    assert results["easy"] == arm.reliability.record()
    json.dumps(results, allow_nan=False)


def rewrite(folder, reliability):
    """Give the last record of a run another reliability, or none."""
    lines = (folder / CURVE).read_text().splitlines()
    record = json.loads(lines[-1])
    record.pop("reliability", None)
    if reliability is not None:
        record["reliability"] = reliability.record()
    (folder / CURVE).write_text("\n".join([*lines[:-1], json.dumps(record)]) + "\n")


@pytest.fixture
def written(experiment, tmp_path):
    """The experiment with reliabilities that are known: easy states the truth, static is too sure."""
    folder = tmp_path / "written"
    shutil.copytree(experiment, folder)
    for seed in (0, 1):
        rewrite(folder / f"easy/seed_{seed}", Reliability.from_answers([0.8] * 5 + [NAN], [1, 1, 1, 1, 0, 0]))
        rewrite(folder / f"static/seed_{seed}", Reliability.from_answers([1.0] * 4 + [0.0], [1, 1, 1, 0, 0]))
    return folder


def test_the_table_ranks_arms_by_their_brier_score(written):
    text = printed(compare([written]))
    assert "Confidence at the last checkpoint, all seeds pooled, ranked by Brier score" in text
    rows = [line.split() for line in text.splitlines()]
    easy = ["easy", "0.160", "+0.000", "0.800", "0.800", "2", "of", "12"]
    static = ["static", "0.200", "+0.167", "0.800", "0.600", "0", "of", "10"]
    assert rows.index(static) == rows.index(easy) + 1
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_not_known_is_shown_as_such(written):
    for seed in (0, 1):
        rewrite(written / f"easy/seed_{seed}", Reliability.from_answers([NAN] * 6, [0] * 6))
        rewrite(written / f"static/seed_{seed}", Reliability.from_answers([0.5] * 4, [1] * 4))
    rows = [line.split() for line in printed(compare([written])).splitlines()]
    assert ["easy", "–", "–", "–", "–", "12", "of", "12"] in rows
    assert ["static", "0.250", "–", "0.500", "1.000", "0", "of", "8"] in rows
    draw_confidence(compare([written]), written / "picture.png")


def test_an_arm_with_a_run_that_recorded_none_is_left_out(written):
    rewrite(written / "easy/seed_1", None)
    comparison = compare([written])
    assert list(comparison.reliabilities) == ["static"]
    assert "reliability" not in next(a for a in comparison.to_json()["arms"] if a["arm"] == "easy")


def test_a_damaged_reliability_is_named(written):
    folder = written / "easy/seed_1"
    lines = (folder / CURVE).read_text().splitlines()
    broken = json.loads(lines[-1]) | {"reliability": {"brier": 0.2, "unanswered": 0, "bins": []}}
    (folder / CURVE).write_text("\n".join([*lines[:-1], json.dumps(broken)]) + "\n")
    with pytest.raises(IncompleteRun, match=f"{folder} is damaged.*10 bins"):
        compare([written])


def test_the_picture_shows_every_arm_in_its_color(written):
    from matplotlib.image import imread

    draw_confidence(compare([written]), written / "picture.png")
    pixels = (imread(written / "picture.png")[..., :3] * 255).round().astype(int)
    assert pixels.shape == (750, 1800, 3)
    for color in arm_colors(["static", "easy"]).values():
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == rgb).all(axis=2).sum() > 500
    draw_confidence(compare([written]), written / "picture.svg")
    assert (written / "picture.svg").read_text().count("<path") > 30


def test_the_command_prints_the_table_and_draws_the_picture(experiment, tmp_path, capsys):
    main(["compare", str(experiment), "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "ranked by Brier score" in out
    assert f"Picture: {tmp_path / 'confidence.png'}" in out
    assert (tmp_path / "confidence.png").stat().st_size > 10_000
    assert "reliability" in (tmp_path / "comparison.json").read_text()


def test_nothing_is_shown_of_a_domain_without_confidence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(practice, "ITERATIONS", 16)
    run = tmp_path / "static/seed_0"
    RunConfig("EtudePlan-v0", "static", OWN, 0, 4e6, 8, items=3, chance=(0.0,) * 4).write(run)
    assert practice_run(run, salt=0)
    write_json(tmp_path / "config.json", {})
    main(["compare", str(tmp_path)])
    out = capsys.readouterr().out
    assert "Picture: " in out
    assert "Brier" not in out
    assert not (tmp_path / "confidence.png").exists()
    for name in ("comparison.json", f"static/seed_0/{CURVE}"):
        assert "reliability" not in (tmp_path / name).read_text()
    events = EventAccumulator(str(run / TENSORBOARD))
    events.Reload()
    assert not [tag for tag in events.Tags()["scalars"] if "reliability" in tag]
    with pytest.raises(ValueError, match="asks for no confidence"):
        draw_confidence(compare([tmp_path]), tmp_path / "confidence.png")
