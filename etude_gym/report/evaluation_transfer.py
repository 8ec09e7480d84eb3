"""Section of an evaluation on transfer between domains: what was measured, what was not, and what would."""

from __future__ import annotations

from itertools import permutations

from etude_gym.environment.registration import make_domain
from etude_gym.report.evaluation import EvaluationResult
from etude_gym.report.parts import Block, Grid, Section


def transfer_section(result: EvaluationResult) -> Section | None:
    """Transfer between domains; None for one domain."""
    names = list(result.comparisons)
    if len(names) < 2:
        return None
    configs = {name: next(iter(each.runs.values()))[0].config for name, each in result.comparisons.items()}
    if configs[names[0]].interface == "text":
        return _of_text(result)
    domains = {name: make_domain(config.env_id) for name, config in configs.items()}
    rows = []
    for first, second in permutations(names, 2):
        mine, other = domains[first], domains[second]
        parts = [
            what
            for what, same in (
                ("observations", mine.observation_space == other.observation_space),
                ("actions", mine.action_space == other.action_space),
            )
            if not same
        ]
        reason = f"not possible: other {' and '.join(parts)}" if parts else "possible, not measured"
        rows.append((first, second, reason))
    return Section(
        "transfer",
        "Transfer between domains",
        (
            "Not measured. This learner acts on the observations of one domain, and a network that was made for "
            "them cannot act in another. What can be measured is transfer between the skills of one domain "
            "(second command), and between domains for a learner that reads text (first command).",
        ),
        (Block(tables=(Grid("Practice in, then tested in", ("practiced", "tested", "transfer"), tuple(rows), words=3),),
               folded="All pairs"),),  # fmt: skip
        commands=(
            "etude evaluate --agent llm --model NAME --base-url URL",
            f"etude transfer {names[0]} SKILL_A SKILL_B --placebo SKILL_C",
        ),
    )


def _of_text(result: EvaluationResult) -> Section:
    return Section("transfer", "Transfer between domains", ("Not measured.",))
