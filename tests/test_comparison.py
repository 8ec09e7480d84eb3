"""Comparison of finished runs: pairing, numbers, tables, the picture, and what TensorBoard is told.

The runs are written by hand, with scores chosen so that every number is known in advance.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from written_runs import FLOPS_PER_STEP, GRID, HORIZON, constant, linear, printed, write_experiment, write_run

from etude_gym.practice.strategies import SAMPLERS
from etude_gym.report.comparison import compare
from etude_gym.report.curve_plots import spread
from etude_gym.report.figures import COLORS, arm_colors
from etude_gym.report.hyperparameters import write_hyperparameters
from etude_gym.report.plots import draw_comparison
from etude_gym.report.practice_plots import draw_practice, telling_arms
from etude_gym.report.tables import finding_lines, number
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import CONFIG, CURVE, PRACTICE, RECORD, TENSORBOARD, IncompleteRun, Run, write_json
from etude_gym.runs.tensorboard_log import DESCRIPTIONS, LAYOUT, TensorBoardLog


@pytest.fixture
def doubled(tmp_path):
    """An arm that scores twice as much as static at every checkpoint, and one that scores half.

    Curves keep 4 digits of a score: 0.256 is one that can be halved down to the first checkpoint.
    """
    arms = {"static": linear(0.256), "adaptive": linear(0.512), "easy": linear(0.128)}
    return write_experiment(tmp_path / "doubled", arms)


# --- Numbers ---------------------------------------------------------------------------------------------


def test_efficiency_is_the_ratio_of_areas(doubled):
    comparison = compare([doubled])
    values = {result.arm: result.efficiency.value for result in comparison.arms}
    assert values == {"static": 1.0, "adaptive": pytest.approx(2.0), "easy": pytest.approx(0.5)}
    # The lines of both seeds end at 0.256 and 0.384: their mean area is 0.16.
    assert comparison.arms[0].efficiency.ceiling == pytest.approx(1 / 0.16)


def test_pairs_of_seeds_cancel_what_they_share(doubled):
    adaptive = compare([doubled]).arms[1].efficiency
    assert adaptive.low == pytest.approx(2.0)
    assert adaptive.high == pytest.approx(2.0)


def test_arms_stand_in_the_order_of_their_areas_after_the_reference(doubled):
    assert [result.arm for result in compare([doubled]).arms] == ["static", "adaptive", "easy"]
    assert [result.arm for result in compare([doubled], "easy").arms] == ["easy", "adaptive", "static"]


def test_efficiency_by_band_by_family_and_over_log_compute(doubled):
    adaptive = compare([doubled]).arms[1]
    assert {band: pe.value for band, pe in adaptive.bands.items()} == pytest.approx({0: 2.0, 1: 2.0})
    assert {name: pe.value for name, pe in adaptive.families.items()} == pytest.approx(
        {"fold": 2.0, "tear": 2.0}
    )
    assert adaptive.log_efficiency.value == pytest.approx(2.0)


def test_gains_of_every_cell_over_the_untrained_learner_with_their_interval(doubled):
    static = compare([doubled]).arms[0]
    assert [gain.cell for gain in static.gains] == [(f, b) for f in ("fold", "tear") for b in (0, 1)]
    for gain in static.gains:  # from 0 to 0.256 on one seed and 0.384 on the other
        assert (gain.first, gain.final, gain.gain) == pytest.approx((0.0, 0.32, 0.32))
        assert gain.half_width == pytest.approx(12.7062 * 0.064, rel=1e-4)
    assert re.search(r"static +fold +\+0\.32 ±0\.81", printed(compare([doubled])))


def test_no_interval_of_gains_with_one_seed(tmp_path):
    folder = write_experiment(tmp_path, {"static": linear(0.256)}, seeds=1)
    assert {gain.half_width for gain in compare([folder]).arms[0].gains} == {None}


def test_no_efficiency_over_log_compute_without_a_checkpoint_inside(tmp_path):
    folder = write_run(tmp_path / "static", constant(0.5), arm="static")
    lines = (folder / CURVE).read_text().splitlines()
    (folder / CURVE).write_text("\n".join([lines[0], lines[-1]]) + "\n")
    assert compare([folder]).arms[0].log_efficiency is None


def test_milestones_are_shares_of_the_gain_of_the_reference(tmp_path):
    arms = {"static": linear(0.8), "adaptive": linear(0.8, by=HORIZON / 4)}
    first, second, third = compare([write_experiment(tmp_path, arms, seeds=1)]).arms[1].milestones
    assert [m.threshold for m in (first, second, third)] == pytest.approx([0.2, 0.4, 0.6])
    assert [m.agent_median for m in (first, second, third)] == pytest.approx([62500, 125000, 187500])
    assert [m.speedup for m in (first, second)] == pytest.approx([0.75, 0.75])
    assert third.reference_median is None  # above 0.6 stands only the last checkpoint


def test_work_done_again_is_summed_up_by_arm(tmp_path):
    write_experiment(tmp_path, {"static": constant(0.5), "easy": constant(0.5)}, repeated=1500.0)
    comparison = compare([tmp_path])
    assert [result.repeated for result in comparison.arms] == [3000.0, 3000.0]
    assert "in FLOPs: static 3e+03, easy 3e+03." in printed(comparison, width=200)


# --- Which runs are compared -----------------------------------------------------------------------------


def test_runs_that_are_not_finished_are_left_out_and_their_arm_is_unpaired(doubled):
    (doubled / "easy/seed_1" / RECORD).unlink()
    comparison = compare([doubled])
    assert {result.arm: result.seeds for result in comparison.arms} == {
        "static": (0, 1), "adaptive": (0, 1), "easy": (0,)
    }  # fmt: skip
    assert comparison.unpaired == ("easy",)
    assert [Path(path).relative_to(doubled) for path in comparison.left_out] == [Path("easy/seed_1")]
    text = " ".join(printed(comparison).split())
    assert "seeds static 0, 1; adaptive 0, 1; easy 0." in text
    assert "Left out, not finished:" in text


def test_an_arm_without_a_finished_run_is_left_out(doubled):
    for seed in (0, 1):
        (doubled / f"easy/seed_{seed}" / RECORD).unlink()
    comparison = compare([doubled])
    assert list(comparison.runs) == ["static", "adaptive"]
    assert comparison.seeds == (0, 1)


def test_folders_may_be_runs_or_experiments_in_any_order(doubled):
    runs = [doubled / "adaptive/seed_0", doubled / "static/seed_0", doubled / "static"]
    assert find_runs(runs) == [*runs[:2], doubled / "static/seed_1"]
    comparison = compare(runs)
    assert {result.arm: result.seeds for result in comparison.arms} == {"static": (0, 1), "adaptive": (0,)}


def test_seeds_are_paired_by_number_not_by_place(tmp_path):
    for seed, score in ((3, 0.2), (5, 0.4)):
        write_run(tmp_path / f"a{seed}", constant(score), arm="static", seed=seed)
        write_run(tmp_path / f"b{8 - seed}", constant(2 * score), arm="easy", seed=seed)
    efficiency = compare([tmp_path]).arms[1].efficiency
    assert (efficiency.low, efficiency.high) == (pytest.approx(2.0), pytest.approx(2.0))


def test_the_reference_is_static_or_else_the_first_arm(doubled):
    assert compare([doubled]).reference == "static"
    assert compare([doubled / "easy", doubled / "adaptive"]).reference == "easy"
    with pytest.raises(ValueError, match=r"Unknown reference arm 'esy'.*Did you mean 'easy'"):
        compare([doubled], "esy")


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("env_id", "Other-v0", "has Other-v0. Compare one environment at a time."),
        ("suite_version", 2, "practice anew what is older."),
        ("calibration", "0123456789abcdef", "practice anew what is older."),
        ("unit", "tokens", "--parameters says how many it has."),
        ("horizon", HORIZON * 1.05, "with --horizon 1e+06 or 1.05e+06."),
        ("bands", (-1, 0, 1), "with --bands 0 1 2 3 or -1 0 1."),
        ("chance", (0.1, 0.0, 0.0, 0.0), "have changed in between. Practice anew what is older."),
    ],
)
def test_unlike_runs_are_refused(doubled, name, value, advice):
    write_run(doubled / "odd", constant(0.5), arm="odd", **{name: value})
    with pytest.raises(ValueError, match=f"only if they share {name}") as error:
        compare([doubled])
    assert str(doubled / "odd") in str(error.value)
    assert str(error.value).endswith(advice)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("agent", "yours", "agent: mine (mine/static, mine/adaptive, mine/easy); yours (yours/odd)"),
        ("items", 6, "items: 5 (static, adaptive, easy); 6 (odd)"),
        ("num_envs", 8, "num_envs: 4 (static, adaptive, easy); 8 (odd)"),
        ("options", {"rate": 0.1}, "rate: – (static, adaptive, easy); 0.1 (odd)"),
        ("host", {"name": "other"}, "host: – (static, adaptive, easy); other (odd)"),
        ("date", "2026-03-01T10:00:00+00:00", "date: – (static, adaptive, easy); 2026-03-01 (odd)"),
        ("versions", {"torch": "3"}, "version of torch: – (static, adaptive, easy); 3 (odd)"),
        ("interface", "text", "interface: actions (static, adaptive, easy); text (odd)"),
        ("horizon", HORIZON * 1.01, "horizon: 1e+06 (static, adaptive, easy); 1.01e+06 (odd)"),
    ],
)
def test_what_else_differs_is_shown(doubled, name, value, shown):
    write_run(doubled / "odd", constant(0.01), arm="odd", **{name: value})
    text = printed(compare([doubled]), width=120)
    assert shown in text.partition("What else differs\n")[2]


def test_chance_may_differ_between_actions_and_text(doubled):
    write_run(doubled / "text", constant(0.5), arm="text", chance=(0.1, 0, 0, 0), interface="text")
    assert "text" in compare([doubled]).runs


def test_two_runs_of_one_arm_and_seed_are_refused(doubled):
    shutil.copytree(doubled / "easy/seed_0", doubled / "copy")
    with pytest.raises(ValueError, match=r"copy and .*seed_0 are both 'easy' with seed 0"):
        compare([doubled])


def test_runs_scored_on_different_anchors_are_compared_unpaired(doubled):
    assert compare([doubled]).unpaired == ()
    write_json(doubled / "easy/seed_1" / RECORD, {"anchor_salt": 1})
    comparison = compare([doubled])
    assert comparison.unpaired == ("easy",)
    easy = next(result for result in comparison.arms if result.arm == "easy").efficiency
    assert easy.value == pytest.approx(0.5)
    # Both arms' log areas spread by log 1.5 between two seeds: Welch's t with 2 degrees of freedom.
    half = 4.302653 * math.sqrt(2 * (math.log(1.5) / 2) ** 2)
    assert (easy.low, easy.high) == pytest.approx((0.5 * math.exp(-half), 0.5 * math.exp(half)))
    assert "Unpaired: easy. Seeds or anchor tasks differ" in " ".join(printed(comparison).split())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (CURVE, ""),
        (CURVE, '{"iteration": 0}\n'),
        (RECORD, "{}"),
        (RECORD, "nothing"),
        (CONFIG, '{"arm": "static"}'),
        ("compute.json", "[]"),
    ],
)
def test_a_damaged_run_is_named(tmp_path, name, content):
    folder = write_run(tmp_path / "static", constant(0.5), arm="static")
    (folder / name).write_text(content)
    with pytest.raises(IncompleteRun, match=str(folder)):
        compare([tmp_path])


def test_files_of_others_are_no_runs(doubled):
    write_json(doubled / "other" / CONFIG, ["arm"])
    assert len(find_runs([doubled])) == 6


def test_folders_without_finished_runs_are_named(tmp_path):
    with pytest.raises(IncompleteRun, match="nothing is not a folder"):
        compare([tmp_path / "nothing"])
    with pytest.raises(IncompleteRun, match="holds no run"):
        compare([tmp_path])
    write_run(tmp_path / "static", constant(0.5), arm="static", finished=False)
    with pytest.raises(IncompleteRun, match="No run is finished yet"):
        compare([tmp_path])


# --- Results and tables ----------------------------------------------------------------------------------


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("score", [0.0, 0.02, 0.5])
def test_results_are_finite_json(tmp_path, seeds, score):
    write_experiment(tmp_path, {"static": constant(score), "easy": linear(score)}, seeds)
    results = json.loads(json.dumps(compare([tmp_path]).to_json()), parse_constant=refuse)
    assert set(results) == {
        "env_id", "agents", "horizon", "unit", "reference", "seeds", "runs", "left_out", "unpaired",
        "differences", "arms"
    }  # fmt: skip
    assert results["seeds"] == list(range(seeds))
    assert results["runs"]["easy"] == [str(tmp_path / f"easy/seed_{seed}") for seed in range(seeds)]
    assert [set(arm) for arm in results["arms"]] == 2 * [
        {"arm", "seeds", "efficiency", "areas", "log_efficiency", "items", "bands", "families", "milestones",
         "gains", "final", "repeated"}
    ]  # fmt: skip
    assert (results["arms"][0]["efficiency"]["value"] is None) == (score < 0.05)


def test_tables_hold_what_efficiency_has_to_be_read_with(doubled):
    text = printed(compare([doubled]))
    rows = [line.split() for line in text.splitlines()]
    gained = f"{0.16 / 0.84:+.3f}"
    assert ["adaptive", "2.000", "2.000", "to", "2.000", "0.000", "2.000", gained, "0.320", "0.640"] in rows
    assert ["static", "1.000", "reference", "0.160", "0.320"] in rows
    assert "Horizon H = 1e+06 FLOPs; ceiling of PE 6.25; seeds 0, 1." in text
    assert "Fewer than 5 seeds" in text
    assert ["easy", "0.500", "/", "0.16", "0.500", "/", "0.16"] in rows  # by band
    assert ["easy", "0.500", "0.500"] in rows  # by family
    assert max(map(len, text.splitlines())) <= 80


def test_five_seeds_are_enough_to_report(tmp_path):
    write_experiment(tmp_path, {"static": linear(0.5), "easy": linear(0.5)}, seeds=5)
    assert "Fewer than" not in printed(compare([tmp_path]))


def test_an_undefined_efficiency_gives_way_to_the_difference(tmp_path):
    write_experiment(tmp_path, {"static": constant(0.04), "easy": constant(0.5)}, seeds=1)
    text = printed(compare([tmp_path]))
    assert ["easy", "+0.460", "–", "0.500", "0.500"] in [line.split() for line in text.splitlines()]
    assert "PE is undefined: the reference's area 0.040 is below 0.05" in text


def test_a_missing_interval_is_explained(tmp_path):
    write_experiment(tmp_path, {"static": constant(0.5), "easy": constant(0.5)}, seeds=1)
    text = printed(compare([tmp_path]))
    assert ["easy", "1.000", "–", "0.000", "1.000", "+0.000", "0.500", "0.500"] in [
        line.split() for line in text.splitlines()
    ]
    assert "no interval, as it takes at least 2 seeds." in text


def test_no_milestones_where_the_reference_gains_nothing(tmp_path):
    write_experiment(tmp_path, {"static": constant(0.5), "easy": linear(0.5)})
    assert "No milestones: the reference gained nothing up to the horizon." in printed(compare([tmp_path]))


def test_no_milestones_where_the_gain_of_the_reference_may_be_none(doubled):
    comparison = compare([doubled])  # gains of 0.256 and 0.384, with two seeds
    assert {m.agent_median for result in comparison.arms for m in result.milestones} == {None}
    reason = "the reference's gain of 0.320 ± 0.813 (95% interval over 2 seeds) may be none."
    assert reason in " ".join(printed(comparison).split())


def test_few_evaluations_and_an_overshoot_of_the_horizon_are_warned_of(doubled):
    assert "evaluation" not in printed(compare([doubled]))
    for seed, (kept, beyond) in enumerate(((6, 1.2), (3, 1.04))):
        path = doubled / f"easy/seed_{seed}" / CURVE
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines[-1]["compute"] *= beyond
        path.write_text("\n".join(map(json.dumps, [*lines[: kept - 1], lines[-1]])) + "\n")
    text = " ".join(printed(compare([doubled])).split())
    assert "Few evaluations up to the horizon (easy 3; 6 or more are usual)" in text
    assert "The last evaluation came after the horizon (easy 20%)" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.00"), (-1.234, "-1.23"), (99.99, "99.99"), (2.03e17, "2e+17")]
)
def test_numbers_out_of_bounds_stay_short(value, shown):
    assert number(value, 2) == shown


# --- The picture -----------------------------------------------------------------------------------------


def colors_in(path):
    """The colors of a picture as #RRGGBB, with how many pixels have them."""
    from matplotlib.image import imread

    pixels = (imread(path)[..., :3] * 255).round().astype(int)
    assert pixels.shape == (750, 1800, 3)
    found, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    return {"#{:02X}{:02X}{:02X}".format(*rgb): n for rgb, n in zip(found, counts, strict=True)}


