"""The leaderboard: static pages that need no server, with the same numbers as CSV and JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from etude_gym.measure.compute import unit_name
from etude_gym.report.figures import COLORS, GRAY, PANEL, RULE, drawing, new_figure, printable
from etude_gym.report.rendering import render, script
from etude_gym.report.standings import Board, boards, score_so_far, to_csv, to_json
from etude_gym.report.svg import inline_svg
from etude_gym.report.tracking import families_of, write_family
from etude_gym.runs.entries import TIERS, DomainEntry, Entry, read_entries, read_links, shipped_entries
from etude_gym.runs.folder import write_atomically
from etude_gym.tasks.keys import SUITE_VERSION

INDEX, CSV, JSON = "index.html", "leaderboard.csv", "leaderboard.json"
DRAWN = 8
"""Entries in a picture, at most: the first ones of the table."""
LEVELS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Practice Efficiency of the lines in a picture."""


def write_site(folders: Sequence[Path], out: Path) -> list[Path]:
    """Write the leaderboard and a page for every family of models.

    Args:
        folders: of entries, beside those that ship.
        out: folder of the pages.

    Returns:
        The files, the page first.

    Raises:
        IncompleteRun: if a file in a folder is no entry.
        MissingExtra: if jinja2 or matplotlib is not installed.
    """
    entries = [*shipped_entries(), *read_entries(folders)]
    found, families = boards(entries), families_of(entries, read_links(folders))
    with drawing():
        pages = {INDEX: page(entries, found, [(family.name, family.file) for family in families])}
        pages |= {family.file: write_family(family, found) for family in families}
    files = {**pages, CSV: to_csv(found), JSON: json.dumps(to_json(found), allow_nan=False) + "\n"}
    for name, text in files.items():
        write_atomically(out / name, text.encode())
    return [out / name for name in files]


def page(entries: Sequence[Entry], found: Sequence[Board], families: Sequence[tuple[str, str]]) -> str:
    """The leaderboard as one page.

    Args:
        entries: on it.
        found: their standings.
        families: names of families of models, and the files of their pages.
    """
    script_text, script_hash = script("filters.js")
    rows = [each for board in found for each in board.standings]
    choices = {
        "environment": list(dict.fromkeys(board.env_id for board in found)),
        "tier": [tier for tier in TIERS if any(each.entry.tier == tier for each in rows)],
        "agent": sorted({each.domain.agent for each in rows}),
        "practice": sorted({each.domain.arm for each in rows}),
    }
    return render(
        "leaderboard.html",
        title="Leaderboard: who learns most per unit of compute",
        suite_version=SUITE_VERSION,
        boards=[_shown(board, place) for place, board in enumerate(found)],
        families=[{"name": name, "file": file} for name, file in families],
        choices=choices,
        tiers=TIERS,
        sources=[f"{entry.name}: {entry.source}" for entry in entries if entry.source],
        script_text=script_text,
        script_hash=script_hash,
    )


def _shown(board: Board, place: int) -> dict[str, Any]:
    """A board with its pictures and what is said about it."""
    colors = [color for _, color in zip(board.standings, cycle(COLORS), strict=False)]
    told = printable(sentence(board))
    title = printable(f"{board.title}: mean score so far against compute")
    beside = printable(f"{board.title}: Practice Efficiency beside the score at the end")
    return {
        "board": board,
        "colors": colors,
        "sentence": sentence(board),
        "so_far": inline_svg(_score_figure(board, colors), f"so-far-{place}", title, told),
        "beside": inline_svg(_beside_figure(board, colors), f"beside-{place}", beside, told)
        if any(each.value is not None for each in board.standings)
        else None,
        "notes": _notes(board),
    }


def sentence(board: Board) -> str:
    """What a board says, in one sentence.

    Args:
        board: of one environment.
    """
    ranked = [each for each in board.standings if not each.entry.reference and each.value is not None]
    if not ranked:
        best = max(board.standings, key=lambda each: each.final)
        return f"{best.entry.name} ends with the highest score, {best.final:.3f}."
    best = max(ranked, key=lambda each: each.value or 0.0)
    interval = best.interval and f" ({best.interval})"
    return (
        f"{best.entry.name} has the highest PE, {best.value:.3f}{interval}, and ends with a score of "
        f"{best.final:.3f}; the reference ends with {board.standings[0].final:.3f}."
    )


def _notes(board: Board) -> list[str]:
    notes = [f"{each.entry.name}: no PE, {each.reason}." for each in board.standings if each.reason]
    ceiling = next((each.efficiency.ceiling for each in board.standings if each.efficiency), None)
    if ceiling is not None:
        notes.append(f"No method can have a PE above {ceiling:.2f} here, 1 / area of the reference.")
    if len(board.standings) > DRAWN:
        notes.append(f"The picture shows the first {DRAWN} of {len(board.standings)} methods.")
    return notes


def _score_figure(board: Board, colors: Sequence[str]) -> Any:
    """Mean score so far against compute, over lines of equal Practice Efficiency."""
    figure = new_figure(PANEL, 3.4)
    axes = figure.subplots()
    shown = list(zip(board.standings, colors, strict=True))[:DRAWN]
    curves = [(*score_so_far(each.domain), each, color) for each, color in shown]
    top = min(1.0, 1.12 * max(0.05, *(float(scores.max()) for _, scores, _, _ in curves)))
    if board.reference is not None:
        _draw_levels(axes, board.reference, top)
    for grid, scores, each, color in curves:
        axes.plot(grid / each.domain.horizon, scores, color=color, marker="o", markersize=4, linewidth=2,
                  clip_on=False, zorder=3)  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks(2.0 ** np.arange(-5, 1), ["1/32", "1/16", "1/8", "1/4", "1/2", "1"])
    axes.minorticks_off()
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), top)
    horizon = f"{board.standings[0].domain.horizon:.3g} {unit_name(board.unit)}"
    axes.set_xlabel(f"training compute (1 = horizon = {horizon})")
    axes.set_ylabel("mean score so far")
    return figure


def _draw_levels(axes: Any, reference: DomainEntry, top: float) -> None:
    """Lines of equal Practice Efficiency: multiples of the reference's mean score so far."""
    grid, base = score_so_far(reference)
    for level in LEVELS:
        end = level * float(base[-1])
        if end > top:
            continue
        axes.plot(grid / reference.horizon, level * base, color=RULE, linewidth=0.9, zorder=1)
        axes.annotate(f"PE {level:g}", (1.0, end), (8, 0), textcoords="offset points", color=GRAY, fontsize=8,
                      va="center", annotation_clip=False)  # fmt: skip


def _beside_figure(board: Board, colors: Sequence[str]) -> Any:
    """Practice Efficiency with its interval against the score at the end."""
    figure = new_figure(PANEL, 3.4)
    axes = figure.subplots()
    axes.axhline(1.0, color=RULE, linewidth=1)
    for each, color in list(zip(board.standings, colors, strict=True))[:DRAWN]:
        if each.value is None or each.efficiency is None:
            continue
        if each.interval:
            axes.plot(
                [each.final] * 2, [each.efficiency.low, each.efficiency.high], color=color, linewidth=1.4
            )
        axes.plot([each.final], [each.value], color=color, marker="o", markersize=7, zorder=3)
    axes.set_xlabel("score at the end")
    axes.set_ylabel("PE (1 = reference)")
    axes.margins(x=0.15, y=0.15)
    return figure
