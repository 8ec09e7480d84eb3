"""What a panel's ratings say: how far its raters agree, and what an automated score is worth on their
scale."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.rater_agreement import RaterAgreement, one_against_the_rest, rater_agreement
from etude_gym.measure.score_calibration import (
    Curve,
    HeldOut,
    Link,
    fit_curve,
    held_out_agreement,
    link_novices,
)
from etude_gym.runs.folder import read_json, write_json
from etude_gym.runs.rating_sheets import Panel

VERSION = 1
"""Of the file of a calibration."""


@dataclass(frozen=True)
class Repeats:
    """How far raters agree with themselves.

    Attributes:
        ratings: how many pairs of a first and a second rating of one item by one rater there are.
        same: share of the pairs with the same rating; NaN without pairs.
        difference: mean absolute difference, in rating points.
    """

    ratings: int
    same: float
    difference: float


@dataclass(frozen=True)
class Calibration:
    """A curve from automated scores to the ratings of a panel, and what is known of it.

    Attributes:
        curve: from scores to ratings.
        items: how many items it was fitted to.
        ratings: how many first ratings stand behind them.
        experts: how many raters said that they are experts.
        novices: how many said that they are not.
        scale: "experts" if ratings are on the experts' scale, "novices" if there are no experts.
        link: how novices were put on the experts' scale; None if they were not.
        novices_left_out: True if there are novices, but too few items in common to link them.
        agreement: of all raters as used: ICC(2,1), ICC(2,k) and alpha before linking; None with one rater.
        one_against_the_rest: correlation of one rater with the mean of the others; what a good score compares
            with.
        held_out: agreement with objects and authors that were left out; None if none can be.
        input_sha256: of the items and ratings it was computed from.
    """

    curve: Curve
    items: int
    ratings: int
    experts: int
    novices: int
    scale: str
    link: Link | None
    novices_left_out: bool
    agreement: RaterAgreement | None
    one_against_the_rest: float
    held_out: HeldOut | None
    input_sha256: str

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all.

        Args:
            path: of the file.
        """
        write_json(path, plain({"version": VERSION, **asdict(self)}))


def read_calibration(path: Path) -> Curve:
    """The curve of a calibration that ``etude ratings calibrate`` wrote.

    Args:
        path: of the file.

    Raises:
        ValueError: if it is no such file.
        OSError: if it cannot be read.
    """
    record = read_json(path)
    try:
        if record["version"] != VERSION:
            raise ValueError(f"{path} is a calibration of version {record['version']!r}, not {VERSION}.")
        curve = Curve(
            record["curve"]["kind"], tuple(record["curve"]["scores"]), tuple(record["curve"]["ratings"])
        )
    except (KeyError, TypeError):
        raise ValueError(f"{path} is no calibration. Make one: etude ratings calibrate FOLDER") from None
    return curve


def groups_of(panel: Panel) -> dict[str, NDArray[np.float64]]:
    """First ratings of all raters, of experts and of novices, where there are two raters or more.

    Args:
        panel: whose sheets were imported.

    Returns:
        Tables of shape (items, raters of the group), NaN where there is no rating.
    """
    every = {"all": np.ones_like(panel.experts), "experts": panel.experts, "novices": ~panel.experts}
    return {
        name: panel.ratings[:, chosen]
        for name, chosen in every.items()
        if chosen.sum() > 1 and (name == "all" or not chosen.all())
    }


def panel_agreement(panel: Panel) -> dict[str, RaterAgreement]:
    """Agreement of each group of raters; intervals resample authors where all are known, else items.

    Args:
        panel: whose sheets were imported.

    Raises:
        ValueError: if no two raters rated the same item.
    """
    return {name: rater_agreement(table, _clusters(panel)) for name, table in groups_of(panel).items()}


def repeats_of(panel: Panel) -> Repeats:
    """Agreement of raters with themselves, over all raters.

    Args:
        panel: whose sheets were imported.
    """
    differences = np.abs(panel.ratings - panel.second)
    differences = differences[~np.isnan(differences)]
    if not len(differences):
        return Repeats(0, math.nan, math.nan)
    return Repeats(len(differences), float((differences == 0).mean()), float(differences.mean()))


def calibrate(panel: Panel) -> Calibration:
    """Fit the curve from automated scores to mean ratings.

    Experts, where there are any, set the scale; novices are linked to it by the items that both rated, and
    count as much as they are precise on it.

    Args:
        panel: whose sheets were imported and whose items have automated scores.

    Raises:
        ValueError: if fewer than two rated items have scores that differ.
    """
    ratings, weights, link = _on_one_scale(panel)
    scored = np.array([item.score is not None for item in panel.items])
    used = scored & ~np.isnan(ratings).all(axis=1)
    if used.sum() < 2:
        raise ValueError(
            f"{used.sum()} rated items have an automated score; a calibration needs two. "
            "The scores come from the column score of the items."
        )
    chosen = [item for item, kept in zip(panel.items, used, strict=True) if kept]
    scores = np.array([item.score for item in chosen], dtype=np.float64)
    given = ~np.isnan(ratings[used])
    behind = given @ weights
    means = np.where(given, ratings[used], 0.0) @ weights / behind
    authors = [item.author for item in chosen]
    counted = given.any(axis=0)
    deciding = panel.ratings[:, panel.experts] if panel.experts.any() else panel.ratings
    several = bool((~np.isnan(deciding)).sum(axis=1).max() > 1)
    return Calibration(
        curve=fit_curve(scores, means, behind),
        items=len(chosen),
        ratings=int(given.sum()),
        experts=int((panel.experts & counted).sum()),
        novices=int((~panel.experts & counted).sum()),
        scale="experts" if panel.experts.any() else "novices",
        link=link,
        novices_left_out=bool(panel.experts.any() and not panel.experts.all() and link is None),
        agreement=rater_agreement(deciding, _clusters(panel)) if several else None,
        one_against_the_rest=one_against_the_rest(deciding) if several else math.nan,
        held_out=held_out_agreement(
            scores, means, behind, [item.prompt for item in chosen], None if None in authors else authors
        ),
        input_sha256=hashlib.sha256(json.dumps(panel.record(), sort_keys=True).encode()).hexdigest(),
    )


def plain(value: Any) -> Any:
    """A record as JSON has it: NaN becomes null.

    Args:
        value: dictionaries, lists and tuples of plain values.
    """
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _on_one_scale(panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64], Link | None]:
    """All ratings that can be read on one scale, NaN for the others; and the weight of each rater."""
    if not panel.experts.any() or panel.experts.all():
        return panel.ratings, np.ones(len(panel.raters)), None
    link = link_novices(panel.ratings[:, panel.experts], panel.ratings[:, ~panel.experts])
    slope, intercept = (math.nan, math.nan) if link is None else (link.slope, link.intercept)
    ratings = np.where(panel.experts, panel.ratings, slope * panel.ratings + intercept)
    return ratings, np.where(panel.experts, 1.0, 1.0 if link is None else link.weight), link


def _clusters(panel: Panel) -> list[str] | None:
    authors = [item.author for item in panel.items if item.author is not None]
    return authors if len(authors) == len(panel.items) else None
