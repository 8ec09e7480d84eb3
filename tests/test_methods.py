"""Methods: what runs of several agents, options and experiments are called, and how they are set together."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import run
from written_runs import GRID, HORIZON, constant, linear, printed, write_experiment, write_run

from etude_gym.measure.curves import LearningCurve, area
from etude_gym.measure.intervals import difference_half_width
from etude_gym.measure.practice_efficiency import breakdown, practice_efficiency
from etude_gym.report.comparison import compare
from etude_gym.report.methods import Source
from etude_gym.report.plots import draw_comparison


def arms_of(comparison):
    return list(comparison.runs)


@pytest.fixture
def three(tmp_path):
    """One arm of three methods from two experiments with anchor tasks of their own."""
    write_experiment(tmp_path / "a", {"static": linear(0.5)}, seeds=3, options={"network": [128]})
    write_experiment(tmp_path / "b", {"static": linear(0.6)}, seeds=3, options={"network": [64, 64]})
    for seed in range(4):
        folder = tmp_path / f"c/static/seed_{seed}"
        write_run(folder, linear(0.3 + 0.01 * seed), arm="static", seed=seed, agent="my:Own", salt=seed)
    return tmp_path


# --- Names -----------------------------------------------------------------------------------------------


def test_methods_are_called_by_what_tells_them_apart(three):
    assert arms_of(compare([three / "a"])) == ["static"]
    assert arms_of(compare([three / "a", three / "c"])) == ["mine", "my:Own"]
    both = compare([three / "b", three / "a"])
    assert set(arms_of(both)) == {"static,network=[128]", "static,network=[64,64]"}
    assert both.reference == "static,network=[64,64]"
    write_experiment(three / "a", {"easy": linear(0.5)}, seeds=3, options={"network": [128]})
    assert set(arms_of(compare([three / "a", three / "c"]))) == {"mine/static", "mine/easy", "my:Own/static"}


def test_methods_are_called_as_the_user_says(three):
    comparison = compare(
        [Source(three / "c", "torch"), Source(three / "a", "plain"), Source(three / "b", "wide")]
    )
    assert comparison.reference == "torch"
    assert set(arms_of(comparison)) == {"torch", "plain", "wide"}
    write_experiment(three / "a", {"easy": linear(0.5)}, seeds=3, options={"network": [128]})
    comparison = compare([Source(three / "a", "plain"), three / "c"], "plain/easy")
    assert arms_of(comparison) == ["plain/easy", "plain/static", "static"]


def test_experiments_keep_the_names_that_they_were_given(tmp_path):
    write_experiment(tmp_path / "a", {"static": linear(0.5)}, name="first")
    write_experiment(tmp_path / "b", {"static": linear(0.6)}, name="second")
    assert arms_of(compare([tmp_path])) == ["first", "second"]
    assert arms_of(compare([tmp_path / "a"])) == ["static"]


def test_one_name_for_several_folders_joins_their_runs(tmp_path):
    for seed in range(3):
        write_run(tmp_path / f"day{seed}", linear(0.5), arm="static", seed=seed)
    write_run(tmp_path / "other", linear(0.5), arm="easy")
    comparison = compare(
        [*(Source(tmp_path / f"day{seed}", "base") for seed in range(3)), tmp_path / "other"]
    )
    assert {arm.arm: arm.seeds for arm in comparison.arms} == {"base": (0, 1, 2), "easy": (0,)}


def test_by_says_what_a_method_is(three):
    runs = [three / "a", three / "c"]
    assert arms_of(compare(runs, by="agent")) == ["mine", "my:Own"]
    options = compare([three / "a", three / "b"], by="option:network")
    assert set(arms_of(options)) == {"network=[128]", "network=[64,64]"}
    named = compare([Source(three / "a", "x"), Source(three / "b", "y")], by="agent")
    assert set(arms_of(named)) == {"x", "y"}
    with pytest.raises(ValueError, match=r"are both 'static' with seed 0: .* as in one=.*a/static/seed_0"):
        compare(runs, by="arm")
    with pytest.raises(ValueError, match=r"Unknown way to group runs 'agnet'.*'option:NAME'.*'agent'"):
        compare(runs, by="agnet")
    with pytest.raises(ValueError, match=r"Unknown option of these runs 'netwrk'.*Did you mean 'network'"):
        compare(runs, by="option:netwrk")


def test_a_source_is_a_folder_or_a_name_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "easy,limit=0.2").mkdir()
    assert Source.parse("easy,limit=0.2") == Source(Path("easy,limit=0.2"))
    for name in ("wide", "network=[64,64]"):
        source = Source.parse(f"{name}=easy,limit=0.2")
        assert (source.name, str(source.folder)) == (name, "easy,limit=0.2")
    assert Source.parse("wide=nowhere").name == "wide"
    with pytest.raises(ValueError, match="has no name before '='"):
        Source.parse("=easy,limit=0.2")


# --- Numbers ---------------------------------------------------------------------------------------------


def test_three_methods_of_two_experiments_against_one_reference(three):
    comparison = compare(
        [Source(three / "a", "plain"), Source(three / "b", "wide"), Source(three / "c", "torch")]
    )
    assert comparison.unpaired == ("torch",)  # plain and wide answered the same anchor tasks here
    values = {arm.arm: arm.efficiency.value for arm in comparison.arms}
    scale = (1 + 1.5 + 1) / 3
    assert values == pytest.approx({"plain": 1.0, "wide": 1.2, "torch": 0.315 / (0.5 * scale)}, rel=1e-3)
    text = " ".join(printed(comparison).split())
    assert "seeds plain 0, 1, 2; wide 0, 1, 2; torch 0 to 3" in text
    assert "agent: mine (plain, wide); my:Own (torch)" in text
    assert "network: [128] (plain); [64,64] (wide); – (torch)" in text
    draw_comparison(comparison, three / "picture.svg")
    assert "mean of 3 to 4 seeds" in (three / "picture.svg").read_text()


def test_a_series_of_one_model_is_compared_with_practiced_runs(tmp_path):
    """As `etude curve` writes it: one run, few checkpoints, no environments side by side."""
    text = {"interface": "text", "chance": (0.05, 0.0, 0.0, 0.0)}
    write_experiment(tmp_path / "llm", {"static": linear(0.5), "uniform": linear(0.6)}, agent="llm", **text)
    write_run(
        tmp_path / "tuned", linear(0.7), arm="tuned", agent="curve", num_envs=1, items=5, salt=3, **text
    )
    comparison = compare([tmp_path / "llm", Source(tmp_path / "tuned", "tuned")])
    assert set(arms_of(comparison)) == {"static", "uniform", "tuned"}
    tuned = next(arm for arm in comparison.arms if arm.arm == "tuned")
    assert tuned.efficiency.reason == "no interval, as it takes at least 2 seeds"
    assert tuned.items.low == pytest.approx(tuned.efficiency.value)  # all items of a cell scored alike


def test_the_same_run_is_read_once(three):
    assert compare([three / "a", three / "a/static"]).arms == compare([three / "a"]).arms


def test_a_method_against_itself_under_another_name_has_an_efficiency_of_one(three):
    copy = shutil.copytree(three / "c", three / "copy")
    comparison = compare([Source(three / "c", "one"), Source(copy, "two")])
    other = comparison.arms[1].efficiency
    assert (other.value, other.low, other.high, other.paired) == (1.0, 1.0, 1.0, True)


def test_more_seeds_of_one_arm_widen_nothing_but_break_the_pairs(three):
    narrow = compare([Source(three / "a", "a"), Source(three / "b", "b")]).arms[1].efficiency
    shutil.rmtree(three / "b/static/seed_2")
    wide = compare([Source(three / "a", "a"), Source(three / "b", "b")])
    assert wide.unpaired == ("b",)
    assert wide.arms[1].efficiency.high > narrow.high
    assert wide.arms[1].efficiency.reference_seeds == 3


def curves(areas):
    """Curves with constant scores: their area is the score."""
    steps = np.arange(len(GRID))
    return [
        LearningCurve(
            (("fold", 0),), np.zeros(1), steps, np.array(GRID), steps, np.full((len(GRID), 1, 4), own)
        )
        for own in areas
    ]


def test_the_unpaired_interval_is_that_of_welch():
    """Against scipy's own, on logarithms of the areas."""
    from scipy import stats

    ours, theirs = [0.30, 0.36, 0.33, 0.41], [0.22, 0.25, 0.19]
    result = practice_efficiency(curves(ours), curves(theirs), HORIZON, paired=False)
    logs = stats.ttest_ind(np.log(ours), np.log(theirs), equal_var=False).confidence_interval(0.95)
    center = np.mean(np.log(ours)) - np.mean(np.log(theirs))
    assert np.log(result.high / result.value) == pytest.approx(logs.high - center)
    assert np.log(result.value / result.low) == pytest.approx(center - logs.low)
    plain = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert (result.difference_low, result.difference_high) == pytest.approx((plain.low, plain.high))
    assert (result.seeds, result.reference_seeds, result.paired) == (4, 3, False)
    by_band = breakdown(curves(ours), curves(theirs), HORIZON, paired=False)[0]
    assert (by_band.low, by_band.high) == pytest.approx((result.low, result.high))
    assert difference_half_width(np.array([1.0, 1.0]), np.array([2.0, 2.0])) == 0.0


