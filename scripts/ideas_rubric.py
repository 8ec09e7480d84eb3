"""Fits the rubric of ideas and measures it: ``python scripts/ideas_rubric.py FOLDER [--write]``.

FOLDER holds people's ratings of alternative uses: ``ocsai_train.jsonl`` and ``ocsai_val.jsonl`` (mean
ratings, https://github.com/massivetexts/ocsai) and ``musescorer_s1.csv`` and ``musescorer_s2.csv`` (single
ratings, https://github.com/cssai-research/MuseScorer). Prints every table of ``docs/ideas.md``; ``--write``
ships the coefficients. Neither holds a reply.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ideas_attacks import attacks
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import spearmanr

from etude_gym.envs.creative.ideas.embeddings import DIMENSIONS, SentenceEmbedder, load_embedder
from etude_gym.envs.creative.ideas.gates import REASONS
from etude_gym.envs.creative.ideas.prompts import OpenPrompt, open_prompts
from etude_gym.envs.creative.ideas.rubric import COEFFICIENTS, FEATURES, IdeaRubric
from etude_gym.measure.rater_agreement import (
    as_interval,
    bootstrap_weights,
    correlation,
    one_against_the_rest,
    rater_agreement,
)
from etude_gym.measure.score_calibration import fit_curve

Array = NDArray[np.float64]

PENALTY = 1000.0
"""Of both ridge regressions, on standardized features; chosen among 100, 300 and 1,000 (docs/ideas.md)."""
LEAST_RATED = 250
"""Answers from which on an object has weights of its own."""
REFUSED = 0.02
"""Share of the best quarter of the training answers that the gate of relevance may refuse."""
ATTACKS = 10
"""Replies of each kind and object."""
FILES = {
    "train": "ocsai_train.jsonl",
    "val": "ocsai_val.jsonl",
    "s1": "musescorer_s1.csv",
    "s2": "musescorer_s2.csv",
}


@dataclass(frozen=True)
class Answers:
    """People's answers with their mean ratings, one entry or row for each.

    Attributes:
        source: key of ``FILES``.
        prompt: name of the object.
        text: the answer.
        author: who gave it; the text itself where that is not known.
        rating: mean rating.
        features: of the rubric.
        key: object and text without case and punctuation: what counts as the same answer.
        raters: single ratings by source, in the order of the answers.
    """

    source: NDArray[np.str_]
    prompt: NDArray[np.str_]
    text: list[str]
    author: NDArray[np.str_]
    rating: Array
    features: Array
    key: NDArray[np.str_]
    raters: dict[str, Array]

    def of(self, source: str) -> NDArray[np.bool_]:
        """Which of them come from a file."""
        return np.asarray(self.source == source)

    def about(self, name: str) -> NDArray[np.bool_]:
        """Which of them are about an object."""
        return np.asarray(self.prompt == name)


# --- Reading and fitting ---------------------------------------------------------------------------------


def read_answers(folder: Path, rubric: IdeaRubric) -> Answers:
    """All four files, embedded (some minutes the first time; ``build/`` keeps the vectors)."""
    rows: list[tuple[str, str, str, str, float]] = []
    raters: dict[str, Array] = {}
    for source in ("train", "val"):
        for line in (folder / FILES[source]).read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            found = re.fullmatch(r"AUT Prompt:(.*?)\nResponse:(.*)\nScore:\n", entry["prompt"], re.DOTALL)
            rows.append((source, found[1].lower(), found[2], found[2], float(entry["completion"]) / 10))
    for source in ("s1", "s2"):
        with (folder / FILES[source]).open(encoding="utf-8-sig", newline="") as file:
            entries = list(csv.DictReader(file))
        names = [name for name in entries[0] if name.startswith("rater")]
        raters[source] = np.array([[float(e[name] or "nan") for name in names] for e in entries])
        means = np.nanmean(raters[source], axis=1)
        rows += [
            (source, e["item"], e["idea_content"], f"{source} {e['for_user_id']}", float(mean))
            for e, mean in zip(entries, means, strict=True)
        ]
    sources, prompt, text, author, rating = zip(*rows, strict=True)
    vectors = embed_once(rubric.embedder, list(text))
    prompts = {each.name: each for each in open_prompts()}
    features = np.zeros((len(rows), FEATURES))
    for name in sorted(set(prompt)):
        about = np.flatnonzero(np.array(prompt) == name)
        features[about] = rubric.features(prompts[name], [text[i] for i in about], vectors[about])
    key = [f"{p}|{re.sub('[^a-z0-9 ]', '', t.lower()).strip()}" for p, t in zip(prompt, text, strict=True)]
    return Answers(
        np.array(sources), np.array(prompt), list(text), np.array(author), np.array(rating), features,
        np.array(key), raters,
    )  # fmt: skip


def embed_once(embedder: SentenceEmbedder, texts: list[str]) -> NDArray[np.float32]:
    """Vectors of texts, from ``build/`` if they were computed before."""
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
    kept = Path(__file__).resolve().parent.parent / "build" / f"ideas-{digest}.npy"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        different = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        vectors = embedder.embed(list(different))
        np.save(kept, vectors[[different[text] for text in texts]])
    return np.asarray(np.load(kept))


def ridge(features: Array, ratings: Array) -> tuple[Array, float]:
    """Weights and level of a ridge regression whose penalty is on standardized features."""
    center, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = (features - center) / scale
    gram = standard.T @ standard + PENALTY * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, standard.T @ (ratings - ratings.mean())) / scale
    return weights, float(ratings.mean() - center @ weights)


def fit(answers: Answers, fitted: NDArray[np.bool_], own: bool = True) -> dict[str, Any]:
    """Coefficients: shared by all objects, and of the residual for each that has enough answers."""
    weights, level = ridge(answers.features[fitted], answers.rating[fitted])
    expected = answers.features @ weights + level
    record: dict[str, Any] = {"shared": scale_entry(weights, level, expected[fitted]), "objects": {}}
    for name in sorted(set(answers.prompt[fitted])) if own else []:
        about = fitted & answers.about(name)
        if about.sum() >= LEAST_RATED:
            vectors = answers.features[about][:, :DIMENSIONS]
            weights, level = ridge(vectors, answers.rating[about] - expected[about])
            record["objects"][name] = scale_entry(weights, level, expected[about] + vectors @ weights + level)
    best = fitted & (answers.rating >= np.quantile(answers.rating[fitted], 0.75))
    record["least_nearness"] = float(np.quantile(1 - answers.features[best][:, DIMENSIONS + 4], REFUSED))
    return record


def scale_entry(weights: Array, level: float, expected: Array) -> dict[str, Any]:
    """One entry of the coefficients, to four digits: what is tested is what is shipped."""
    ordinary, original = np.quantile(expected, [0.5, 0.95])
    short = [float(f"{weight:.4g}") for weight in weights]
    figures = {"level": level, "ordinary": ordinary, "original": original}
    return {name: round(float(value), 4) for name, value in figures.items()} | {"weights": short}


def predicted(answers: Answers, coefficients: dict[str, Any], embedder: SentenceEmbedder) -> Array:
    """Expected ratings of all answers, by the rubric itself."""
    rubric = IdeaRubric(coefficients, embedder)
    expected = np.zeros(len(answers.text))
    for name, prompt in named_prompts(answers).items():
        about = answers.about(name)
        expected[about] = rubric.ratings(prompt, answers.features[about])
    return expected


def named_prompts(answers: Answers) -> dict[str, OpenPrompt]:
    """The prompts that there are answers to."""
    return {each.name: each for each in open_prompts() if each.name in set(answers.prompt)}


# --- Tables ----------------------------------------------------------------------------------------------


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n\n| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for row in rows:
        print("| " + " | ".join(f"{x:.2f}" if isinstance(x, float) else str(x) for x in row) + " |")


def figure(value: float, low: float, high: float) -> str:
    """A figure with its interval."""
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def agreement(answers: Answers, chosen: NDArray[np.bool_], expected: Array) -> str:
    """Correlation with mean ratings, with an interval over resampled authors."""
    rows = np.flatnonzero(chosen)
    x, y = expected[rows], answers.rating[rows]
    drawn = bootstrap_weights(answers.author[rows].tolist())[:400].astype(np.int64)
    resampled = [correlation(np.repeat(x, w), np.repeat(y, w)) for w in drawn]
    found = as_interval(np.array([correlation(x, y), *resampled]))
    return figure(found.value, found.low, found.high)


def within(answers: Answers, chosen: NDArray[np.bool_], expected: Array) -> float:
    """Mean correlation inside objects with at least 15 answers, weighted by their number."""
    found = []
    for name in named_prompts(answers):
        about = chosen & answers.about(name)
        if about.sum() >= 15:
            found.append((correlation(expected[about], answers.rating[about]), about.sum()))
    values, numbers = zip(*found, strict=True)
    return float(np.average(values, weights=numbers))


def reliability_table(answers: Answers) -> None:
    rows = []
    for source, ratings in answers.raters.items():
        found = rater_agreement(ratings, answers.author[answers.of(source)].tolist())
        intervals = [found.one_rater, found.mean_of_raters, found.alpha]
        figures = [figure(x.value, x.low, x.high) for x in intervals]
        ceiling = math.sqrt(found.mean_of_raters.value)
        rows.append([source, found.items, found.raters, *figures, one_against_the_rest(ratings), ceiling])
    header = (
        "study",
        "answers",
        "raters",
        "ICC(2,1)",
        "ICC(2,k)",
        "ordinal alpha",
        "one against the rest",
        "ceiling",
    )
    show("Reliability of the raters", header, rows)


def across_table(answers: Answers, embedder: SentenceEmbedder) -> None:
    rows = []
    for first, second in (("s1", "s2"), ("s2", "s1")):
        fitted, tested = answers.of(first), answers.of(second)
        full = predicted(answers, fit(answers, fitted), embedder)
        shared = predicted(answers, fit(answers, fitted, own=False), embedder)
        new = tested & ~np.isin(answers.key, answers.key[fitted])
        length, distance = answers.features[:, DIMENSIONS], answers.features[:, DIMENSIONS + 4]
        objects = [tested & answers.about(name) for name in ("box", "rope")]
        others = [(full, chosen) for chosen in objects] + [(x, tested) for x in (shared, length, distance)]
        rows.append(
            [
                f"{first} to {second}",
                tested.sum(),
                agreement(answers, tested, full),
                agreement(answers, new, full),
                *(correlation(x[chosen], answers.rating[chosen]) for x, chosen in others),
                against_the_same_others(full[tested], answers.raters[second]),
                one_against_the_rest(answers.raters[second]),
            ]
        )
    header = ["fitted to, tested on", "answers", "r", "r, texts not in the other study", "box", "rope"]
    header += ["shared weights only", "length only", "distance from ordinary answers only"]
    header += ["r with all raters but one", "one rater against the others"]
    show("Across studies", header, rows)


def against_the_same_others(expected: Array, ratings: Array) -> float:
    """Correlation with the mean of all raters but one, averaged: on one footing with one rater against the
    rest."""
    others = [np.nanmean(np.delete(ratings, rater, axis=1), axis=1) for rater in range(ratings.shape[1])]
    return float(np.mean([correlation(expected, mean) for mean in others]))


def rated_table(answers: Answers, coefficients: dict[str, Any], embedder: SentenceEmbedder) -> None:
    expected = predicted(answers, coefficients, embedder)
    tested = answers.of("val")
    new = tested & ~np.isin(answers.key, answers.key[answers.of("train")])
    rows: list[list[Any]] = []
    for name, chosen in (("all", tested), ("texts not among those fitted to", new)):
        rho = float(spearmanr(expected[chosen], answers.rating[chosen])[0])
        inside = within(answers, chosen, expected)
        rows.append([name, chosen.sum(), agreement(answers, chosen, expected), rho, inside])
    show(
        "Rated objects, answers held out",
        ("answers held out", "answers", "r", "rho", "r inside objects"),
        rows,
    )
    rows = []
    study = answers.of("s1") | answers.of("s2")
    clean = answers.of("train") & ~np.isin(answers.key, answers.key[study])
    for name, fitted in (("all", answers.of("train")), ("without texts of the studies", clean)):
        guess = predicted(answers, fit(answers, fitted), embedder)
        share = np.isin(answers.key[study], answers.key[fitted]).mean()
        rows.append(
            [
                name,
                fitted.sum(),
                float(share),
                *(correlation(guess[i], answers.rating[i]) for i in map(answers.of, ("s1", "s2"))),
            ]
        )
    header = ("ocsai_train", "answers", "share of the studies' texts in it", "r on s1", "r on s2")
    show("Leakage: why ocsai_train does not test on the studies", header, rows)


def unseen_table(answers: Answers) -> dict[str, Array]:
    """Print agreement on objects that are left out in turn; return the expected ratings of each."""
    train = answers.of("train")
    names = [name for name in named_prompts(answers) if (train & answers.about(name)).sum() >= LEAST_RATED]
    columns = {
        "all features": slice(FEATURES),
        "embedding only": slice(DIMENSIONS),
        "length and distances only": slice(DIMENSIONS, FEATURES),
        "length only": slice(DIMENSIONS, DIMENSIONS + 2),
    }
    rows, by_object = [], {}
    expected: dict[str, Array] = {}
    for title, used in columns.items():
        found = []
        for name in names:
            about = train & answers.about(name)
            weights, level = ridge(answers.features[train & ~about][:, used], answers.rating[train & ~about])
            guess = answers.features[about][:, used] @ weights + level
            found.append(correlation(guess, answers.rating[about]))
            expected.setdefault(name, guess)  # of the first column, all features
        by_object[title] = found
        half = stdtrit(len(found) - 1, 0.975) * np.std(found, ddof=1) / math.sqrt(len(found))
        mean = float(np.mean(found))
        rows.append([title, len(found), figure(mean, mean - half, mean + half), min(found), max(found)])
    show(
        "Objects never rated (each left out in turn)",
        ("features", "objects", "mean r", "least", "most"),
        rows,
    )
    pairs = sorted(zip(by_object["all features"], names, strict=True))
    print("\nBy object: " + ", ".join(f"{name} {value:.2f}" for value, name in pairs) + ".")
    return expected


def level_table(answers: Answers, unseen: dict[str, Array], embedder: SentenceEmbedder) -> None:
    pairs = {}
    for first, second in (("s1", "s2"), ("s2", "s1"), ("train", "val")):
        tested = answers.of(second)
        expected = predicted(answers, fit(answers, answers.of(first)), embedder)
        pairs[f"{first} to {second}"] = [(expected[tested], answers.rating[tested])]
    pairs["an object never rated, mean"] = [
        (expected, answers.rating[answers.of("train") & answers.about(name)])
        for name, expected in unseen.items()
    ]
    generator, rows = np.random.default_rng(0), []
    for name, tests in pairs.items():
        raw = [error_of(expected, given) for expected, given in tests]
        after = [error_after(expected, given, generator) for expected, given in tests]
        spread = [float(given.std()) for _, given in tests]
        rows.append([name, *(float(np.mean(values)) for values in (raw, after, spread))])
    header = (
        "fitted to, tested on",
        "error as it is",
        "error after 20 rated answers",
        "error of the true mean",
    )
    show("Does the level transfer? (root mean squared error, rating points)", header, rows)


def error_of(expected: Array, given: Array) -> float:
    """Root mean squared difference."""
    return float(np.sqrt(np.mean((expected - given) ** 2)))


def error_after(expected: Array, given: Array, generator: np.random.Generator) -> float:
    """The same after calibration on 20 answers, averaged over 200 draws."""
    errors = []
    for _ in range(200):
        picked = generator.choice(len(given), 20, replace=False)
        curve = fit_curve(expected[picked], given[picked], np.ones(20))
        errors.append(error_of(curve.predict(expected), given))
    return float(np.mean(errors))


def gate_table(answers: Answers, rubric: IdeaRubric) -> dict[str, NDArray[np.bool_]]:
    """Print what the gates refuse of people's answers; return it by gate for all held-out answers."""
    tested = np.flatnonzero(answers.of("val") | answers.of("s1") | answers.of("s2"))
    prompts = named_prompts(answers)
    refused: dict[str, NDArray[np.bool_]] = {
        gate: np.zeros(len(answers.text), dtype=bool) for gate in REASONS
    }
    for row in tested:
        found = rubric.refusals(prompts[str(answers.prompt[row])], answers.text[row], answers.features[row])
        for gate, verdict in found.items():
            refused[gate][row] = verdict
    refused["any"] = np.logical_or.reduce(list(refused.values()))
    best = np.zeros(len(answers.text), dtype=bool)
    for source in ("val", "s1", "s2"):
        best |= answers.of(source) & (answers.rating >= np.quantile(answers.rating[answers.of(source)], 0.75))
    studies = {name: answers.of(name) for name in ("val", "s1", "s2")}
    studies["together"] = np.logical_or.reduce(list(studies.values()))
    rows = []
    for gate, verdicts in refused.items():
        shares = [verdicts[study & part].mean() for study in studies.values() for part in (True, best)]
        rows.append([gate, *(f"{share:.1%}" for share in shares)])
    header = ("gate", *(f"{name}, {part}" for name in studies for part in ("all", "best quarter")))
    show("People's answers that the gates refuse", header, rows)
    return refused


