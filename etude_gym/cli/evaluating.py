"""``etude evaluate``: the whole evaluation of a learner, all domains, one report."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.table import Table

from etude_gym.cli.practicing import NO_LANGUAGE_MODEL, LanguageModel, agent_options
from etude_gym.cli.terminal import console, duration, say, shown
from etude_gym.errors import MissingExtra
from etude_gym.runs.agents import load_agent_class
from etude_gym.runs.depths import DEPTHS

if TYPE_CHECKING:
    from etude_gym.runs.estimate import Estimate
    from etude_gym.runs.evaluation import Evaluation
    from etude_gym.runs.evaluation_plan import Plan

AFTER_RESUME = ("resume", "workers")
"""What may be given beside `--resume`."""


def _of_depth() -> str:
    """What each depth runs in every domain."""
    told = [
        f"{name} ({depth.purpose}), {kind}: {depth.words}"
        for name, kinds in DEPTHS.items()
        for kind, depth in kinds.items()
    ]
    return "default: recommended. In every domain, for learners that meet tasks as actions or as text -- " + (
        " -- ".join(told)
    )


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a learner in full: all domains, one report, one number and what is behind it.

    In every domain the learner practices with a fixed set of tasks, the reference, and with others. The
    report has Practice Efficiency by domain and over all, profiles, differences and transfer between
    domains, how scores fall with difficulty, confidence, and what it cost. A domain that fails does not stop
    the others; the exit code is 1 then. Ctrl-C saves every run; go on with `etude evaluate --resume FOLDER`.
    For example:
      etude evaluate --depth quick --dry-run
      etude evaluate --agent llm --model NAME --base-url http://127.0.0.1:8080/v1 --depth quick

    Args:
        agent: the learner, by name or as `module:Class` of your own.
        depth: how much is run in every domain.
        envs: ids of the environments; `module:Id-v0` imports the module first.
        horizon: training compute of each run, one for all environments or one for each; what is given is not
            shortened by the depth.
        workers: runs side by side.
        out: folder of the evaluation.
        resume: folder of one to go on with; everything else is read from there.
        dry_run: say what would be done, and what it would cost, and do nothing.
        price: of a million tokens in and out, for the cost of a language model in money.
        option: an argument of the agent, such as `--option network=[64,64]`.
        recipes: file with horizons and options of the agent, as `etude pilot` writes it.
        language_model: for `--agent llm` and `--agent llm_finetune`.
    """

    agent: Annotated[str, shown("NAME", "default: sb3, that is MaskablePPO; rllib, llm, llm_finetune")] = (
        "sb3"
    )
    depth: Annotated[Literal["quick", "recommended", "full"], shown("DEPTH", _of_depth())] = "recommended"
    envs: Annotated[tuple[str, ...], shown("ID ...", "default: code, logic, plan and creative")] = ()
    horizon: Annotated[
        tuple[str, ...], shown("[ID=]NUMBER ...", "default: the recipes', times the share")
    ] = ()
    workers: Annotated[int | None, shown("N", "default: one for each core; 1 with a server")] = None
    out: Annotated[Path | None, shown("FOLDER", "default: runs/evaluation-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: start a new one")] = None
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False
    price: Annotated[tuple[float, float] | None, shown("IN OUT", "default: not known")] = None
    option: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], shown("NAME=VALUE", "default: as in the recipes")
    ] = ()
    recipes: Annotated[Path | None, shown("FILE", "default: shipped with the agent")] = None
    language_model: Annotated[LanguageModel, tyro.conf.arg(name="")] = NO_LANGUAGE_MODEL

    def run(self) -> None:
        """Say what is done and what it costs, do it, show what came out."""
        from etude_gym.cli.evaluation_progress import practice_all
        from etude_gym.runs.evaluation import Evaluation
        from etude_gym.runs.folder import timestamp

        self._check()
        if self.resume is not None:
            evaluation = Evaluation(self.resume)
        else:
            folder = self.out or Path("runs") / f"evaluation-{timestamp()}"
            Evaluation.check_free(folder)
            plan, estimate = self._plan()
            _announce(plan, estimate, self._workers(plan.config.agent), self.price)
            if self.dry_run:
                return say("Nothing was run: leave out --dry-run to begin.")
            evaluation = Evaluation.create(folder, plan, estimate)
        folder = evaluation.folder
        go_on = f"Go on with: etude evaluate --resume {shlex.quote(str(folder))}"
        say(f"Evaluation in {folder}. {go_on.replace('Go on', 'If it is interrupted, go on')}")
        if not practice_all(evaluation, self._workers(evaluation.record["agent"]), console):
            say(f"Stopped; every run is saved. {go_on}")
            raise SystemExit(130)
        _transfer(evaluation)
        failures = _show(evaluation)
        if failures:
            told = "\n".join(f"{name}: {reason}" for name, reason in failures.items())
            raise RuntimeError(f"Failed: {', '.join(failures)}.\n{told}\n{go_on}")

    def _check(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")
        if self.price is not None and not all(0 <= each < float("inf") for each in self.price):
            raise ValueError(f"price takes two amounts of money that are not negative, got {self.price}.")
        given = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        given = [name for name in given if name != "language_model"] + list(self.language_model.options)
        others = [name.replace("_", "-") for name in given if name not in AFTER_RESUME]
        if self.resume is not None and others:
            raise ValueError(f"--resume reads everything from the folder: leave out {', '.join(others)}.")

    def _plan(self) -> tuple[Plan, Estimate]:
        from etude_gym.runs.estimate import estimate
        from etude_gym.runs.evaluation_plan import (
            PRIMARY_DOMAINS,
            EvaluationConfig,
            parse_horizons,
            plan_evaluation,
        )

        envs = self.envs or PRIMARY_DOMAINS
        config = EvaluationConfig(
            env_ids=envs,
            agent=self.agent,
            depth=self.depth,
            horizons=parse_horizons(self.horizon, envs),
            options=agent_options(self.agent, self.option, self.language_model),
            recipes=self.recipes,
        )
        with console.status("Preparing: compiling kernels if needed, measuring the random agent ..."):
            plan = plan_evaluation(config)
        if self.price is not None and not plan.remote:
            raise ValueError(
                f"--price is for language models behind an endpoint: {self.agent} works on this machine."
            )
        with console.status("Measuring what it will cost ..."):
            return plan, estimate(plan, self._workers(self.agent))

    def _workers(self, agent: str) -> int:
        if self.workers is not None:
            return self.workers
        alone = getattr(load_agent_class(agent), "one_at_a_time", False)
        return 1 if alone else os.cpu_count() or 1


def _announce(plan: Plan, estimate: Estimate, workers: int, price: tuple[float, float] | None) -> None:
    """Say what will be done and what it will cost."""
    from etude_gym.measure.compute import unit_name

    say(
        f"{plan.config.agent}, depth {plan.config.depth} ({plan.depth.purpose}). "
        f"In every domain: {plan.depth.words}."
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("domain")
    costs = ("tokens of a run", "all its runs") if plan.remote else ("CPU time of a run", "all its runs")
    for name in ("runs", "horizon", *costs):
        table.add_column(name, justify="right")
    for part in plan.parts:
        cost, config = estimate.runs[part.name], part.layout.config
        amount, form = (
            (cost.tokens_in + cost.tokens_out, "{:.2g}") if plan.remote else (cost.cpu_seconds, "{:.0f} s")
        )
        table.add_row(
            part.name,
            str(part.runs),
            f"{config.horizon:.3g} {unit_name(config.unit)}",
            form.format(amount),
            form.format(amount * part.runs),
        )
    console.print(table)
    say(cost_words(estimate, workers, price))


def cost_words(estimate: Estimate, workers: int, price: tuple[float, float] | None) -> str:
    """What an evaluation costs, in a sentence or two.

    Args:
        estimate: of its runs.
        workers: runs side by side.
        price: of a million tokens in and out; None where it is not known.
    """
    if seconds := estimate.seconds(workers):
        side = f"{workers} runs side by side" if workers > 1 else "one run after another"
        return (
            f"CPU time: about {duration(estimate.total('cpu_seconds'))}, by a short trial on this machine; "
            f"with {side} it takes about {duration(seconds)} if the cores are free."
        )
    tokens = [estimate.total(unit) for unit in ("tokens_in", "most_tokens_in", "tokens_out")]
    said = f"From {tokens[0]:.2g} to {tokens[1]:.2g} tokens in (with a full memory), {tokens[2]:.2g} out"
    if price is not None:
        low, high = estimate.money(price)
        said += f"; at {price[0]:g} and {price[1]:g} a million that is {low:.2f} to {high:.2f}"
    note = (
        "It counts one reply to a task, as long as the worked solution: a model that thinks aloud or needs "
    )
    return f"{said}. {note}several replies takes a multiple. How long it takes depends on the endpoint."


def _transfer(evaluation: Evaluation) -> None:
    """Measure transfer between domains, where the learner can read them all."""
    from etude_gym.runs.cross_domain import measure_transfer
    from etude_gym.runs.depths import HEADLINE_ARM

    with console.status("Transfer between domains ...") as status:
        evaluation.attempt(
            "transfer between domains",
            lambda: measure_transfer(
                evaluation, HEADLINE_ARM, lambda pair: status.update(f"Transfer: {pair} ...")
            ),
        )


def _show(evaluation: Evaluation) -> dict[str, str]:
    """Print the table, write results and reports; return what failed."""
    from etude_gym.cli.results import RESULTS
    from etude_gym.report.evaluation import evaluate
    from etude_gym.report.evaluation_page import write_evaluation
    from etude_gym.report.evaluation_tables import domain_table, evaluation_headline
    from etude_gym.report.page import REPORT, write_report
    from etude_gym.runs.folder import write_json

    with console.status("Comparing ..."):
        result = evaluate(evaluation)
    if result.comparisons:
        console.print(domain_table(result))
    say(evaluation_headline(result))
    write_json(evaluation.folder / RESULTS, result.to_json())
    say(f"Results: {evaluation.folder / RESULTS}")
    try:
        for name, comparison in result.comparisons.items():
            write_json(evaluation.folder / name / RESULTS, comparison.to_json())
            with console.status(f"Report of {name} ..."):
                write_report(comparison, evaluation.folder / name / REPORT)
        with console.status("Report ..."):
            write_evaluation(result, evaluation.folder / REPORT)
        say(f"Report: {evaluation.folder / REPORT}")
    except MissingExtra as missing:
        say(str(missing))
    return dict(result.failures)