@pytest.mark.parametrize(("seeds", "scale"), [(1, 0.01), (2, 1.0)])
def test_the_picture_shows_every_arm_in_its_color(tmp_path, seeds, scale):
    arms = {arm: linear(scale * (0.2 + 0.04 * i)) for i, arm in enumerate(SAMPLERS)}
    draw_comparison(compare([write_experiment(tmp_path, arms, seeds)]), tmp_path / "picture.png")
    colors = colors_in(tmp_path / "picture.png")
    assert min(colors[color] for color in COLORS[: len(SAMPLERS)]) > 400


def test_the_picture_is_drawn_where_all_is_lost(tmp_path):
    comparison = compare([write_experiment(tmp_path, {"static": constant(0.0), "easy": constant(0.0)})])
    draw_comparison(comparison, tmp_path / "picture.png")
    assert min(colors_in(tmp_path / "picture.png")[arm_colors(["easy"])["easy"]], 500) == 500


def test_the_picture_is_drawn_with_an_interval_beyond_all_bounds(tmp_path):
    write_experiment(tmp_path, {"static": linear(0.5), "easy": linear(0.5)}, seeds=2)
    shutil.rmtree(tmp_path / "easy/seed_1")
    write_run(tmp_path / "easy/seed_1", linear(0.001), arm="easy", seed=1, salt=101)
    comparison = compare([tmp_path])
    assert comparison.arms[1].efficiency.high > 1e10
    draw_comparison(comparison, tmp_path / "picture.png")
    assert colors_in(tmp_path / "picture.png")[arm_colors(["easy"])["easy"]] > 500