def test_unpaired_intervals_cover_the_truth_as_often_as_they_say():
    """Log areas with unequal spreads: 95% intervals hold the true ratio in 93 to 97% of experiments."""
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(1000):
        ours = np.log(0.4) + 0.2 * generator.standard_normal(6)
        theirs = np.log(0.3) + 0.05 * generator.standard_normal(4)
        half = difference_half_width(ours, theirs)
        held += abs(ours.mean() - theirs.mean() - np.log(4 / 3)) <= half
    assert 930 <= held <= 970


def test_normalized_gain_is_the_share_of_what_the_reference_leaves(tmp_path):
    write_experiment(tmp_path, {"static": constant(0.4), "easy": constant(0.55)}, seeds=1)
    reference, easy = compare([tmp_path]).arms
    assert (reference.efficiency.normalized_gain, easy.efficiency.normalized_gain) == pytest.approx((0, 0.25))
    assert re.search(r"easy .*\+0\.250", printed(compare([tmp_path])))


def test_areas_of_runs_are_those_of_their_curves(three):
    for arm in compare([three / "c"]).arms:
        for each, own in zip(compare([three / "c"]).runs[arm.arm], arm.areas, strict=True):
            assert own == pytest.approx(float(area(each.curve.compute, each.curve.mean, HORIZON)))


def test_the_command_names_methods_and_says_which_is_the_reference(three, capsys):
    sources = (f"plain={three / 'a'}", f"wide={three / 'b'}", f"torch={three / 'c'}")
    code, out, err = run(capsys, "compare", *sources, "--reference", "torch", "--out", three / "out")
    assert (code, err) == (0, "")
    assert "Paper-v0: Practice Efficiency (PE) against torch" in out
    results = json.loads((three / "out/comparison.json").read_text())
    assert [arm["arm"] for arm in results["arms"]] == ["torch", "wide", "plain"]
    assert results["agents"] == ["my:Own", "mine"]
    code, _, err = run(capsys, "compare", *sources, "--reference", "torhc")
    assert (code, "Did you mean 'torch'?" in err) == (2, True)
    code, _, err = run(capsys, "compare", three / "a", three / "c", "--by", "arm")
    assert (code, "tell them apart by name" in err) == (2, True)
