"""The report: one page that loads and runs nothing, whose numbers are those of the tables.

What it looks like is judged in a browser; what it holds is tested here.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from html.parser import HTMLParser

import pytest
import tyro
from commands import run
from rich.console import Console
from test_comparison import iteration, probing
from written_runs import HORIZON, constant, linear, write_experiment, write_run

from etude_gym.cli.practicing import Practice
from etude_gym.errors import MissingExtra
from etude_gym.practice.strategies import SAMPLERS
from etude_gym.report.aggregate_tables import aggregate_report
from etude_gym.report.comparison import compare
from etude_gym.report.figures import COLORS, PAPER, printable, short
from etude_gym.report.methods import Source
from etude_gym.report.origin_section import repeat_commands
from etude_gym.report.page import write_report
from etude_gym.report.sections import SECTIONS
from etude_gym.report.sentences import headline
from etude_gym.report.svg import DARK, DARK_PAPER, LEAST_CONTRAST, contrast, dark
from etude_gym.report.tables import all_tables
from etude_gym.runs.folder import PRACTICE, Run, write_json

HOSTILE = "<script>alert('$x$')</script>&\u2028\"]]>"


class Page(HTMLParser):
    """What a page holds: its tables, texts, elements and data."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.tables, self.texts, self.ids = [], {}, [], []
        self.data = None
        self._inside, self._rows, self._caption = [], None, ""
        self.source = path.read_text()
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self._inside.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "table":
            self._rows = []
        if tag == "tr":
            self._rows.append([])
        if tag in ("th", "td"):
            self._rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass
        if tag == "table":
            self.tables[self._caption] = self._rows
            self._caption = ""

    def handle_data(self, text):
        if self._inside[-1:] == ["script"]:
            self.data = json.loads(text)
            return
        self.texts.append(text)
        if "caption" in self._inside:
            self._caption += text
        elif {"th", "td"} & set(self._inside):
            self._rows[-1][-1] += text


def report(paths, folder, **options):
    comparison = compare(paths, **options)
    write_report(comparison, folder / "report.html")
    return comparison, Page(folder / "report.html")


@pytest.fixture(scope="module")
def practiced(tmp_path_factory):
    """A comparison of three arms that practiced, one of them with probes, and its page."""
    folder = tmp_path_factory.mktemp("report")
    arms = {"static": linear(0.256), "adaptive": linear(0.512), "easy": linear(0.128)}
    write_experiment(folder, arms, seeds=3)
    for ledger in folder.rglob("compute.json"):
        write_json(ledger, {"rollout": {"flops": 2e5}, "update": {"flops": 8e5}})
    for seed in range(3):
        for arm in ("static", "easy"):
            Run(folder / f"{arm}/seed_{seed}").append(PRACTICE, 1, iteration(HORIZON / 2))
        probing(folder / f"adaptive/seed_{seed}")
    return report([folder], folder)


def printed_rows(comparison):
    """Rows of the tables that the terminal shows, as lists of their words."""
    shown = io.StringIO()
    Console(file=shown, width=500).print(all_tables(comparison), aggregate_report(comparison))
    return [line.split() for line in shown.getvalue().splitlines() if line.strip()]


def test_every_row_that_compare_prints_stands_on_the_page(practiced):
    comparison, page = practiced
    on_page = [
        [word for cell in row for word in cell.split()] for rows in page.tables.values() for row in rows
    ]
    printed = [row for row in printed_rows(comparison) if row[0] in comparison.runs]
    assert len(printed) == 3 + 3 + 3 + 3 * 2 + 3 + 3  # efficiency, bands, families, gains, milestones, final
    for row in printed:
        assert row in on_page


def test_numbers_in_the_headline_are_those_of_the_table(practiced):
    comparison, page = practiced
    row = next(row for row in page.tables["Practice Efficiency"] if row[0] == "adaptive")
    said = headline(comparison)
    assert said in page.texts
    assert f"learned {row[1]} times as much" in said
    assert f"95% interval {row[2]}" in said


def test_every_part_is_there_in_its_order(practiced):
    _, page = practiced
    places = [attributes.get("id") for tag, attributes in page.elements if tag == "section"]
    assert places == ["efficiency", "curves", "cells", "profile", "practice", "compute", "origin"]


