"""Makes the entries that ship with the leaderboard: reference runs of every kind of agent, in four steps.

    python scripts/reference_runs.py run KIND RUNS
    python scripts/reference_runs.py commit RUNS SUBMISSIONS
    python scripts/reference_runs.py enter SUBMISSIONS VALUE
    python scripts/reference_runs.py table

``run`` practices in all environments on the assigned seeds; RUNS holds KIND/ENVIRONMENT/ARM/seed_N.
``commit`` packs what is there and puts the commitments into docs/leaderboard.md. ``enter`` scores on anchor
tasks that follow from the commitments and VALUE, which is published after them, and writes the entries;
``table`` writes README's table of them, as ``enter`` does in the end. What was interrupted goes on with the
same command.

A language model is asked through its endpoint:

    python scripts/reference_runs.py run llm RUNS --option model=NAME --option base_url=URL
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from carrying_out import carry_out

from etude_gym.cli.practicing import NO_LANGUAGE_MODEL, agent_options
from etude_gym.report.standings import boards
from etude_gym.runs.config import RunConfig
from etude_gym.runs.entries import Entry, read_entries
from etude_gym.runs.evaluation_plan import PRIMARY_DOMAINS
from etude_gym.runs.folder import IncompleteRun, Run, write_atomically
from etude_gym.runs.layout import ExperimentConfig
from etude_gym.runs.rules import Refused
from etude_gym.runs.scored_curves import is_scored, keeps_calls, score
from etude_gym.runs.submission import RUNS, SEEDS, Submission, pack
from etude_gym.runs.verification import Verification

ROOT = Path(__file__).resolve().parent.parent
ENTRIES = ROOT / "etude_gym" / "runs" / "reference"
README = ROOT / "README.md"
COMMITMENTS = ROOT / "docs" / "leaderboard.md"

METHODS: Mapping[str, Mapping[str, str]] = {
    "sb3": {
        "static": "MaskablePPO, a fixed set of 1,000 tasks",
        "adaptive": "MaskablePPO, adaptive practice",
    },
    "rllib": {"adaptive": "RLlib's PPO, adaptive practice"},
    "llm": {
        "static": "{model} in its context, a fixed set of tasks",
        "adaptive": "{model} in its context, adaptive practice",
    },
    "llm_finetune": {
        "static": "{model} fine-tuned, a fixed set of tasks",
        "adaptive": "{model} fine-tuned, adaptive practice",
    },
}
"""By kind of agent and arm: what the entry is called."""
ITEMS = {"sb3": 100, "rllib": 100, "llm": 8, "llm_finetune": 8}
"""Anchor tasks per cell and checkpoint in the runs themselves; scored curves have 100 in any case."""
REFERENCE = ("sb3", "static")
"""What Practice Efficiency is relative to."""


def experiments(kind: str, options: Sequence[str] = ()) -> dict[str, ExperimentConfig]:
    """The experiments of a kind of agent, by environment.

    Args:
        kind: of agent, one of ``METHODS``.
        options: arguments of the agent beside its recipe's, each NAME=VALUE.
    """
    given = agent_options(kind, options, NO_LANGUAGE_MODEL)
    return {
        env_id: ExperimentConfig(
            env_id,
            kind,
            tuple(METHODS[kind]),
            seeds=len(SEEDS),
            first_seed=SEEDS[0],
            items=ITEMS[kind],
            options=given,
        )
        for env_id in PRIMARY_DOMAINS
    }


def practice(
    kind: str, runs: Path, environments: Sequence[str], options: Sequence[str], workers: int
) -> None:
    """Carry out the experiments of a kind of agent, or the rest of them.

    Args:
        kind: of agent, one of ``METHODS``.
        runs: where they are, or will be.
        environments: ids of those that are practiced.
        options: arguments of the agent beside its recipe's, each NAME=VALUE.
        workers: runs side by side.
    """
    planned = experiments(kind, options)
    for env_id in environments:
        carry_out(runs / kind / env_id, planned[env_id], workers)


def methods(runs: Path) -> Iterator[tuple[str, str, list[Path]]]:
    """The methods that there are runs of: kind, arm, and their folders, one for each environment.

    Args:
        runs: as ``practice`` makes them; environments that are not finished are named and left out.
    """
    for kind, arms in METHODS.items():
        for arm in arms:
            found = sorted((runs / kind).glob(f"*/{arm}"))
            finished = [folder for folder in found if all(Run(run).finished for run in assigned(folder))]
            for folder in found:
                if folder not in finished:
                    print(f"Left out, as it is not finished: {folder}", flush=True)
            if finished:
                yield kind, arm, finished


def assigned(folder: Path) -> list[Path]:
    """The runs on the assigned seeds.

    Args:
        folder: of an arm.
    """
    return [folder / f"seed_{seed}" for seed in SEEDS]


def commit(runs: Path, submissions: Path) -> None:
    """Pack every method over its environments; add the commitments to those that are published.

    Args:
        runs: as ``practice`` makes them.
        submissions: where they are packed; what is packed already stays as it is.

    Raises:
        IncompleteRun: if the reference lacks an environment.
    """
    for kind, arm, folders in methods(runs):
        missing = set(PRIMARY_DOMAINS) - {folder.parent.name for folder in folders}
        if missing and (kind, arm) == REFERENCE:
            raise IncompleteRun(f"What others are compared with needs every environment: {sorted(missing)}")
        target = submissions / f"{kind}_{arm}"
        if not target.exists():
            runs_of = [run for folder in folders for run in assigned(folder)]
            model = Path(RunConfig.read(runs_of[0]).options.get("model", "")).name
            pack(runs_of, target, METHODS[kind][arm].format(model=model))
        publish(Submission.read(target))


HEAD = "| method | environments | commitment |\n| --- | --- | --- |\n"


def publish(submission: Submission) -> None:
    """Put a commitment on top of the table of those that are published, unless it is there.

    Args:
        submission: that is packed.
    """
    environments = sorted({run.partition("/")[0] for run in submission.runs})
    line = f"| {submission.name} | {', '.join(environments)} | `{submission.commitment}` |\n"
    print(line, end="", flush=True)
    before, head, after = COMMITMENTS.read_text(encoding="utf-8").partition(HEAD)
    if line not in after:
        write_atomically(COMMITMENTS, f"{before}{head}{line}{after}".encode())


def enter(submissions: Path, public_value: str) -> None:
    """Verify the submissions, write their entries, and the table of them.

    Args:
        submissions: packed ones.
        public_value: published after their commitments.

    Raises:
        Refused: if one does not hold.
    """
    for folder in sorted(path for path in submissions.iterdir() if path.is_dir()):
        submission, path = Submission.read(folder), ENTRIES / f"{folder.name}.json"
        if path.exists() and Entry.read(path).commitment == submission.commitment:
            print(f"{submission.name} is entered already: a commitment has one public value.", flush=True)
            continue
        configs = [RunConfig.read(folder / RUNS / name) for name in submission.runs]
        if keeps_calls(configs[0]) and not is_scored(folder):
            score(folder, public_value, print)
        verification = Verification(folder, public_value=public_value, on_check=print)
        if verification.run() is None:
            raise Refused(verification.findings[-1].check, verification.findings[-1].detail)
        kind, arm = configs[0].agent, configs[0].arm
        entry = replace(
            verification.entry(),
            reference=(kind, arm) == REFERENCE,
            source=f"python scripts/reference_runs.py run {kind} RUNS",
        )
        entry.write(path)
        print(entry.name, entry.tier, flush=True)
    write_table()


BEGIN = "<!-- written by: python scripts/reference_runs.py table -->\n"
END = "<!-- end of what is written -->\n"


def table() -> str:
    """The entries that ship, as a table in Markdown."""
    rows = [
        "| environment | method | PE | 95% interval | final score | checked |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for board in boards(read_entries([ENTRIES])):
        for each in board.standings:
            value = "" if each.value is None else f"{each.value:.3f}"
            interval = "reference" if each.entry.reference else each.interval
            cells = (board.title, each.entry.name, value, interval, f"{each.final:.3f}", each.entry.tier)
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def write_table() -> None:
    """Write the table into README, in place of the present one."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    write_atomically(README, f"{before}{begin}\n{table()}\n{end}{after}".encode())


def main() -> None:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("kind", choices=METHODS)
    run.add_argument("runs", type=Path)
    run.add_argument("--environments", nargs="+", choices=PRIMARY_DOMAINS, default=PRIMARY_DOMAINS)
    run.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--workers", type=int, default=1)
    packing = commands.add_parser("commit")
    packing.add_argument("runs", type=Path)
    packing.add_argument("submissions", type=Path)
    entering = commands.add_parser("enter")
    entering.add_argument("submissions", type=Path)
    entering.add_argument("value")
    commands.add_parser("table")
    given = parser.parse_args()
    if given.command == "run":
        practice(given.kind, given.runs, given.environments, given.option, given.workers)
    elif given.command == "commit":
        commit(given.runs, given.submissions)
    elif given.command == "enter":
        enter(given.submissions, given.value)
    else:
        write_table()


if __name__ == "__main__":
    main()