def test_curves_of_different_length_are_drawn_together(doubled):
    # An update that leaps over a checkpoint leaves a curve without it.
    folder = doubled / "adaptive/seed_1"
    lines = (folder / CURVE).read_text().splitlines()
    (folder / CURVE).write_text("\n".join(lines[:2] + lines[4:]) + "\n")
    draw_comparison(compare([doubled]), doubled / "picture.png")
    assert colors_in(doubled / "picture.png")[arm_colors(["adaptive"])["adaptive"]] > 500


def test_the_picture_as_svg(doubled):
    draw_comparison(compare([doubled]), doubled / "picture.svg")
    root = ElementTree.parse(doubled / "picture.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"static", "adaptive", "easy"} <= set(texts)  # text that can be searched


def test_an_unknown_picture_format_is_refused_and_nothing_is_written(doubled):
    with pytest.raises(ValueError, match="xyz"):
        draw_comparison(compare([doubled]), doubled / "picture.xyz")
    assert not list(doubled.glob("picture*"))


def test_an_arm_has_the_same_color_in_every_picture():
    assert arm_colors(["easy"])["easy"] == arm_colors(list(SAMPLERS))["easy"]
    assert len(set(arm_colors(list(SAMPLERS)).values())) == len(SAMPLERS)
    colors = arm_colors(["static", "mine", "yours"])
    assert len(set(colors.values())) == 3


def test_arms_of_one_sampler_have_its_color_ever_paler():
    plain = arm_colors(["schedule"])["schedule"]
    colors = arm_colors(["schedule,ramp_episodes=1", "static", "schedule", "schedule,ramp_episodes=2"])
    assert colors["schedule"] == plain
    assert len(set(colors.values())) == 4
    brightness = [
        sum(int(colors[arm][i : i + 2], 16) for i in (1, 3, 5))
        for arm in ("schedule", "schedule,ramp_episodes=1", "schedule,ramp_episodes=2")
    ]
    assert brightness == sorted(brightness)
    assert len(arm_colors([*SAMPLERS, "mine"])) == len(SAMPLERS) + 1


# --- Why tasks were drawn, and what probes found -----------------------------------------------------


def probing(folder):
    """Let a run's records say that it probed at its end."""
    run = Run(folder)
    run.append(PRACTICE, 1, iteration(HORIZON / 2, reasons={"basics": 1, "box": 1}))
    finding = {"family": "first", "gap": ["size"], "hard": 0.1, "pulled_down": {"size": 0.9}, "basics": 0.9}
    run.append(PRACTICE, 2, iteration(HORIZON, reasons={"box": 1, "probe": 1}, findings=[finding]))


def test_reasons_are_drawn_for_the_arms_that_have_several(doubled):
    assert telling_arms(compare([doubled])) == []
    for seed in (0, 1):
        probing(doubled / f"adaptive/seed_{seed}")
    comparison = compare([doubled])
    assert telling_arms(comparison) == ["adaptive"]
    draw_practice(comparison, doubled / "practice.svg")
    text = (doubled / "practice.svg").read_text()
    for reason in ("basics", "box", "probe"):
        assert f">{reason}<" in text
    assert ">easy<" not in text


def test_what_probes_found_is_printed_with_the_number_of_rounds(doubled):
    assert finding_lines(compare([doubled])) == ""
    for seed in (0, 1):
        probing(doubled / f"adaptive/seed_{seed}")
    assert finding_lines(compare([doubled])) == "adaptive: first: size (2x)"


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([0.5], [0.5]),
        ([0.2, 0.8], [0.2, 0.8]),
        ([0.5, 0.5], [0.45, 0.55]),
        ([0.0, 0.0, 0.9], [0.0, 0.1, 0.9]),
        ([1.0, 1.0, 1.0], [0.8, 0.9, 1.0]),
    ],
)
def test_labels_are_moved_apart_as_little_as_possible(wanted, places):
    assert spread(wanted, gap=0.1, low=0.0, high=1.0) == pytest.approx(places)


