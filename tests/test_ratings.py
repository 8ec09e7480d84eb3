"""The rating workflow: sheets that go out, sheets that come back, agreement, calibration."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import re
import typing

import numpy as np
import pytest
from commands import run
from hypothesis import given, settings
from hypothesis import strategies as st

from etude_gym.cli.ratings import Ratings
from etude_gym.measure.rater_agreement import correlation
from etude_gym.measure.score_calibration import fit_curve, held_out_agreement, link_novices
from etude_gym.runs.rating_panel import calibrate, panel_agreement, read_calibration, repeats_of
from etude_gym.runs.rating_sheets import import_sheets, read_panel, write_sheets
from etude_gym.runs.rating_tables import RatedItem, read_items, read_table, write_items, write_table

NASTY = (
    "=1+1", "+cmd", "-2", "@SUM(A1)", "'=1", "''+x", "'tis fine", "  =HYPERLINK()", "\ttab",
    "\rreturn", "＝全角",
    'a "quoted", one', "two\nlines", "two\r\nlines", "naïve 🧱 ідея", "'", "x;y,z\tw", "plain", "NULL", "1e5",
)  # fmt: skip


def some_items(count=12, authors=3, prompts=2):
    return [
        RatedItem(f"item-{i}", f"prompt {i % prompts}", f"text {i}", f"author {i % authors}", i / count)
        for i in range(count)
    ]


def fill(folder, rate):
    """Fill in all sheets: ``rate(rater, text, second)`` gives each rating, None leaves it empty."""
    for path in sorted(folder.glob("sheet-*.csv")):
        rater = path.stem.removeprefix("sheet-")
        seen, rows = set(), []
        for _, cells in read_table(path, ("code", "text")):
            rating = rate(rater, cells["text"], cells["text"] in seen)
            seen.add(cells["text"])
            rows.append([cells["code"], cells["expert"], cells["prompt"], cells["text"], str(rating or "")])
        write_table(path, ("code", "expert", "prompt", "text", "rating"), rows)


# --- Sheets go out ---------------------------------------------------------------------------------------


def test_every_item_gets_its_raters_and_every_rater_about_as_many_items(tmp_path):
    write_sheets(tmp_path, some_items(30), ["a", "b", "c", "d", "e"], ["x", "y"], per_item=3)
    shown = {p.stem[6:]: [c["text"] for _, c in read_table(p, ("text",))] for p in tmp_path.glob("*.csv")}
    of_item = {i.text: [r for r, texts in shown.items() if i.text in texts] for i in some_items(30)}
    assert all(
        len(set(raters) - {"x", "y"}) == 3 and {"x", "y"} <= set(raters) for raters in of_item.values()
    )
    assert {r: len(set(texts)) for r, texts in shown.items()} == dict.fromkeys("abcde", 18) | {
        "x": 30,
        "y": 30,
    }
    pairs = {frozenset((a, b)) for raters in of_item.values() for a in raters for b in raters if a != b}
    assert len({r for pair in pairs for r in pair}) == 7


def test_sheets_are_blind_and_each_in_an_order_of_its_own(tmp_path):
    items = some_items(20)
    write_sheets(tmp_path, items, ["a", "b"], [], per_item=2)
    sheets = [(tmp_path / f"sheet-{rater}.csv").read_text() for rater in "ab"]
    assert not any(
        hidden in sheet for sheet in sheets for i in items for hidden in (i.id, i.author, str(i.score))
    )
    orders = [[c["text"] for _, c in read_table(tmp_path / f"sheet-{r}.csv", ("text",))] for r in "ab"]
    assert orders[0] != orders[1]
    assert [i.text for i in items] not in orders
    codes = [c["code"] for r in "ab" for _, c in read_table(tmp_path / f"sheet-{r}.csv", ("code",))]
    assert len(set(codes)) == len(codes)
    assert all(code.isalpha() for code in codes)


def test_a_tenth_is_shown_twice_far_apart(tmp_path):
    write_sheets(tmp_path, some_items(40), ["a"], [], per_item=1)
    texts = [cells["text"] for _, cells in read_table(tmp_path / "sheet-a.csv", ("text",))]
    twice = [text for text in set(texts) if texts.count(text) == 2]
    assert (len(texts), len(twice)) == (44, 4)
    assert all(len(texts) - texts[::-1].index(t) - 1 - texts.index(t) >= 10 for t in twice)


def test_the_seed_decides_and_issued_sheets_are_never_overwritten(tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        write_sheets(tmp_path / name, some_items(), ["a"], [], seed=seed)
    one, again, two = ((tmp_path / n / "sheet-a.csv").read_bytes() for n in ("one", "again", "two"))
    assert one == again != two
    with pytest.raises(FileExistsError, match="holds sheets already"):
        write_sheets(tmp_path / "one", some_items(), ["a"], [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"raters": ["a", "A"]}, "different names"),
        ({"raters": ["../a"]}, "letters, digits"),
        ({"raters": []}, "Name at least one rater"),
        ({"per_item": 0}, "per_item must be at least 1"),
        ({"items": some_items(1)}, "at least two items"),
        ({"items": [*some_items(3), *some_items(1)]}, "an id of its own"),
    ],
)
def test_wrong_arguments_of_sheets_are_refused(tmp_path, change, message):
    arguments = {"items": some_items(), "raters": ["a"], "experts": []} | change
    with pytest.raises(ValueError, match=message):
        write_sheets(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


# --- Tables and spreadsheets -----------------------------------------------------------------------------


def test_no_text_becomes_a_formula_and_all_come_back(tmp_path):
    items = [RatedItem(f"{i}", text, text, None, None) for i, text in enumerate(NASTY)]
    write_items(tmp_path / "items.csv", items)
    assert read_items(tmp_path / "items.csv") == items
    with (tmp_path / "items.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.lstrip(" ")[:1] in {"=", "+", "-", "@", "\t", "\r", "＝"}]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_text_survives_a_table(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    write_table(path, ["first", "text"], [["x", text] for text in texts])
    assert [cells["text"] for _, cells in read_table(path, ["text"])] == texts


def test_tables_saved_with_semicolons_or_tabs_are_read(tmp_path):
    for delimiter in ",;\t":
        lines = ["id,prompt,text", 'a,p,"one; two, three"', "b,p,x"]
        text = lines[0].replace(",", delimiter) + "\r\n"
        text += f'a{delimiter}p{delimiter}"one; two, three"\r\nb{delimiter}p{delimiter}x\r\n'
        (tmp_path / "items.csv").write_text(text, encoding="utf-8")
        assert [item.text for item in read_items(tmp_path / "items.csv")] == ["one; two, three", "x"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,prompt\na,b\n", "needs a header with one column each of: text"),
        ("id,prompt,text,text\n", "needs a header with one column each of: text"),
        ("", "needs a header"),
        ("id,prompt,text,socre\na,b,c,1\n", "Did you mean 'score'?"),
        ("id,prompt,text\na,b,c\n", "holds 1 items"),
        ("id,prompt,text\na,b,c\na,b,d\n", "items.csv, row 3, column id: 'a' stands in an earlier row"),
        ("id,prompt,text\na,b,\nb,b,d\n", "items.csv, row 2, column text: is empty."),
        ("id,prompt,text,score\na,b,c,high\nb,b,c,nan\n", "row 3, column score: 'nan' is not a number."),
        ("id,prompt,text\na,b,c,d\n", "row 2 has more cells than the header"),
        ('id,prompt,text\na,b,"c\n', "is not a CSV file"),
        (f"id,prompt,text\na,b,{'x' * 30001}\nb,b,c\n", "row 2, column text: has more than 30000"),
        (b"id,prompt,text\na,b,\xe9\n", "is not UTF-8"),
    ],
)
def test_what_is_wrong_with_items_is_said_with_row_and_column(tmp_path, content, message):
    path = tmp_path / "items.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=re.escape(message)):
        read_items(path)


# --- Sheets come back ------------------------------------------------------------------------------------


@pytest.fixture
def panel_folder(tmp_path):
    write_sheets(tmp_path, some_items(12), ["ann", "ben"], ["cleo"], per_item=2)
    return tmp_path


def edit(path, row, **cells):
    """Change cells of one row of a sheet; the header is row 1."""
    rows = [
        [c[n] for n in ("code", "expert", "prompt", "text", "rating")] for _, c in read_table(path, ("code",))
    ]
    for name, value in cells.items():
        rows[row - 2][("code", "expert", "prompt", "text", "rating").index(name)] = value
    write_table(path, ("code", "expert", "prompt", "text", "rating"), rows)


def test_what_was_rated_is_imported(panel_folder):
    fill(panel_folder, lambda rater, text, second: (int(text.split()[1]) + len(rater) + second) % 5 + 1)
    panel = import_sheets(panel_folder)
    assert panel.raters == ("ann", "ben", "cleo")
    assert panel.experts.tolist() == [False, False, True]
    expected = [[(i + n) % 5 + 1 for n in (3, 3, 4)] for i in range(12)]
    assert panel.ratings.tolist() == expected
    again = ~np.isnan(panel.second)
    assert again.sum(axis=0).tolist() == [1, 1, 1]
    assert ((panel.second - panel.ratings)[again] % 5 == 1).all()
    assert read_panel(panel_folder).record() == panel.record()


def test_rows_may_be_empty_missing_reordered_or_from_another_file(panel_folder, tmp_path_factory):
    fill(panel_folder, lambda rater, text, second: 3 if rater == "ann" or text == "text 1" else None)
    away = tmp_path_factory.mktemp("mail") / "Copy of sheet.csv"
    lines = (panel_folder / "sheet-ann.csv").read_text(encoding="utf-8-sig").splitlines()
    away.write_text("\n".join([lines[0], *sorted(lines[3:])]).replace(",3", ",3.0"), encoding="utf-8")
    panel = import_sheets(panel_folder, [away, panel_folder / "sheet-ben.csv"])
    assert panel.raters == ("ann", "ben")
    assert np.nansum(~np.isnan(panel.ratings[:, 1])) == 1
    assert 9 <= (~np.isnan(panel.ratings[:, 0])).sum() <= 12


def test_expert_is_who_the_sheet_says(panel_folder):
    fill(panel_folder, lambda *_: 2)
    path = panel_folder / "sheet-cleo.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",yes,", ",No,"), encoding="utf-8")
    assert not import_sheets(panel_folder).experts.any()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"rating": "6"}, "sheet-ann.csv, row 4, column rating: '6' is not a whole number from 1 to 5."),
        ({"rating": "0"}, "column rating: '0'"),
        ({"rating": "3.5"}, "column rating: '3.5'"),
        ({"rating": "four"}, "column rating: 'four'"),
        ({"code": "zzz"}, "sheet-ann.csv, row 4, column code: 'zzz' is in no sheet of this panel."),
        ({"expert": "yes"}, "row 4, column expert: is 'yes' here and 'no' above"),
        ({"expert": ""}, "column expert: '' is neither yes nor no."),
    ],
)
def test_wrong_cells_are_refused_and_nothing_is_written(panel_folder, cells, message):
    fill(panel_folder, lambda *_: 2)
    edit(panel_folder / "sheet-ann.csv", 4, **cells)
    with pytest.raises(ValueError, match=re.escape(message)):
        import_sheets(panel_folder)
    assert not (panel_folder / "ratings.csv").exists()


def test_rows_of_another_rater_and_rows_that_come_twice_are_refused(panel_folder):
    fill(panel_folder, lambda *_: 2)
    ben = next(cells["code"] for _, cells in read_table(panel_folder / "sheet-ben.csv", ("code",)))
    edit(panel_folder / "sheet-ann.csv", 5, code=ben)
    with pytest.raises(ValueError, match="row") as caught:
        import_sheets(panel_folder)
    assert "row 5, column code" in str(caught.value)
    assert "belongs to another rater" in str(caught.value)
    assert "stands in row 5 of sheet-ann.csv too" in str(caught.value)


def test_many_mistakes_are_said_at_once_but_not_all(panel_folder):
    fill(panel_folder, lambda *_: 9)
    with pytest.raises(ValueError, match="row") as caught:
        import_sheets(panel_folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1].startswith("and ")


def test_folders_that_are_not_ready_are_explained(tmp_path, panel_folder):
    with pytest.raises(ValueError, match="is no panel"):
        import_sheets(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="No sheet holds a rating"):
        import_sheets(panel_folder)
    with pytest.raises(ValueError, match="holds no ratings yet"):
        read_panel(panel_folder)
    (panel_folder / "ratings.csv").write_text("item,rater,expert,repeat,rating\nitem-1,ann,no,no,7\n")
    with pytest.raises(ValueError, match="was changed"):
        read_panel(panel_folder)


# --- Curves, links, what is left out ---------------------------------------------------------------------


def test_few_ratings_give_a_line_and_many_a_monotone_curve():
    x = np.linspace(0, 1, 50)
    y = 1 + 4 * x**3
    line, bent = fit_curve(x, y, np.full(50, 3.9)), fit_curve(x, y, np.full(50, 4))
    slope, level = np.polyfit(x, y, 1)
    assert line.kind == "linear"
    assert line.predict([0.25, 0.5]) == pytest.approx([level + slope * 0.25, level + slope * 0.5])
    assert bent.kind == "isotonic"
    assert bent.predict(x) == pytest.approx(y)


def test_curves_never_fall_and_stay_level_beyond_their_ends():
    x = np.linspace(0, 1, 30)
    for weight in (1, 10):
        curve = fit_curve(x, 5 - 4 * x, np.full(30, weight))
        assert np.ptp(curve.predict(x)) == pytest.approx(0, abs=1e-9)
        curve = fit_curve(x, 1 + 4 * x, np.full(30, weight))
        assert curve.predict([-9, 9]) == pytest.approx([1, 5])
    with pytest.raises(ValueError, match="scores differ"):
        fit_curve([1, 1], [2, 3], [1, 1])


def test_ratings_weigh_as_much_as_raters_gave_them():
    curve = fit_curve([0, 0, 1], [1, 4, 5], [3, 1, 1])
    assert curve.predict([0])[0] == pytest.approx((3 * 1 + 4) / 4)
    steps = fit_curve([0, 1, 2], [3, 1, 5], [100, 300, 10])
    assert steps.predict([0, 1, 2]) == pytest.approx([1.5, 1.5, 5])


def test_novices_are_linked_by_true_spread_and_not_by_their_noise():
    slopes, levels, weights = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        quality = rng.normal(3, 1, size=(200, 1))
        experts = quality + 0.3 * rng.normal(size=(200, 2))
        novices = 2 + 0.5 * (quality - 3) + 0.8 * rng.normal(size=(200, 4))
        link = link_novices(experts, novices)
        slopes.append(link.slope)
        weights.append(link.weight)
        levels.append(link.slope * 2 + link.intercept)
    assert np.mean(slopes) == pytest.approx(2, abs=0.1)
    assert np.mean(levels) == pytest.approx(3, abs=0.05)
    assert np.mean(weights) == pytest.approx(0.3**2 / (2 * 0.8) ** 2, rel=0.1)


def test_too_few_common_items_link_nothing_and_single_raters_link_the_level():
    experts, novices = np.full((30, 1), math.nan), np.arange(30.0)[:, None] % 3
    experts[:19, 0] = 4
    assert link_novices(experts, novices) is None
    experts[:25, 0] = novices[:25, 0] + 2
    link = link_novices(experts, novices)
    assert (link.slope, link.intercept, link.weight, link.items) == (1, pytest.approx(2), 1, 25)


def test_what_is_left_out_is_predicted_without_its_object_and_author():
    """The score tells objects apart by a trick that another object does not know: left out, it is worth
    nothing."""
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(10), 30)
    level = rng.normal(size=10)
    ratings = 3 + level[prompts]
    scores = prompts.astype(float)
    seen = correlation(fit_curve(scores, ratings, np.ones(300)).predict(scores), ratings)
    found = held_out_agreement(scores, ratings, np.ones(300), prompts.tolist(), None)
    assert found.by == ("prompt",)
    assert found.correlation.value < seen - 0.3
    both = held_out_agreement(scores, ratings, np.ones(300), prompts.tolist(), (np.arange(300) % 7).tolist())
    assert both.by == ("prompt", "author")
    assert held_out_agreement(scores, ratings, np.ones(300), ["one"] * 300, None) is None


def test_what_is_left_out_is_predicted_well_where_the_score_is_good():
    rng = np.random.default_rng(1)
    quality = rng.normal(size=400)
    ratings = 3 + quality + 0.5 * rng.normal(size=400)
    authors = (np.arange(400) // 10).tolist()
    found = held_out_agreement(quality, ratings, np.full(400, 3), (np.arange(400) % 8).tolist(), authors)
    assert found.correlation.low < correlation(quality, ratings) < found.correlation.high
    assert found.error < 0.65 < 1 < found.error_of_the_mean


# --- From sheets to a calibrated rubric, with known truth ------------------------------------------------


@dataclasses.dataclass
class World:
    """Simulated people: what they would say is known.

    Args:
        seed: of everything.
    """

    seed: int

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        quality = self.rng.normal(size=240)
        noise = self.rng.normal(size=240)
        # The rubric sees quality through noise and a bent scale.
        scores = 1 / (1 + np.exp(-1.5 * (quality + 0.4 * noise)))
        self.items = [
            RatedItem(f"i{i}", f"object {i % 8}", f"idea {i}", f"author {i % 24}", float(scores[i]))
            for i in range(240)
        ]
        self.quality = dict(zip((i.text for i in self.items), quality, strict=True))
        self.strict = {"ann": 0.3, "ben": -0.3, "dan": 0.2, "eve": -0.2}

    def truth(self, text):
        """What the mean of very many experts would be, before rounding."""
        return 3 + 0.9 * self.quality[text]

    def rate(self, rater, text, second):
        if rater in self.strict:  # novices: compressed, lenient, noisy
            rating = 3.6 + 0.45 * self.quality[text] + self.strict[rater] + 0.6 * self.rng.normal()
        else:
            rating = self.truth(text) + 0.4 * self.rng.normal()
        return int(np.clip(round(rating), 1, 5))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_from_sheets_to_a_calibrated_rubric(tmp_path, capsys, seed):
    world = World(seed)
    write_items(tmp_path / "items.csv", world.items)
    folder = tmp_path / "panel"
    novices, experts = ["ann", "ben", "dan", "eve"], ["cleo", "finn"]
    code, out, _ = run(
        capsys, "ratings", "sheet", tmp_path / "items.csv", "--raters", *novices, "--experts", *experts,
        "--per-item", 2, "--seed", seed, "--out", folder,
    )  # fmt: skip
    assert code == 0
    assert f"etude ratings import {folder}" in out
    fill(folder, world.rate)
    code, out, _ = run(capsys, "ratings", "import", folder)
    assert code == 0
    assert "960 ratings of 240 items" in out

    code, out, _ = run(capsys, "ratings", "agreement", folder)
    assert code == 0
    written = json.loads((folder / "agreement.json").read_text())["groups"]
    # Items vary by .81, experts' error by .16, rounding and the ends of the scale by about a twelfth.
    expected = 0.81 / (0.81 + 0.16 + 1 / 12)
    assert written["experts"]["one_rater"]["value"] == pytest.approx(expected, abs=0.1)
    assert written["novices"]["one_rater"]["value"] < 0.5
    assert written["experts"]["raters_needed"]["0.8"] <= 2 < written["novices"]["raters_needed"]["0.8"]
    panel = read_panel(folder)
    assert panel_agreement(panel)["all"].ratings == 960
    assert repeats_of(panel).ratings == (~np.isnan(panel.second)).sum() > 60

    code, out, _ = run(capsys, "ratings", "calibrate", folder)
    assert code == 0
    record = json.loads((folder / "calibration.json").read_text())
    assert (record["items"], record["ratings"], record["experts"], record["novices"]) == (240, 960, 2, 4)
    assert record["curve"]["kind"] == "isotonic"
    assert len(record["input_sha256"]) == 64
    assert record["link"]["slope"] == pytest.approx(2, abs=0.7)
    assert record["link"]["weight"] < 0.3
    expert_agreement = {name: value for name, value in written["experts"].items() if name != "raters_needed"}
    assert record["agreement"] == expert_agreement
    held = record["held_out"]
    assert held["by"] == ["prompt", "author"]
    assert held["error"] < 0.75 * held["error_of_the_mean"]
    assert held["correlation"]["value"] > 0.7

    # Against the truth that no rater told: near what the rubric's own noise allows, and far better than the
    # raw ratings of novices put the level.
    curve = read_calibration(folder / "calibration.json")
    predicted = np.clip(curve.predict([item.score for item in world.items]), 1, 5)
    truth = np.array([world.truth(item.text) for item in world.items])
    assert correlation(predicted, truth) > 0.85
    assert abs((predicted - truth).mean()) < 0.15
    assert np.sqrt(np.mean((predicted - truth) ** 2)) < 0.55
    raw = np.nanmean(panel.ratings[:, ~panel.experts], axis=1)
    assert abs((raw - truth).mean()) > 0.3


def test_a_calibration_changes_with_its_input_alone(tmp_path):
    hashes = []
    for name, rating in (("a", 2), ("b", 2), ("c", 3)):
        write_sheets(tmp_path / name, some_items(), ["ann"], [])
        fill(tmp_path / name, lambda rater, text, second, rating=rating: rating if text == "text 1" else 4)
        found = calibrate(import_sheets(tmp_path / name))
        assert found.agreement is None
        hashes.append(found.input_sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_novices_without_common_items_are_left_out_and_that_is_said(tmp_path, capsys):
    write_sheets(tmp_path, some_items(12), ["ann"], ["cleo"])
    fill(tmp_path, lambda rater, text, second: 1 + int(text.split()[1]) % 5)
    run(capsys, "ratings", "import", tmp_path)
    code, out, _ = run(capsys, "ratings", "calibrate", tmp_path, "--out", tmp_path / "new" / "result.json")
    assert code == 0
    assert "Novices left out" in out
    record = json.loads((tmp_path / "new" / "result.json").read_text())
    assert (record["experts"], record["novices"], record["ratings"]) == (1, 0, 12)
    assert record["novices_left_out"] is True


def test_items_without_scores_cannot_be_calibrated(tmp_path, capsys):
    items = [dataclasses.replace(item, score=None) for item in some_items()]
    write_sheets(tmp_path, items, ["ann", "ben"], [])
    fill(tmp_path, lambda rater, text, second: 1 + int(text.split()[1]) % 5)
    run(capsys, "ratings", "import", tmp_path)
    code, _, err = run(capsys, "ratings", "calibrate", tmp_path)
    assert code == 2
    assert "0 rated items have an automated score" in err
    assert run(capsys, "ratings", "agreement", tmp_path)[0] == 0


def test_what_is_no_calibration_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="is no calibration"):
        read_calibration(tmp_path / "x.json")


# --- The commands ----------------------------------------------------------------------------------------


STEPS = {
    typing.get_args(step)[1].name: typing.get_args(step)[0]
    for step in typing.get_args(
        typing.get_args(typing.get_type_hints(Ratings, include_extras=True)["step"])[0]
    )
}


def test_there_are_four_steps():
    assert list(STEPS) == ["sheet", "import", "agreement", "calibrate"]


@pytest.mark.parametrize("name", STEPS)
def test_help_of_a_step_explains_every_argument(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, "ratings", name, "--help")
    assert code == 0
    explained = STEPS[name].__doc__.partition("Args:")[2]
    assert all(f"{field.name}: " in explained for field in dataclasses.fields(STEPS[name]))
    assert "None" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sheet nowhere.csv --raters ann", "No such file"),
        (
            "import nowhere",
            "nowhere is no panel. Make sheets first: etude ratings sheet ITEMS.csv --out nowhere",
        ),
        ("agreement nowhere", "nowhere is no panel."),
        ("calibrate nowhere", "nowhere is no panel."),
    ],
)
def test_wrong_input_is_answered_in_one_line(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "ratings", *arguments.split())
    assert (code, out) == (2, "")
    assert message in err
    assert not list(tmp_path.iterdir())


def test_a_panel_of_one_is_told_that_agreement_takes_two(capsys, tmp_path):
    write_sheets(tmp_path, some_items(), ["ann"], [])
    fill(tmp_path, lambda *_: 3)
    run(capsys, "ratings", "import", tmp_path)
    code, _, err = run(capsys, "ratings", "agreement", tmp_path)
    assert code == 2
    assert "at least two raters" in err
