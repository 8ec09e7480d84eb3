"""``etude practice``: arms x seeds of practice runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from etude_gym.cli.results import show_results
from etude_gym.cli.terminal import console, say, shown
from etude_gym.runs.agents import ONE_PROCESS, Resources, load_agent_class
from etude_gym.runs.options import parse_options

GROWING = ("resume", "workers", "arms", "seeds")
"""What may be given beside `--resume`."""

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"arms": ("static", "uniform", "easy", "schedule", "adaptive"), "seeds": 3, "items": 50},
    "full": {
        "arms": ("static", "uniform", "easy", "schedule", "adaptive", "learnability", "learning_progress"),
        "seeds": 10,
        "items": 200,
    },
}
"""What ``etude practice --preset`` sets: arms, seeds, and anchor tasks per cell and checkpoint."""


def _of_preset(name: str) -> str:
    """What each preset sets an argument to."""
    return "default: " + "; ".join(
        f"{preset}: {' '.join(value) if isinstance(value := values[name], tuple) else value}"
        for preset, values in PRESETS.items()
    )


@dataclass(frozen=True)
class LanguageModel:
    """A language model, behind an OpenAI-compatible endpoint (`llm`) or on this machine (`llm_finetune`).

    The endpoint's key is read from the environment variable ETUDE_API_KEY or OPENAI_API_KEY.

    Attributes:
        model: its name at the endpoint; a folder or a GGUF file for `llm_finetune`.
        base_url: address of the endpoint.
        parameters: how many it has: compute is counted in FLOPs then, else in tokens.
        concurrency: requests under way at once.
        max_tokens: tokens of a reply, at most.
        examples: worked solutions that its memory shows, at most.
        temperature: of sampling; 0 is greedy.
        deadline: seconds for one request in all, with everything that is tried again.
        timeout: seconds for one attempt.
        tokenizer: `characters` counts four characters as a token, for servers that report no usage.
    """

    model: Annotated[str | None, shown("NAME", "default: none")] = None
    base_url: Annotated[str | None, shown("URL", "default: none")] = None
    parameters: Annotated[float | None, shown("N", "default: not known")] = None
    concurrency: Annotated[int | None, shown("N", "default: 4")] = None
    max_tokens: Annotated[int | None, shown("N", "default: 2048")] = None
    examples: Annotated[int | None, shown("N", "default: 8")] = None
    temperature: Annotated[float | None, shown("T", "default: 0")] = None
    deadline: Annotated[float | None, shown("SECONDS", "default: 600")] = None
    timeout: Annotated[float | None, shown("SECONDS", "default: 120")] = None
    tokenizer: Annotated[str | None, shown("NAME", "default: what the server reports")] = None

    @property
    def options(self) -> dict[str, Any]:
        """Those that were given, as arguments of an agent."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in given.items() if value is not None}


NO_LANGUAGE_MODEL = LanguageModel()


def agent_options(agent: str, option: Sequence[str], language_model: LanguageModel) -> dict[str, Any]:
    """All options of an agent that were given, in either way.

    Args:
        agent: name of the agent.
        option: each NAME=VALUE.
        language_model: options with a name of their own on the command line.

    Raises:
        ValueError: for options that the agent does not take.
    """
    typed = parse_options(option, agent, load_agent_class(agent)) if option else {}
    return {**language_model.options, **typed}