def test_labels_without_room_share_it_evenly():
    assert spread([0.5] * 5, gap=0.4, low=0.0, high=1.0) == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


# --- TensorBoard -----------------------------------------------------------------------------------------


def events(folder):
    """What TensorBoard reads in a run's folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder / TENSORBOARD))
    accumulator.Reload()
    return accumulator


def series(folder, tag):
    return [(event.step, pytest.approx(event.value, abs=1e-6)) for event in events(folder).Scalars(tag)]


def iteration(compute, **changes):
    """A record of one iteration of practice."""
    record = {
        "compute": compute,
        "env_steps": compute / FLOPS_PER_STEP,
        "episodes": 2,
        "success": 0.5,
        "difficulty": {"size": 0.25},
        "reasons": {"easy": 2},
        "sampler": {"ability": -1.5},
        "findings": [],
    }
    return record | changes


def test_anchor_scores_are_drawn_over_compute_and_over_environment_steps(tmp_path):
    folder = write_run(tmp_path, linear(0.768), arm="static", chance=(0.2, 0.0, 0.0, 0.0))
    board = TensorBoardLog(folder)
    board.rebuild(Run(folder))
    board.close()
    first = [(0.768 * compute / HORIZON - 0.2) / 0.8 for compute in GRID]
    other = [0.768 * compute / HORIZON for compute in GRID]
    mean = [(one + 3 * three) / 4 for one, three in zip(first, other, strict=True)]
    steps = [int(compute) for compute in GRID]
    assert series(folder, "anchor_score/over_compute") == list(zip(steps, mean, strict=True))
    over_steps = [(step // FLOPS_PER_STEP, score) for step, score in zip(steps, mean, strict=True)]
    assert series(folder, "anchor_score/over_environment_steps") == over_steps
    easiest = [(one + another) / 2 for one, another in zip(first, other, strict=True)]  # of both families
    assert series(folder, "anchor_score_by_band/band_0") == list(zip(steps, easiest, strict=True))
    assert series(folder, "anchor_score_by_band/band_1") == list(zip(steps, other, strict=True))


def test_practice_is_drawn_turn_by_turn(tmp_path):
    run = Run(tmp_path)
    run.append(PRACTICE, 1, iteration(100.0))
    run.append(PRACTICE, 2, iteration(200.0, episodes=0, success=None, difficulty=None))
    board = TensorBoardLog(tmp_path)
    board.rebuild(run)
    board.close()
    assert events(tmp_path).Tags()["scalars"] == ["practice/score", "practice/difficulty_size"]
    assert series(tmp_path, "practice/score") == [(100, 0.5)]
    assert series(tmp_path, "practice/difficulty_size") == [(100, 0.25)]


def test_every_card_says_what_it_shows_and_few_of_them_do_for_one_run(tmp_path):
    folder = write_run(tmp_path, linear(0.5), arm="static")
    axes = dict.fromkeys("abcd", 0.5)
    Run(folder).append(
        PRACTICE, 1, iteration(100.0, difficulty=axes, sampler={f"s{i}": 0.0 for i in range(12)})
    )
    board = TensorBoardLog(folder)
    board.rebuild(Run(folder))
    board.close()
    read = events(folder)
    assert len(read.Tags()["scalars"]) == 2 + 2 + 1 + len(axes)
    for tag in read.Tags()["scalars"]:
        assert read.SummaryMetadata(tag).summary_description == DESCRIPTIONS[tag.partition("/")[0]]


def test_charts_of_several_curves_are_laid_out_and_match_what_is_drawn(tmp_path):
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    folder = write_run(tmp_path, linear(0.5), arm="static")
    Run(folder).append(PRACTICE, 1, iteration(100.0))
    board = TensorBoardLog(folder)
    board.rebuild(Run(folder))
    board.close()
    read = events(folder)
    (event,) = read.Tensors(metadata.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    assert [category.title for category in layout.category] == list(LAYOUT)
    for category in layout.category:
        for chart in category.chart:
            (pattern,) = chart.multiline.tag
            assert any(re.fullmatch(pattern, tag) for tag in read.Tags()["scalars"])


def test_a_run_is_named_with_its_notes_and_its_configuration(tmp_path):
    folder = write_run(tmp_path, linear(0.5), arm="static")
    config = json.loads((folder / CONFIG).read_text()) | {"name": "wide", "notes": "twice as wide"}
    write_json(folder / CONFIG, config)
    board = TensorBoardLog(folder)
    board.rebuild(Run(folder))
    board.close()
    (event,) = events(folder).Tensors("run")
    name, notes, code = event.tensor_proto.string_val[0].decode().split("\n\n")
    assert (name, notes) == ("wide", "twice as wide")
    assert all(line.startswith("    ") for line in code.splitlines())  # code in Markdown
    assert json.loads(code) == config


def test_a_resumed_run_is_drawn_without_what_it_lost(tmp_path):
    run = Run(tmp_path)
    board = TensorBoardLog(tmp_path)
    for place in (1, 2, 3):
        run.append(PRACTICE, place, iteration(100.0 * place))
        board.practice(iteration(100.0 * place))
    board.close()
    run.supersede(1)
    board.rebuild(run)
    for compute in (210.0, 320.0):
        board.practice(iteration(compute, success=0.75))
    board.close()
    assert series(tmp_path, "practice/score") == [(100, 0.5), (210, 0.75), (320, 0.75)]


def test_compute_beyond_64_bits_is_drawn_at_the_edge(tmp_path):
    board = TensorBoardLog(tmp_path)
    board.practice(iteration(1e21))
    board.close()
    assert series(tmp_path, "practice/score") == [(2**63 - 1, 0.5)]


def hyperparameters(folder):
    """Names of all hyperparameters and metrics of the experiment, and the run's own values."""
    from tensorboard.plugins.hparams import metadata

    content = events(folder).PluginTagToContent("hparams")
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    names = [info.name for info in experiment.hparam_infos]
    metrics = [info.name.tag for info in experiment.metric_infos]
    return names, metrics, {name: value.string_value for name, value in start.hparams.items()}


