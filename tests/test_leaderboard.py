"""Leaderboard and tracking pages: every number is the table's, text stays text, nothing is loaded."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from commands import run

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.measure.curves import LearningCurve
from etude_gym.measure.practice_efficiency import practice_efficiency
from etude_gym.report.leaderboard import write_site
from etude_gym.report.standings import boards, score_so_far, to_csv
from etude_gym.report.tracking import families_of, tracks
from etude_gym.runs import entries as entries_module
from etude_gym.runs.entries import (
    LINKS,
    DomainEntry,
    Entry,
    Linked,
    cells_of_entry,
    mean_scores,
    read_links,
    shipped_entries,
    shipped_reference,
)
from etude_gym.runs.folder import IncompleteRun, write_json
from etude_gym.runs.submission import SEEDS, Lineage, scored_salt

HORIZON = 1e9
HOSTILE = "<script>alert(1)</script> \"&'$x$ =1+1\x07 \N{SNOWMAN}"
VALUE = "0123456789abcdef" * 4
CELLS = tuple((family, band) for family in ("sums", "products") for band in range(4))


def curve(seed, speed):
    """A curve that rises to 0.9, the faster the higher its speed."""
    random = np.random.default_rng(seed)
    grid = np.array(checkpoint_grid(HORIZON))
    mean = 0.9 * (1 - np.exp(-speed * grid / HORIZON))
    chance = np.clip(np.broadcast_to(mean[:, None, None], (len(grid), len(CELLS), 200)), 0, 1)
    return LearningCurve(
        CELLS,
        np.zeros(len(CELLS)),
        np.arange(len(grid)),
        grid,
        (grid / 1e3).astype(np.int64),
        random.binomial(1, chance).astype(np.float64),
    )


def entry(name, speed, *, reference=False, env_id="Sums-v0", options=None, **changes):
    curves = [curve(seed, speed) for seed in SEEDS]
    records = tuple(mean_scores(each) for each in curves)
    arm, cells = "static" if reference else "adaptive", cells_of_entry(curves[0])
    domain = DomainEntry("sb3", arm, "flops", HORIZON, SEEDS, cells, records, options or {})
    commitment = f"{abs(hash(name)):064x}"[:64]
    made = Entry(name, "re-scored", 1, {env_id: domain}, commitment, VALUE, scored_salt(commitment, VALUE))
    return replace(made, reference=reference, **changes)


@pytest.fixture(scope="module")
def family():
    """Three versions of one family, the last on another suite version, which has a reference of its own."""
    return [
        entry("base", 2.0, reference=True),
        entry("one", 2.5, lineage=Lineage("walker", "1")),
        entry("two", 4.0, lineage=Lineage("walker", "2", "1", 1e9)),
        entry("three", 6.0, lineage=Lineage("walker", "3", "2", 4e9), suite_version=2),
        entry("base of suite 2", 2.0, reference=True, suite_version=2),
    ]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Writes a site of some entries alone; returns its files by name."""
    monkeypatch.setattr("etude_gym.report.leaderboard.shipped_entries", lambda: ())

    def make(entries, links=()):
        folder = tmp_path / "entries"
        folder.mkdir(exist_ok=True)
        for number, each in enumerate(entries):
            each.write(folder / f"{number:03}.json")
        if links:
            write_json(folder / LINKS, [asdict(link) for link in links])
        return {path.name: path.read_text() for path in write_site([folder], tmp_path / "site")}

    return make


