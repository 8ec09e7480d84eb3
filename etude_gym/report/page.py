"""The report: one page that holds everything, for a browser, for print and for readers that hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from etude_gym.measure.compute import unit_name
from etude_gym.report.comparison import Comparison
from etude_gym.report.figures import arm_colors, drawing, printable
from etude_gym.report.parts import Chart, Section
from etude_gym.report.rendering import render
from etude_gym.report.sections import SECTIONS
from etude_gym.report.sentences import headline
from etude_gym.report.svg import inline_svg, variable
from etude_gym.report.tables import UNKNOWN, closing_notes
from etude_gym.runs.folder import write_atomically

REPORT = "report.html"
"""How the page is called where a command writes it on its own."""


def write_report(
    comparison: Comparison, path: Path, on_progress: Callable[[str, float], None] = lambda *_: None
) -> None:
    """Write the report of a comparison: one file that loads nothing and runs nothing.

    Args:
        comparison: of finished runs.
        path: of the page, written whole or not at all.
        on_progress: called with what is drawn next and the share that is done.

    Raises:
        MissingExtra: if matplotlib or jinja2 is not installed.
    """
    with drawing():
        sections = []
        for place, (name, section_of) in enumerate(SECTIONS):
            on_progress(name, place / len(SECTIONS))
            section = section_of(comparison)
            if section is not None:
                sections.append(section)
        write_page(
            path,
            title=comparison.title,
            headline=headline(comparison),
            facts=facts(comparison),
            sections=sections,
            closing=closing_notes(comparison).splitlines(),
            data=data(comparison),
            arms=list(comparison.runs),
        )


def write_page(
    path: Path,
    *,
    title: str,
    headline: str,
    facts: Mapping[str, str],
    sections: Sequence[Section],
    closing: Sequence[str],
    data: Mapping[str, Any],
    arms: Sequence[str],
) -> None:
    """Write a page from its sections, inside ``drawing()``.

    Args:
        path: of the page, written whole or not at all.
        title: of the page.
        headline: what happened, in one sentence.
        facts: what the results have to be read with, by name.
        sections: in the order in which they are read.
        closing: notes at the end.
        data: what the page shows, for programs.
        arms: names that have a color where they stand in tables.
    """
    content = {
        "title": title,
        "headline": headline,
        "facts": facts,
        "sections": [{"section": section, "drawn": list(_drawn(section))} for section in sections],
        "closing": closing,
        "data": data,
        "arm_colors": {arm: variable(color) for arm, color in arm_colors(arms).items()},
    }
    write_atomically(path, render(REPORT, **content).encode())


def facts(comparison: Comparison) -> dict[str, str]:
    """What the results have to be read with.

    Args:
        comparison: of finished runs.
    """
    ceiling = comparison.arms[0].efficiency.ceiling
    return {
        "environment": comparison.env_id,
        "agent" if len(comparison.agents) == 1 else "agents": ", ".join(comparison.agents),
        "reference": comparison.reference,
        "horizon": f"{comparison.horizon:.3g} {unit_name(comparison.unit)}",
        "ceiling of PE": UNKNOWN if ceiling is None else f"{ceiling:.2f}",
        "runs": f"{sum(map(len, comparison.runs.values()))}, {comparison.seed_count}",
    }


def data(comparison: Comparison) -> dict[str, Any]:
    """What the page shows, for programs: the comparison, and the curve of every run.

    Args:
        comparison: of finished runs.
    """
    curves = [
        {
            "arm": arm,
            "seed": run.config.seed,
            "compute": run.curve.compute.tolist(),
            "env_steps": run.curve.env_steps.tolist(),
            "cells": run.curve.cells,
            "scores": run.curve.corrected.round(4).tolist(),
        }
        for arm, runs in comparison.runs.items()
        for run in runs
    ]
    return {**comparison.to_json(), "curves": curves}


def _drawn(section: Section) -> Iterator[list[str]]:
    """The pictures of a section as SVG, block by block."""
    for place, block in enumerate(section.blocks):
        yield [_svg(chart, f"{section.name}-{place}-{number}") for number, chart in enumerate(block.charts)]


def _svg(chart: Chart, name: str) -> str:
    return inline_svg(chart.figure, name, printable(chart.title), printable(chart.text))