@dataclass(frozen=True)
class Practice:
    """Let a learner practice in every arm (a way to choose tasks) on every seed; compare how fast it learned.

    Writes one folder for each run, TensorBoard files among them, shows progress, prints the comparison
    and draws it. Ctrl-C saves every run and leaves; go on with `etude practice --resume FOLDER`, also
    after a crash.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        preset: how much to run; `quick` takes minutes, `full` is for results to be reported.
        agent: the learner, by name or as `module:Class` of your own.
        arms: task samplers to compare; `static` is the reference of Practice Efficiency. Options follow a
            name after commas: `schedule,ramp_episodes=5000`, `focus,horizon=0.75-1`.
        seeds: how many seeds each arm gets.
        first_seed: the first of them.
        horizon: training compute of each run.
        items: anchor tasks per cell (family x band) and checkpoint.
        workers: runs side by side.
        out: folder of the experiment.
        resume: folder of an experiment to go on with; everything else is read from there. With `--arms` or
            `--seeds` it grows: further arms are added, and seeds up to that number.
        bands: of the anchor tasks: -1 is the entry band below the first one, 0 the easiest, 3 the hardest.
        resources: for `--agent rllib`.
        start: a finished run whose trained agent practices on, or a folder with one of each seed.
        option: an argument of the agent, such as `--option network=[64,64] --option n_steps=32`.
        recipes: file with the horizon and the options of the agent, as `etude pilot` writes it.
        salt: secret of the anchor tasks. Experiments of one salt answer the same tasks, which pairs their
            seeds; a salt is published in record.json when an experiment has ended.
        name: of the experiment, as comparisons call it.
        notes: whatever is worth keeping with the runs.
        language_model: for `--agent llm` and `--agent llm_finetune`.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    preset: Literal["quick", "full"] = "full"
    agent: Annotated[str, shown("NAME", "default: sb3, that is MaskablePPO; rllib for clusters")] = "sb3"
    arms: Annotated[tuple[str, ...], shown("NAME ...", _of_preset("arms"))] = ()
    seeds: Annotated[int | None, shown("N", _of_preset("seeds"))] = None
    first_seed: Annotated[int, shown("N")] = 0
    horizon: Annotated[float | None, shown("FLOPS", "default: shipped with the recipe")] = None
    items: Annotated[int | None, shown("N", _of_preset("items"))] = None
    bands: Annotated[
        tuple[int, ...], shown("N ...", "default: 0 1 2 3, and -1 before them for language models")
    ] = ()
    workers: Annotated[
        int | None, shown("N", "default: one for each core; 1 with env runners, learners or a server")
    ] = None
    out: Annotated[Path | None, shown("FOLDER", "default: runs/ID-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: start a new one")] = None
    start: Annotated[Path | None, shown("RUN", "default: an untrained agent")] = None
    option: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], shown("NAME=VALUE", "default: as in the recipe")
    ] = ()
    recipes: Annotated[Path | None, shown("FILE", "default: shipped with the agent")] = None
    salt: Annotated[int | None, shown("N", "default: drawn")] = None
    name: Annotated[str, shown("NAME", "default: none")] = ""
    notes: Annotated[str, shown("TEXT", "default: none")] = ""
    resources: Annotated[Resources, tyro.conf.arg(name="")] = ONE_PROCESS
    language_model: Annotated[LanguageModel, tyro.conf.arg(name="")] = NO_LANGUAGE_MODEL

    def run(self) -> None:
        """Run the experiment to its end and show what came out."""
        from etude_gym.cli.progress import practice_with_progress

        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")
        experiment = self._experiment()
        folder = shlex.quote(str(experiment.folder))
        say(f"Experiment in {folder}. Watch it: tensorboard --logdir {folder}")
        go_on = f"Go on with: etude practice --resume {folder}"
        try:
            finished = practice_with_progress(experiment, self.workers, console)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{go_on}") from error
        if not finished:
            say(f"Stopped; every run is saved. {go_on}")
            raise SystemExit(130)
        show_results([experiment.folder], experiment.folder)

    def _experiment(self) -> Any:
        from etude_gym.runs.experiment import Experiment
        from etude_gym.runs.folder import timestamp
        from etude_gym.runs.layout import ExperimentConfig

        if self.resume is not None:
            self._check_nothing_else_is_given()
            experiment = Experiment(self.resume)
            if self.arms or self.seeds is not None:
                experiment.grow(self.arms, self.seeds)
            experiment.run_folders()
            return experiment
        preset = PRESETS[self.preset]
        config = ExperimentConfig(
            env_id=self.env,
            agent=self.agent,
            arms=self.arms or preset["arms"],
            seeds=self.seeds if self.seeds is not None else preset["seeds"],
            first_seed=self.first_seed,
            horizon=self.horizon,
            items=self.items if self.items is not None else preset["items"],
            resources=self.resources,
            bands=self.bands or None,
            start=self.start,
            options=agent_options(self.agent, self.option, self.language_model),
            recipes=self.recipes,
            salt=self.salt,
            name=self.name,
            notes=self.notes,
        )
        folder = self.out or Path("runs") / f"{self.env.rpartition(':')[2]}-{timestamp()}"
        with console.status("Preparing: compiling kernels if needed, measuring the random agent ..."):
            return Experiment.create(folder, config)

    def _check_nothing_else_is_given(self) -> None:
        given = [f.name for f in fields(self) if f.init and getattr(self, f.name) != f.default]
        given = [name for name in given if name not in ("resources", "language_model")]
        given += list(self.language_model.options)
        given += [f.name for f in fields(Resources) if getattr(self.resources, f.name) != f.default]
        others = [name.replace("_", "-") for name in given if name not in GROWING]
        if others:
            raise ValueError(f"--resume reads everything from the folder: leave out {', '.join(others)}.")