def test_the_page_loads_and_runs_nothing(practiced):
    _, page = practiced
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}]
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:,"))
    assert not re.search(r"@import|url\((?!#)", page.source)


def test_every_picture_has_a_title_a_description_and_text_that_is_text(practiced):
    _, page = practiced
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) > 8
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert all(name in page.ids for name in attributes["aria-labelledby"].split())
    assert page.source.count("<svg") == page.source.count("<title id=") == page.source.count("<desc id=")
    assert {"adaptive", "training compute (1 = horizon = 1e+06 FLOPs)"} <= set(page.texts)
    assert "font-family" not in "".join(re.findall("<svg.*?</svg>", page.source, re.DOTALL))


def test_identifiers_are_used_once_and_references_are_kept(practiced):
    _, page = practiced
    assert len(page.ids) == len(set(page.ids))
    referred = re.findall(r"url\(#([^)]+)\)", page.source)
    referred += [a["href"][1:] for tag, a in page.elements if tag in ("use", "a")]
    assert referred
    assert set(referred) <= set(page.ids)


def test_colors_of_pictures_follow_the_page(practiced):
    _, page = practiced
    pictures = "".join(re.findall("<svg.*?</svg>", page.source, re.DOTALL))
    assert not re.search(r"(fill|stroke):\s*#", pictures)
    for name in set(re.findall(r"var\((--c[0-9a-f]{6})\)", page.source)):
        assert page.source.count(f"{name}:") == 2  # in light and in dark surroundings


@pytest.mark.parametrize("color", [*COLORS, "#000000", *DARK])
def test_colors_can_be_seen_in_the_dark(color):
    quiet = set(list(DARK)[2:])  # rules, grid, paper
    if color not in quiet:
        assert contrast(dark(color), DARK_PAPER) >= LEAST_CONTRAST


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", PAPER) == pytest.approx(4.48, abs=0.005)  # the well-known gray that just fails


def test_the_data_is_that_of_the_comparison(practiced):
    comparison, page = practiced
    expected = json.loads(json.dumps(comparison.to_json()))
    assert {name: page.data[name] for name in expected} == expected
    assert len(page.data["curves"]) == 9


def test_hostile_names_stay_text(tmp_path):
    write_experiment(tmp_path, {"static": linear(0.25)})
    for place, arm in enumerate((HOSTILE, "a\x00b\ud800")):
        for seed in (0, 1):
            write_run(tmp_path / f"{place}/seed_{seed}", constant(0.5), arm=arm, seed=seed, salt=100 + seed)
    _, page = report([tmp_path], tmp_path)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert HOSTILE in [row[0] for row in page.tables["Practice Efficiency"]]
    assert HOSTILE in page.data["runs"]
    assert "\x00" not in page.source
    assert "a\ufffdb\ufffd" in page.texts