def attack_table(answers: Answers, rubric: IdeaRubric, refused: dict[str, NDArray[np.bool_]]) -> None:
    generator = np.random.default_rng(0)
    train, prompts = answers.of("train"), named_prompts(answers)
    best = {}
    for name in rubric.objects:
        rows_about = np.flatnonzero(train & answers.about(name))
        ranked = rows_about[np.argsort(-answers.rating[rows_about], kind="stable")]
        best[name] = [answers.text[row] for row in ranked[:30]]
    found: dict[str, list[list[float]]] = {}
    for name in rubric.objects:
        prompt = prompts[name]
        others = [text for other, texts in best.items() if other != name for text in texts[:10]]
        people = rubric.ratings(prompt, answers.features[answers.of("val") & answers.about(name)])
        made = attacks(prompt.subject, prompt.text, prompt.ordinary, best[name], others, generator, ATTACKS)
        for kind, texts in made.items():
            features = rubric.features(prompt, texts, rubric.embedder.embed(texts))
            for text, row in zip(texts, features, strict=True):
                rating = rubric.ratings(prompt, row[None])
                score = float(rubric.scores(prompt, rating)[0])
                passed = not any(rubric.refusals(prompt, text, row).values())
                found.setdefault(kind, []).append([(people < rating).mean(), score, score * passed, passed])
    rows: list[list[Any]] = [[kind, *np.mean(values, axis=0).tolist()] for kind, values in found.items()]
    for title, chosen in real_answers(answers, list(rubric.objects)).items():
        scores = np.zeros(len(answers.text))
        for name in rubric.objects:
            about = chosen & answers.about(name)
            ratings = rubric.ratings(prompts[name], answers.features[about])
            scores[about] = rubric.scores(prompts[name], ratings)
        passes = ~refused["any"][chosen]
        figures = (scores[chosen], scores[chosen] * passes, passes)
        rows.append([title, "", *(float(values.mean()) for values in figures)])
    header = (
        "reply",
        "percentile among people's answers, raw",
        "score, raw",
        "score, gated",
        "share that passes",
    )
    show("Attacks", header, rows)