class Page(HTMLParser):
    """Cells of tables, and what a browser would load or run."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.scripts, self.loaded, self.cell, self.ids = [], 0, [], None, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.scripts += tag == "script"
        self.loaded += [v for k, v in attributes if k in ("src", "href") and not v.startswith(("#", "data:"))]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.cell.strip())
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


# --- Numbers ---------------------------------------------------------------------------------------------


def test_every_number_of_the_page_is_that_of_the_comparison_and_of_the_files(site):
    base, fast = entry("base", 2.0, reference=True), entry("fast", 4.0)
    files = site([fast, base])
    row = next(row for row in Page(files["index.html"]).rows if row[0] == "fast")
    ours, theirs = ([curve(seed, speed) for seed in SEEDS] for speed in (4.0, 2.0))
    expected = practice_efficiency(ours, theirs, HORIZON, paired=False)
    final = np.mean([each.mean[-1] for each in ours])
    assert row[1:5] == [
        f"{expected.value:.3f}",
        f"{expected.low:.3f} to {expected.high:.3f}",
        f"{final:.3f}",
        f"{expected.area_agent:.3f}",
    ]
    families = [
        practice_efficiency(
            ours, theirs, HORIZON, cells=np.array([name == family for name, _ in CELLS])
        ).value
        for family in ("sums", "products")
    ]
    assert row[5:7] == [f"{value:.3f}" for value in families]
    line = next(
        line for line in csv.DictReader(io.StringIO(files["leaderboard.csv"])) if line["name"] == "fast"
    )
    assert [float(line[name]) for name in ("pe", "pe_low", "final_score")] == [
        expected.value,
        expected.low,
        final,
    ]
    stored = next(
        each for each in json.loads(files["leaderboard.json"])["standings"] if each["name"] == "fast"
    )
    assert stored["pe"] == expected.value
    assert stored["families"]["sums"]["value"] == families[0]


def test_a_curve_ends_at_its_practice_efficiency_on_the_lines_of_the_picture():
    [board] = boards([entry("base", 2.0, reference=True), entry("fast", 4.0)])
    (_, ours), (_, base) = score_so_far(board.standings[1].domain), score_so_far(board.reference)
    assert ours[-1] / base[-1] == pytest.approx(board.standings[1].value, rel=1e-12)


def test_the_reference_stands_first_and_the_others_by_area():
    [board] = boards([entry("slow", 1.0), entry("fast", 4.0), entry("base", 2.0, reference=True)])
    assert [each.entry.name for each in board.standings] == ["base", "fast", "slow"]
    assert board.families == ["sums", "products"]


def test_an_entry_that_cannot_be_compared_says_why():
    tokens = entry("model", 3.0)
    domains = {name: replace(each, unit="tokens") for name, each in tokens.domains.items()}
    found = boards([entry("base", 2.0, reference=True), replace(tokens, domains=domains)])
    assert [(board.unit, board.standings[0].reason) for board in found] == [
        ("flops", ""),
        ("tokens", "no reference ships for this interface and unit of compute"),
    ]
    other = entry("other", 3.0)
    domains = {name: replace(each, horizon=HORIZON / 2) for name, each in other.domains.items()}
    [board] = boards([entry("base", 2.0, reference=True), replace(other, domains=domains)])
    assert board.standings[1].value is None
    assert board.standings[1].reason == "another horizon than the reference"


# --- Pages -----------------------------------------------------------------------------------------------


def test_pages_load_nothing_and_run_only_their_own_script(site, family):
    files = site(family)
    pages = {name: text for name, text in files.items() if name.endswith(".html")}
    assert len(pages) == 2
    for name, text in pages.items():
        page = Page(text)
        assert all(target in files for target in page.loaded), page.loaded
        assert page.scripts == (name == "index.html")
        assert len(page.ids) == len(set(page.ids))
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_the_page_can_be_read_without_its_script(site):
    page = site([entry("base", 2.0, reference=True), entry("fast", 4.0)])["index.html"]
    assert '<form class="filters" hidden>' in page
    assert not re.search(r"<(tr|section)[^>]* hidden", page)


def test_hostile_names_stay_text(site):
    lineage = Lineage(HOSTILE, HOSTILE, HOSTILE, 1.0)
    hostile = entry(HOSTILE, 3.0, lineage=lineage, outside=HOSTILE, options={HOSTILE: HOSTILE})
    files = site(
        [entry("base", 2.0, reference=True), hostile, entry("../../etc", 2.0, lineage=Lineage("../..", "1"))]
    )
    assert all(
        re.fullmatch(r"family-[a-z0-9-]+\.html|index\.html|leaderboard\.(csv|json)", name) for name in files
    )
    for name, text in files.items():
        if name.endswith(".html"):
            assert Page(text).scripts == (name == "index.html")
            assert "\x07" not in text
    lines = list(csv.DictReader(io.StringIO(files["leaderboard.csv"])))
    assert {line["name"] for line in lines} >= {HOSTILE}


def test_what_has_to_be_declared_stands_in_the_table(site):
    lineage = Lineage("walker", "2", "1", 3e9)
    told = entry("two", 3.0, lineage=lineage, outside="a course", options={"network": [64]})
    rows = Page(site([entry("base", 2.0, reference=True), told])["index.html"]).rows
    [row] = [row for row in rows if row[0] == "two"]
    assert row[-1] == "network=[64]; pretraining of 3e+09 FLOPs; outside the ledger: a course"


def test_spreadsheets_read_no_formulas():
    found = boards([entry("base", 2.0, reference=True), entry("=HYPERLINK(1)", 3.0)])
    assert "'=HYPERLINK(1)" in to_csv(found)


def test_a_damaged_entry_is_named(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(IncompleteRun, match=r"bad\.json is no entry"):
        write_site([tmp_path], tmp_path / "site")
    with pytest.raises(IncompleteRun, match="is not a folder"):
        write_site([tmp_path / "nowhere"], tmp_path / "site")
    assert not (tmp_path / "site").exists()


# --- Families over time ----------------------------------------------------------------------------------


def test_a_family_is_followed_in_order_and_breaks_where_suite_versions_are_not_linked(family):
    [followed] = families_of(family)
    [track] = tracks(followed, boards(family))
    assert [step.version for step in track.steps] == ["1", "2", "3"]
    values = [step.value for step in track.steps]
    assert values == sorted(values)
    assert track.breaks == {2: None}


def test_a_break_is_told_and_a_link_closes_it(site, family):
    [followed] = families_of(family)
    text = site(family)[followed.file]
    assert "Suite versions 1 and 2 are not linked" in text
    assert ">not linked<" in text
    link = Linked("Sums-v0", 1, 2, 1.1, -0.2, 0.05)
    text = site(family, [link])[followed.file]
    assert "standard error of 0.05 logit: scale 1.10, shift -0.20 logit" in text
    assert ">not linked<" not in text
    [track] = tracks(replace(followed, links=(replace(link, standard_error=0.2),)), boards(family))
    assert not track.breaks[2].comparable


def test_damaged_links_are_named(tmp_path):
    write_json(tmp_path / LINKS, [{"old": 1}])
    with pytest.raises(IncompleteRun, match=r"links\.json is no list of links"):
        read_links([tmp_path])


# --- What ships ------------------------------------------------------------------------------------------


def test_the_shipped_reference_has_the_horizon_of_its_recipe_and_a_salt_that_nobody_chose():
    assert {each.name for each in shipped_entries()}
    for each in shipped_entries():
        assert each.tier != "reported"
        assert each.salt == scored_salt(each.commitment, each.public_value)
        assert each.source
    reference = shipped_reference("EtudePlan-v0", "flops")
    assert reference.arm == "static"
    recipes = entries_module.files("etude_gym.agents").joinpath("recipes.json").read_text()
    assert reference.horizon == json.loads(recipes)["recipes"]["EtudePlan-v0"]["sb3"]["horizon"]
    assert shipped_reference("EtudePlan-v0", "tokens") is None


def test_the_command_writes_the_shipped_leaderboard(tmp_path, capsys):
    code, out, _ = run(capsys, "leaderboard", "-o", tmp_path / "site")
    assert code == 0
    assert "index.html" in out
    page = Page((tmp_path / "site" / "index.html").read_text())
    assert any(row and row[0].startswith("MaskablePPO") for row in page.rows)
