"""Transfer between domains, for learners that read text: practiced in one, tested on the tasks of the others.

What a learner knows after practice in one domain answers the anchor tasks that the untrained one had answered
in another, at the same checkpoint: the difference is what the practice was worth there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path

from etude_gym.environment.registration import make_domain
from etude_gym.measure.anchors import score_anchors
from etude_gym.runs.agents import load_agent_class, reads_text
from etude_gym.runs.config import RunConfig
from etude_gym.runs.evaluation import Evaluation
from etude_gym.runs.finished import load_run
from etude_gym.runs.folder import Run, read_json, write_json
from etude_gym.runs.loading import load_agent
from etude_gym.runs.practice_run import one_thread

TRANSFER = "transfer.json"
CALLS_OF_TRANSFER = "transfer"


@dataclass(frozen=True)
class Visit:
    """One learner, practiced in one domain and tested in another.

    Attributes:
        practiced: name of the domain that it practiced in.
        tested: name of the other.
        seed: of both.
        before: mean score of the untrained learner on the tasks, corrected for chance.
        after: of the practiced one on the same tasks.
    """

    practiced: str
    tested: str
    seed: int
    before: float
    after: float


def read_visits(evaluation: Evaluation) -> list[Visit]:
    """What was measured so far.

    Args:
        evaluation: finished or not.
    """
    path = evaluation.folder / TRANSFER
    return [Visit(**each) for each in read_json(path)] if path.exists() else []


def measure_transfer(
    evaluation: Evaluation, arm: str, on_progress: Callable[[str], None] = lambda _: None
) -> None:
    """Test what was practiced in each domain in all others; what was measured before is not measured again.

    Nothing is done for learners that act on observations: those of another domain mean nothing to them.

    Args:
        evaluation: with finished runs.
        arm: whose learners are tested.
        on_progress: told which domains are next.

    Raises:
        RuntimeError: if the learner's endpoint fails.
    """
    if not reads_text(load_agent_class(evaluation.record["agent"])):
        return
    visits = read_visits(evaluation)
    known = {(each.practiced, each.tested, each.seed) for each in visits}
    for practiced, tested, source, target in _pairs(evaluation, arm):
        seed = RunConfig.read(target).seed
        if (practiced, tested, seed) not in known:
            on_progress(f"{practiced} to {tested}, seed {seed}")
            before, after = _scores(
                source, target, evaluation.folder / CALLS_OF_TRANSFER / practiced / tested
            )
            visits.append(Visit(practiced, tested, seed, before, after))
            write_json(evaluation.folder / TRANSFER, [asdict(each) for each in visits])


def _pairs(evaluation: Evaluation, arm: str) -> Iterator[tuple[str, str, Path, Path]]:
    """Finished runs of one seed in two domains."""
    for practiced, tested in permutations(evaluation.experiments, 2):
        sources, targets = (
            {
                RunConfig.read(folder).seed: folder
                for folder in evaluation.experiments[name].run_folders()
                if Run(folder).finished and RunConfig.read(folder).arm == arm
            }
            for name in (practiced, tested)
        )
        for seed in sources.keys() & targets.keys():
            yield practiced, tested, sources[seed], targets[seed]


def _scores(source: Path, target: Path, calls: Path) -> tuple[float, float]:
    """The scores of the untrained learner and of the practiced one on the first anchor tasks of a run."""
    run = load_run(target)
    config, curve = run.config, run.curve
    folder = calls / target.name
    folder.mkdir(parents=True, exist_ok=True)
    agent = load_agent(source).agent
    getattr(agent, "keep_in", lambda _: None)(folder)
    with one_thread():
        result = score_anchors(
            make_domain(config.env_id),
            agent,
            int(curve.index[0]),
            config.items,
            run.anchor_salt,
            config.bands,
        )
    corrected = (result.scores.mean(axis=1) - curve.chance) / (1 - curve.chance)
    return float(curve.mean[0]), float(corrected.mean())