def test_hyperparameters_let_runs_sort_by_area_and_by_efficiency(tmp_path):
    folder = tmp_path / "learned"
    write_experiment(folder, {"static": linear(0.256), "adaptive": linear(0.512)}, seeds=1)
    write_hyperparameters(compare([folder]))
    names, metrics, own = hyperparameters(folder / "adaptive/seed_0")
    assert own == {
        "method": "adaptive", "arm": "adaptive", "seed": "0", "agent": "mine", "environment": "Paper-v0"
    }  # fmt: skip
    assert sorted(names) == sorted(own)
    expected = {
        "result/area": 0.256,
        "result/PE_against_static_of_seed_0": 2.0,
        "result/final_anchor_score": 0.512,
        "result/flops_to_25_percent": 125000.0,
        "result/flops_to_50_percent": 250000.0,
        "result/flops_to_75_percent": 375000.0,
    }
    assert metrics == list(expected)
    assert {tag: series(folder / "adaptive/seed_0", tag) for tag in metrics} == {
        tag: [(0, pytest.approx(value))] for tag, value in expected.items()
    }


def test_hyperparameters_rank_all_runs_against_one_number(doubled):
    """The mean area of the reference, not that of each seed: the order is that of the areas."""
    write_hyperparameters(compare([doubled]))
    tag = "result/PE_against_static_of_seed_0"
    values = {
        (arm, seed): series(doubled / f"{arm}/seed_{seed}", tag)[0][1]
        for arm in ("static", "adaptive")
        for seed in (0, 1)
    }
    expected = {("static", 0): 0.8, ("static", 1): 1.2, ("adaptive", 0): 1.6, ("adaptive", 1): 2.4}
    assert values == {key: pytest.approx(value) for key, value in expected.items()}


