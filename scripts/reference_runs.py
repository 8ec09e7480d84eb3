"""Makes the entries that ship with the leaderboard, from finished runs of the reference recipes.

``python scripts/reference_runs.py commit RUNS SUBMISSIONS`` packs them and prints their commitments.
``python scripts/reference_runs.py enter SUBMISSIONS VALUE`` scores them on anchor tasks that follow from the
commitments and a public value, published afterwards, and writes the entries. RUNS holds one experiment for
each environment, as this command makes them on seeds 100 to 104:

    etude practice EtudePlan-v0 --arms static adaptive --first-seed 100 --seeds 5 --items 100 --out RUNS/Plan
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from etude_gym.runs.rules import Refused
from etude_gym.runs.submission import pack
from etude_gym.runs.verification import Verification

ENTRIES = Path(__file__).resolve().parent.parent / "etude_gym" / "runs" / "reference"
ARMS = {"static": "MaskablePPO, a fixed set of 1,000 tasks", "adaptive": "MaskablePPO, adaptive practice"}
SOURCE = "etude practice ENVIRONMENT --arms static adaptive --first-seed 100 --seeds 5 --items 100"


def commit(runs: Path, submissions: Path) -> None:
    """Pack the runs of every arm over all environments; print what has to be published.

    Args:
        runs: one experiment in each folder.
        submissions: where they are packed.
    """
    for arm, name in ARMS.items():
        folders = sorted(folder / arm for folder in runs.iterdir() if (folder / arm).is_dir())
        submission = pack(folders, submissions / arm, name)
        print(submission.commitment, name, f"({len(submission.runs)} runs)", flush=True)


def enter(submissions: Path, public_value: str) -> None:
    """Verify the submissions and write their entries.

    Args:
        submissions: packed ones.
        public_value: published after their commitments.

    Raises:
        Refused: if one does not hold.
    """
    for arm in ARMS:
        verification = Verification(submissions / arm, public_value=public_value, on_check=print)
        if verification.run() is None:
            raise Refused(verification.findings[-1].check, verification.findings[-1].detail)
        entry = replace(verification.entry(), reference=arm == "static", source=SOURCE)
        entry.write(ENTRIES / f"{arm}.json")
        print(entry.name, entry.tier)


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "commit":
        commit(folder, Path(sys.argv[3]))
    else:
        enter(folder, sys.argv[3])
