"""verifiers (https://github.com/PrimeIntellect-ai/verifiers): a taskset and the environment that plays it.

verifiers finds a taskset as a module at the top that names its parts in ``__all__``; docs/adapters.md shows
one. Scores reach the task sampler where tasks are drawn and played in one process. ``vf-eval`` draws all
tasks of a run before the first one is played, so that there they change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from etude_gym.agents.adapters.source import TaskSource
from etude_gym.errors import MissingExtra
from etude_gym.text import TextTask

try:
    import verifiers.v1 as vf
except ModuleNotFoundError as error:
    raise MissingExtra("The taskset for verifiers", "verifiers") from error

__all__ = ["EtudeEnv", "EtudeTaskset"]

PLAYED: dict[str, tuple[TaskSource, TextTask]] = {}
"""Tasks that were drawn in this process, by name, and where they came from."""


class EtudeConfig(vf.TasksetConfig):
    """What is drawn: ``--env.taskset.env-id EtudeLogic-v0 --env.taskset.practice uniform``."""

    env_id: str = "EtudePlan-v0"
    practice: str = "adaptive"
    seed: int = 0


class EtudeData(vf.TaskData):
    """A task: what makes it again."""

    env_id: str
    family: str
    difficulty: dict[str, float]


class EtudeTask(vf.Task[EtudeData, vf.State, vf.TaskConfig]):
    """A task, whose score is recorded by the environment that plays it."""


class EtudeTaskset(vf.Taskset[EtudeTask, EtudeConfig]):
    """Tasks without end; each is drawn when it is asked for."""

    INFINITE = True

    def load(self) -> Iterator[EtudeTask]:
        """Draw tasks."""
        config = self.config
        source = TaskSource(config.env_id, config.practice, seed=config.seed)
        for drawn in source:
            name, parts = f"{drawn.key:016x}", drawn.parts
            PLAYED[name] = source, drawn
            data = EtudeData(
                name=name,
                system_prompt=parts.system,
                prompt=parts.task,
                env_id=config.env_id,
                family=drawn.family,
                difficulty=drawn.difficulty,
            )
            yield EtudeTask(data, config.task)


class EtudeEnvConfig(vf.EnvConfig):
    """One player, who only chats: nothing that it writes is run outside our own sandbox."""

    player: vf.AgentConfig = vf.AgentConfig(
        harness={"id": "null"}, runtime={"type": "subprocess"}, max_turns=8
    )


class EtudeEnv(vf.Env[EtudeEnvConfig]):
    """Lets the player reply until its task is over, or its turns are; the reward is the score."""

    async def run(self, task: EtudeTask, agents: vf.Agents) -> None:
        """Play one episode.

        Args:
            task: what is played.
            agents: of the environment: "player".
        """
        data = task.data
        played = TextTask(data.env_id, int(data.name, 16), data.difficulty, data.family)
        async with agents.player.interaction(task) as interaction:
            segment = await interaction.turn()
            while not segment.terminated:
                played.reply(segment.last_reply, cut=interaction.trace.is_truncated)
                if played.over:
                    break
                segment = await interaction.turn(played.parts.task)
        outcome = played.outcome()
        if outcome["graded"] and interaction.trace.ok:
            interaction.trace.record_reward("score", float(outcome["score"]), 1.0)
            if data.name in PLAYED:
                source, drawn = PLAYED[data.name]
                source.report(drawn, outcome["score"])