def test_columns_of_different_references_are_different(doubled, tmp_path):
    other = shutil.copytree(doubled, tmp_path / "other")
    for folder in (doubled, other):
        runs = sorted(path.relative_to(folder).parent.as_posix() for path in folder.rglob(RECORD))
        write_json(folder / CONFIG, {"runs": runs})
        write_hyperparameters(compare([folder]))
    columns = [hyperparameters(folder / "easy/seed_0")[1][1] for folder in (doubled, other)]
    assert columns == ["result/PE_against_static_of_doubled", "result/PE_against_static_of_other"]


def test_hyperparameters_are_replaced_not_repeated(doubled):
    folder = doubled / "adaptive/seed_1"
    TensorBoardLog(folder).rebuild(Run(folder))
    write_hyperparameters(compare([doubled]))
    before = sorted(path.name for path in (folder / TENSORBOARD).iterdir())
    write_hyperparameters(compare([doubled], "easy"))
    assert len(list((folder / TENSORBOARD).iterdir())) == len(before) == 2
    tags = events(folder).Tags()["scalars"]
    assert [tag for tag in tags if "PE_against" in tag] == ["result/PE_against_easy_of_seed_0"]
    assert series(folder, "result/PE_against_easy_of_seed_0") == [(0, 4.8)]
    assert len(series(folder, "anchor_score/over_compute")) == len(GRID)


def test_an_undefined_metric_is_left_out(tmp_path):
    write_experiment(tmp_path, {"static": constant(0.01)}, seeds=1)
    write_hyperparameters(compare([tmp_path]))
    tags = events(tmp_path / "static/seed_0").Tags()["scalars"]
    assert tags == ["result/area", "result/final_anchor_score"]


def test_every_event_is_a_finite_number(doubled):
    write_hyperparameters(compare([doubled]))
    for configuration in doubled.rglob(CONFIG):
        read = events(configuration.parent)
        for tag in read.Tags()["scalars"]:
            assert all(math.isfinite(event.value) for event in read.Scalars(tag))