def test_the_same_runs_make_the_same_page(practiced, tmp_path):
    comparison, page = practiced
    write_report(comparison, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page.source


def test_progress_is_told(practiced, tmp_path):
    told = []
    write_report(practiced[0], tmp_path / "report.html", lambda what, share: told.append((what, share)))
    assert [what for what, _ in told] == [what for what, _ in SECTIONS]
    assert [share for _, share in told] == sorted(share for _, share in told)


def test_all_samplers_on_one_page(tmp_path):
    write_experiment(tmp_path, {arm: linear(0.2 + 0.04 * i) for i, arm in enumerate(SAMPLERS)}, seeds=1)
    _, page = report([tmp_path], tmp_path)
    assert len(page.source) < 500_000
    assert len(page.tables["Practice Efficiency"]) == 1 + len(SAMPLERS)


@pytest.mark.parametrize(
    ("arms", "seeds", "said"),
    [
        ({"static": 0.2, "easy": 0.4}, 2, "easy learned 2.000 times as much per unit of compute as static"),
        ({"static": 0.2, "easy": 0.1}, 2, "easy did not learn distinguishably more .* than static: its "),
        (
            {"static": 0.2, "easy": 0.1, "uniform": 0.15},
            2,
            "No arm learned .* the first of them, uniform, has",
        ),
        (
            {"static": 0.2, "easy": 0.4},
            1,
            "says little: there is no interval, as it takes at least 2",
        ),
        (
            {"static": 0.01, "easy": 0.4},
            2,
            "static learned too little for a ratio; .* of easy differs .* by \\+0",
        ),
        ({"static": 0.2}, 2, "static took the anchor score from 0.000 to 0.250 .*nothing yet to compare"),
        ({"static": 0.2, "easy": 0.4}, 5, r"1\.\d+ to 2\.\d+, 5 seeds\)|5 seeds"),
    ],
)
def test_one_sentence_says_what_happened(tmp_path, arms, seeds, said):
    write_experiment(tmp_path, {arm: linear(final) for arm, final in arms.items()}, seeds)
    sentence = headline(compare([tmp_path]))
    assert re.search(said, sentence)
    assert sentence.endswith(".")
    assert ("a first look" in sentence) == (seeds in range(2, 5) or (seeds == 1 and len(arms) == 1))


def test_a_page_of_runs_that_recorded_nothing_but_curves(tmp_path):
    write_run(tmp_path / "static", linear(0.3), arm="static")
    _, page = report([tmp_path], tmp_path)
    assert "practice" not in page.ids
    assert "efficiency" in page.ids


def test_names_are_shortened_in_the_middle():
    assert short("adaptive") == "adaptive"
    one, another = (short(f"schedule,ramp_episodes={n}") for n in (30000, 60000))
    assert one != another
    assert len(one) == 23
    assert printable("a\nb") == "a\ufffdb"


def test_the_command_that_repeats_runs_is_one_that_practice_understands(tmp_path):
    options = {"network": [64, 64], "policy": "mlp"}
    write_experiment(tmp_path / "a", {"static": linear(0.2), "schedule,ramp_episodes=5": linear(0.4)})
    write_experiment(tmp_path / "b", {"easy": linear(0.3)}, options=options, name="my b")
    write_json(tmp_path / "b/record.json", {"salt": 5})
    compared = compare([Source(tmp_path / name, name) for name in "ab"])
    commands = [
        shlex.split(command)
        for command in repeat_commands([r for own in compared.runs.values() for r in own])
    ]
    assert [command[:2] for command in commands] == [["etude", "practice"]] * 2
    first, second = (tyro.cli(Practice, args=command[2:]) for command in commands)
    assert (first.env, first.agent, first.seeds, first.first_seed) == ("Paper-v0", "mine", 2, 0)
    assert (first.horizon, first.items) == (HORIZON, 5)
    assert set(first.arms) == {"static", "schedule,ramp_episodes=5"}
    assert (second.arms, second.salt, second.name) == (("easy",), 5, "my b")
    assert second.option == ("network=[64, 64]", "policy=mlp")


def test_the_command_writes_the_page_and_says_where(practiced, tmp_path, capsys):
    folder = next(iter(practiced[0].runs.values()))[0].folder.parents[1]
    code, out, _ = run(capsys, "report", folder, "-o", tmp_path / "page.html")
    assert (code, out) == (0, f"Report: {tmp_path / 'page.html'}\n")
    assert (tmp_path / "page.html").read_text() == practiced[1].source


def test_the_command_refuses_what_it_cannot_write(tmp_path, capsys):
    assert "Name at least one folder: etude report" in run(capsys, "report")[2]
    code, _, said = run(capsys, "report", tmp_path, "-o", tmp_path)
    assert code == 2
    assert "is a folder. Name the file to write: -o" in said


def test_without_jinja2_the_command_to_install_it_is_named(practiced, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r'pip install "etude-gym\[report\]"'):
        write_report(practiced[0], tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lowest", "highest", "lines", "words"),
    [(0.22, 0.26, 0, ["0.22 to 0.26\neverywhere"]), (0.3, 0.7, 2, []), (0.45, 0.55, 1, [])],
)
def test_a_picture_of_two_axes_says_it_where_scores_are_so_even_that_it_has_no_lines(
    lowest, highest, lines, words
):
    from etude_gym.measure.score_surface import LEVELS, Contour
    from etude_gym.report.axis_plots import frontier_figure

    scores = tuple(tuple(lowest + (highest - lowest) * level for _ in LEVELS) for level in LEVELS)
    contour = Contour(axes=("length", "noise"), family=None, scores=scores, frontier=())
    [axes] = frontier_figure({"static": contour}, "static", {"static": "#123456"}).axes
    assert len(axes.collections) == lines
    assert [text.get_text() for text in axes.texts if "\n" in text.get_text()] == words
