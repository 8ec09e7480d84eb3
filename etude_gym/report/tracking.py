"""Tracking: a page that follows a family of models over its versions, and each version over checkpoints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etude_gym.measure.checkpoints import checkpoint_grid
from etude_gym.measure.compute import unit_name
from etude_gym.report.figures import COLORS, GRAY, INK, PANEL, RULE, new_figure, printable, short
from etude_gym.report.rendering import render
from etude_gym.report.standings import Board, Standing
from etude_gym.report.svg import inline_svg
from etude_gym.runs.entries import Entry, Linked

BREAK = COLORS[4]
"""The color of a break between suite versions that are not linked."""
LINE = COLORS[1]


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        name: of the family.
        members: entries of its versions, by pretraining compute.
        links: between suite versions.
    """

    name: str
    members: tuple[Entry, ...]
    links: tuple[Linked, ...] = ()

    @property
    def file(self) -> str:
        """Name of its page: letters and digits of its name, and a few of its hash, so that none meet."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40]
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:6]
        return "-".join(["family", *([plain] if plain else []), digest]) + ".html"


def families_of(entries: Sequence[Entry], links: Sequence[Linked] = ()) -> list[Family]:
    """The families of models among entries, by name.

    Args:
        entries: in any order.
        links: between suite versions.
    """
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.lineage is not None:
            found.setdefault(entry.lineage.family, []).append(entry)
    return [Family(name, tuple(sorted(found[name], key=_order)), tuple(links)) for name in sorted(found)]


def _order(entry: Entry) -> tuple[int, float, str]:
    assert entry.lineage is not None
    return entry.suite_version, entry.lineage.pretraining_flops, entry.lineage.version


@dataclass(frozen=True)
class Track:
    """A family in one environment.

    Attributes:
        env_id: id of the environment.
        unit: of compute.
        steps: standings of its versions, in order.
        breaks: places before which the suite version changes, and whether the two are linked.
    """

    env_id: str
    unit: str
    steps: tuple[Standing, ...]
    breaks: dict[int, Linked | None]


def tracks(family: Family, found: Sequence[Board]) -> list[Track]:
    """What a family did in each environment.

    Args:
        family: of models.
        found: the standings of all entries.
    """
    steps: dict[tuple[str, str], list[Standing]] = {}
    for board in found:
        for each in board.standings:
            if each.entry in family.members:
                steps.setdefault((board.env_id, board.unit), []).append(each)
    return [
        Track(
            env_id,
            unit,
            tuple(sorted(each, key=lambda step: _order(step.entry))),
            _breaks(env_id, each, family),
        )
        for (env_id, unit), each in steps.items()
    ]


def _breaks(env_id: str, steps: Sequence[Standing], family: Family) -> dict[int, Linked | None]:
    versions = [step.entry.suite_version for step in sorted(steps, key=lambda step: _order(step.entry))]
    links = {(link.old, link.new): link for link in family.links if link.env_id == env_id}
    return {
        place: links.get((versions[place - 1], versions[place]))
        for place in range(1, len(versions))
        if versions[place] != versions[place - 1]
    }


def write_family(family: Family, found: Sequence[Board]) -> str:
    """The page of a family.

    Args:
        family: of models.
        found: the standings of all entries.
    """
    shown = []
    for place, track in enumerate(tracks(family, found)):
        told, name = printable(sentence(track)), printable(f"{family.name} on {track.env_id}")
        pictures = {
            "efficiency": (efficiency_figure(track), f"{name}: PE against pretraining compute"),
            "curves": (curve_figure(track), f"{name}: score over checkpoints"),
        }
        drawn = {
            kind: inline_svg(figure, f"{kind}-{place}", title, told)
            for kind, (figure, title) in pictures.items()
        }
        breaks = [_told(track, step, link) for step, link in track.breaks.items()]
        shown.append({"track": track, "sentence": told, "breaks": breaks, **drawn})
    return render("family.html", title=f"{family.name} over its versions", family=family, tracks=shown)


def sentence(track: Track) -> str:
    """What a track says, in one sentence.

    Args:
        track: of a family in one environment.
    """
    first, last = track.steps[0], track.steps[-1]
    if len(track.steps) == 1:
        return f"One version so far, {first.version}, with a final score of {first.final:.3f}."
    told = f"a final score from {first.final:.3f} to {last.final:.3f}"
    if first.value is not None and last.value is not None:
        told = f"PE from {first.value:.3f} to {last.value:.3f}, {told}"
    return f"From version {first.version} to {last.version}: {told}."


def _told(track: Track, step: int, link: Linked | None) -> str:
    before, after = (track.steps[place].entry.suite_version for place in (step - 1, step))
    versions = f"Suite versions {before} and {after}"
    if link is None:
        return f"{versions} are not linked: results on both sides of the break cannot be compared."
    error = f"standard error of {link.standard_error:.2f} logit"
    if not link.comparable:
        return f"{versions} are linked with a {error}, more than 0.1: run the older versions again."
    return f"{versions} are linked with a {error}: scale {link.scale:.2f}, shift {link.shift:+.2f} logit."


def efficiency_figure(track: Track) -> Any:
    """PE with its interval against pretraining compute; a break where suite versions are not linked.

    Args:
        track: of a family in one environment.
    """
    figure = new_figure(PANEL, 3.2)
    axes = figure.subplots()
    places = _place(axes, track)
    axes.axhline(1.0, color=RULE, linewidth=1)
    breaks = [place for place, link in track.breaks.items() if link is None or not link.comparable]
    for begin, end in zip([0, *breaks], [*breaks, len(places)], strict=True):
        known = [i for i in range(begin, end) if track.steps[i].value is not None]
        axes.plot([places[i] for i in known], [track.steps[i].value for i in known], color=LINE, linewidth=2,
                  marker="o", markersize=6, clip_on=False, zorder=3)  # fmt: skip
        for i in known:
            _draw_version(axes, places[i], track.steps[i])
    for place in breaks:
        middle = float(np.sqrt(places[place - 1] * places[place]))
        axes.axvline(middle, color=BREAK, linewidth=1.5, linestyle=(0, (2, 2)))
        axes.annotate("not linked", (middle, 1.0), (4, -10), xycoords=("data", "axes fraction"),
                      textcoords="offset points", color=BREAK, fontsize=8)  # fmt: skip
    axes.set_ylabel("PE (1 = reference)")
    axes.margins(x=0.12, y=0.18)
    return figure


def _draw_version(axes: Any, place: float, step: Standing) -> None:
    """The interval and the name of one version."""
    efficiency = step.efficiency
    if efficiency is not None and step.interval:
        axes.plot([place, place], [efficiency.low, efficiency.high], color=LINE, linewidth=1.2, zorder=2)
    axes.annotate(short(step.version), (place, step.value), (7, 6), textcoords="offset points", color=INK)


def _place(axes: Any, track: Track) -> list[float]:
    """Where versions stand on the axis of pretraining compute, which is set up: 0 has a place of its own."""
    spent = [step.pretraining for step in track.steps]
    positive = [amount for amount in spent if amount > 0]
    axes.set_xscale("log")
    if not positive:
        places = [2.0**place for place in range(len(spent))]
        axes.set_xticks(places, [short(step.version) for step in track.steps])
        axes.set_xlabel("version; none has pretraining compute")
    else:
        zero = min(positive) / 4
        places = [amount or zero for amount in spent]
        unique = sorted(set(places))
        axes.set_xticks(unique, ["0" if 0.0 in spent and at == zero else f"{at:.2g}" for at in unique])
        axes.set_xlabel("pretraining compute in FLOPs")
    axes.minorticks_off()
    return places


def curve_figure(track: Track) -> Any:
    """Mean anchor score over the checkpoints of every version: the later, the darker.

    Args:
        track: of a family in one environment.
    """
    figure = new_figure(PANEL, 3.2)
    axes = figure.subplots()
    for place, step in enumerate(track.steps, start=1):
        grid = np.array(checkpoint_grid(step.domain.horizon))
        curves = step.domain.learning_curves
        mean = np.mean([np.interp(grid, curve.compute, curve.mean) for curve in curves], axis=0)
        depth = 0.35 + 0.65 * place / len(track.steps)
        axes.plot(grid / step.domain.horizon, mean, color=LINE, alpha=depth, linewidth=2, marker="o",
                  markersize=3.5, clip_on=False)  # fmt: skip
        axes.annotate(short(step.version), (1.0, float(mean[-1])), (6, 0), textcoords="offset points",
                      va="center", color=GRAY, annotation_clip=False)  # fmt: skip
    horizon = f"{track.steps[0].domain.horizon:.3g} {unit_name(track.unit)}"
    axes.set_xlabel(f"training compute (1 = horizon = {horizon})")
    axes.set_ylabel("anchor score")
    return figure