def real_answers(answers: Answers, objects: list[str]) -> dict[str, NDArray[np.bool_]]:
    """Held-out answers of people to compare attacks with."""
    held_out = answers.of("val") & np.isin(answers.prompt, objects)
    best = held_out & (answers.rating >= np.quantile(answers.rating[held_out], 0.75))
    return {"people's answers (held out)": held_out, "the best quarter of them": best}


def main() -> None:
    """Read, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="write the coefficients that are shipped")
    arguments = parser.parse_args()
    embedder = load_embedder()
    nothing = {"level": 0, "ordinary": 0, "original": 1, "weights": [0.0] * FEATURES}
    answers = read_answers(
        arguments.folder, IdeaRubric({"least_nearness": 0, "shared": nothing, "objects": {}}, embedder)
    )
    coefficients = fit(answers, answers.of("train"))
    rubric = IdeaRubric(coefficients, embedder)
    reliability_table(answers)
    across_table(answers, embedder)
    rated_table(answers, coefficients, embedder)
    unseen = unseen_table(answers)
    level_table(answers, unseen, embedder)
    refused = gate_table(answers, rubric)
    attack_table(answers, rubric, refused)
    print(f"\nLeast nearness: {coefficients['least_nearness']:.3f}")
    if arguments.write:
        made = {
            "made_by": "python scripts/ideas_rubric.py FOLDER --write",
            "from": f"{answers.of('train').sum()} mean ratings of alternative uses in ocsai_train.jsonl "
            "(github.com/massivetexts/ocsai, data/ocsai1, MIT); embeddings of all-MiniLM-L6-v2",
            "sha256_of_the_ratings": hashlib.sha256(
                (arguments.folder / FILES["train"]).read_bytes()
            ).hexdigest(),
        }
        COEFFICIENTS.write_text(json.dumps(made | coefficients) + "\n", encoding="utf-8")
        print(f"Written: {COEFFICIENTS.name}")


if __name__ == "__main__":
    main()
