"""``etude export``: results, episodes and tasks for other programs, and models that were fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from etude_gym.cli.export_tasks import EPISODES, MINARI, PDDL, export_dataset, export_pddl
from etude_gym.cli.play import parse_difficulty
from etude_gym.cli.terminal import say, shown
from etude_gym.runs.finished import find_runs
from etude_gym.runs.folder import write_atomically

FORMATS = {
    ".csv": "learning curves",
    ".parquet": "learning curves",
    ".tex": "the table of a comparison",
    ".svg": "the picture of a comparison",
}
"""What a file holds, by its suffix."""
TABLES, COMPARISONS = (".csv", ".parquet"), (".tex", ".svg")


@dataclass(frozen=True)
class Export:
    """Write results, episodes or tasks for other programs, or a fine-tuned model; the last name says what.

    For example:
      etude export runs/quick curves.csv              a row for each run, evaluation and cell
      etude export runs/quick answers.parquet --answers    a row for each anchor task that was answered
      etude export runs/quick table.tex               the table of `etude compare`, for LaTeX (booktabs)
      etude export runs/quick curves.svg              its picture
      etude export runs/NAME/adaptive/seed_0 model    the model of a run of `--agent llm_finetune`
      etude export EtudePlan-v0 minari:etude/plan-oracle-v0    episodes of the oracle as a Minari dataset
      etude export runs/quick/adaptive/seed_0 minari:etude/plan-ppo-v0    those of a trained agent
      etude export EtudePlan-v0 task.pddl --difficulty contingency=0    a task for planners

    A name with another ending, or none, is the folder of a model, which transformers and servers read; it
    must not exist.

    Args:
        paths: folders of runs or of experiments, or the id of an environment; and what to write. For .tex and
            .svg NAME=FOLDER names the arm, as for `etude compare`.
        answers: every anchor answer, in place of the learning curves (.csv, .parquet).
        reference: the arm that Practice Efficiency is relative to (.tex, .svg).
        by: what an arm is (.tex, .svg): `agent`, `arm` (the task sampler), or an option: `option:network`.
        checkpoint: which model or agent, as numbered in the run's curve.jsonl (a model, minari:).
        episodes: how many (minari:).
        seed: of the first task (minari:, .pddl).
        difficulty: values in [0, 1] for some or all axes, such as `horizon=0.2` (minari:, .pddl).
        family: kind of task (minari:, .pddl).
    """

    paths: tyro.conf.Positional[Annotated[tuple[str, ...], shown("RUN ... OUT", "at least two")]] = ()
    answers: tyro.conf.FlagCreatePairsOff[bool] = False
    reference: Annotated[str | None, shown("ARM", "default: that of `etude compare`")] = None
    by: Annotated[str | None, shown("WHAT", "default: all that tells runs apart")] = None
    checkpoint: Annotated[int | None, shown("N", "default: the latest")] = None
    episodes: Annotated[int | None, shown("N", f"default: {EPISODES}")] = None
    seed: Annotated[int | None, shown("N", "default: 0")] = None
    difficulty: Annotated[tuple[str, ...], shown("AXIS=VALUE ...", "default: uniform over all")] = ()
    family: Annotated[str | None, shown("NAME", "default: any")] = None

    def run(self) -> None:
        """Write it, and say what was written."""
        if len(self.paths) < 2:
            raise ValueError(
                "Name the folders of runs and, last, what to write: etude export runs/EXPERIMENT curves.csv"
            )
        runs, out = self.paths[:-1], Path(self.paths[-1])
        suffix = MINARI if self.paths[-1].startswith(MINARI) else out.suffix.lower()
        self._check_options(suffix)
        if suffix in (MINARI, PDDL):
            self._write_tasks(runs, out)
        elif suffix in TABLES:
            self._write_table([Path(run) for run in runs], out)
        elif suffix in COMPARISONS:
            self._write_comparison(runs, out)
        else:
            self._write_model([Path(run) for run in runs], out)

    def _check_options(self, suffix: str) -> None:
        """Refuse options that say nothing about what is written."""
        fitting = {
            "answers": (suffix in TABLES, " and ".join(TABLES)),
            "reference": (suffix in COMPARISONS, " and ".join(COMPARISONS)),
            "by": (suffix in COMPARISONS, " and ".join(COMPARISONS)),
            "checkpoint": (suffix not in (*FORMATS, PDDL), f"{MINARI} and the folder of a model"),
            "episodes": (suffix == MINARI, MINARI),
            **dict.fromkeys(
                ("seed", "difficulty", "family"), (suffix in (MINARI, PDDL), f"{MINARI} and {PDDL}")
            ),
        }
        for name, (fits, kinds) in fitting.items():
            if getattr(self, name) not in (None, False, ()) and not fits:
                raise ValueError(f"--{name} is for {kinds}: leave it out, or write something else.")

    def _write_tasks(self, sources: Sequence[str], out: Path) -> None:
        if len(sources) > 1:
            raise ValueError(f"Name one run or environment: etude export EtudePlan-v0 {out}")
        seed, difficulty = self.seed or 0, parse_difficulty(self.difficulty)
        if out.suffix.lower() == PDDL:
            export_pddl(sources[0], out, seed=seed, difficulty=difficulty, family=self.family)
        else:
            export_dataset(
                sources[0],
                self.paths[-1].removeprefix(MINARI),
                self.checkpoint,
                self.episodes,
                seed=seed,
                difficulty=difficulty,
                family=self.family,
            )

    def _write_table(self, runs: Sequence[Path], out: Path) -> None:
        from etude_gym.report.records import answer_records, curve_records, write_records

        folders = find_runs(runs)
        records = list((answer_records if self.answers else curve_records)(folders))
        write_records(records, out)
        what = "anchor answers" if self.answers else FORMATS[out.suffix.lower()]
        begun = len({record["run"] for record in records})
        say(f"{out}: {len(records)} rows, {what} of {begun} of {len(folders)} runs.")

    def _write_comparison(self, runs: Sequence[str], out: Path) -> None:
        from etude_gym.report.comparison import compare
        from etude_gym.report.latex import comparison_latex
        from etude_gym.report.methods import Source
        from etude_gym.report.plots import draw_comparison

        comparison = compare([Source.parse(run) for run in runs], self.reference, self.by)
        if out.suffix.lower() == ".svg":
            draw_comparison(comparison, out)
        else:
            write_atomically(out, comparison_latex(comparison).encode())
        say(f"{out}: {FORMATS[out.suffix.lower()]}.")

    def _write_model(self, runs: Sequence[Path], out: Path) -> None:
        from etude_gym.runs.loading import load_agent

        if len(runs) > 1:
            raise ValueError("A model is that of one run: etude export RUN FOLDER")
        if out.exists():
            raise ValueError(f"{out} exists already: name a folder that does not.")
        trained = load_agent(runs[0], self.checkpoint)
        if not hasattr(trained.agent, "export"):
            raise ValueError(
                f"{runs[0]} holds no language model: only `llm_finetune` trains one. To write results, name "
                f"a file that ends in {', '.join(FORMATS)}; got {out.name!r}."
            )
        part = out.with_name(f"{out.name}.part")
        trained.agent.export(part)
        part.rename(out)
        say(f"{out}: trained with {trained.compute:.4g} FLOPs.")
