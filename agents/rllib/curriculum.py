"""The curriculum across env runners: tasks are drawn beside the environments, one model learns on the driver.

Every env runner draws from a copy of the task sampler. After an iteration the driver pulls finished
episodes, FLOPs and environment steps from all runners in one call, lets the one sampler learn from them in
the order of the runners, and pushes its state back, to restarted runners as well. If solutions are imitated,
it also has the reference solver play the tasks that were finished, and shows all learners what it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core import DEFAULT_MODULE_ID

from etude_gym.agents.demonstrations import demonstrate
from etude_gym.agents.rllib.environment import Report, practice_env
from etude_gym.agents.rllib.module import take_flops
from etude_gym.practice.sampler import TaskSampler
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import mix, name_key
from etude_gym.tasks.keys import TaskBatch, join_tasks


def _report_of(env_runner: Any) -> Report | None:
    env = practice_env(env_runner)
    return None if env is None else env.report(env_runner.worker_index or 0, take_flops(env_runner.module))


class Ledger:
    """What all env runners and learners of an algorithm have spent.

    Attributes:
        flops: FLOPs so far, by line of the ledger.
        env_steps: environment steps so far.
        iterations: iterations so far, those that brought nothing included.
    """

    def __init__(self) -> None:
        self.flops = {"rollout": 0, "value": 0, "update": 0}
        self.env_steps = 0
        self.iterations = 0
        self._expenses = _no_expenses()

    def add(self, line: str, flops: Mapping[str, int], cpu_seconds: float, env_steps: int = 0) -> None:
        """Book what an env runner or a learner has spent.

        Args:
            line: "rollout" for an env runner, "update" for a learner: takes CPU seconds and steps.
            flops: FLOPs by line of the ledger, whichever process spent them.
            cpu_seconds: of its process.
            env_steps: environment steps.

        Raises:
            KeyError: for another line.
        """
        for name, amount in flops.items():
            self.flops[name] += amount
        self.env_steps += env_steps
        self._expenses[line]["cpu_seconds"] += cpu_seconds
        self._expenses[line]["env_steps"] += env_steps

    def add_reference(self, work: Mapping[str, float]) -> None:
        """Book what the reference solver spent on drills as curriculum: steps and seconds, no FLOPs.

        Args:
            work: amounts by unit.
        """
        for unit, amount in work.items():
            self._expenses["curriculum"][unit] += amount

    def add_lost(self, env_steps: int) -> None:
        """Book lost environment steps as repeated, with the FLOPs that such steps have taken on average.

        Args:
            env_steps: steps that were taken and never reported.
        """
        self._expenses["repeated"]["env_steps"] += env_steps
        self._expenses["repeated"]["flops"] += self.flops["rollout"] / max(1, self.env_steps) * env_steps

    def take_expenses(self) -> dict[str, dict[str, float]]:
        """Amounts since the last call, by line and unit, without the FLOPs that ``flops`` holds."""
        taken, self._expenses = self._expenses, _no_expenses()
        return taken

    def state_dict(self) -> dict[str, Any]:
        """The totals."""
        return {"flops": dict(self.flops), "env_steps": self.env_steps, "iterations": self.iterations}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state: totals; expenses that were not taken yet are kept as they are.
        """
        self.flops = dict(state["flops"])
        self.env_steps, self.iterations = state["env_steps"], state["iterations"]


def _no_expenses() -> dict[str, dict[str, float]]:
    return {
        "rollout": {"env_steps": 0.0, "cpu_seconds": 0.0},
        "update": {"env_steps": 0.0, "cpu_seconds": 0.0},
        "curriculum": {"env_steps": 0.0, "cpu_seconds": 0.0},
        "repeated": {"env_steps": 0.0, "flops": 0.0},
    }


class Curriculum:
    """The driver's side: the sampler that learns from all env runners, and their ledger.

    Args:
        sampler: learns from the results of all runners.
        ledger: where to book what runners and learners report; a new one if none is given.

    Attributes:
        listener: called with difficulty, reason and scores of finished episodes, as a ``TaskStream`` does.
    """

    def __init__(self, sampler: TaskSampler, ledger: Ledger | None = None) -> None:
        self.sampler = sampler
        self.ledger = ledger or Ledger()
        self.listener: Any = None
        self._incarnations: dict[int, str] = {}

    def begin(self, algorithm: Any) -> None:
        """Bring all processes of an algorithm up to the state of this curriculum.

        Args:
            algorithm: an RLlib algorithm that has been built.
        """
        self.push(algorithm.env_runner_group)

    def push(self, env_runner_group: Any, indices: list[int] | None = None) -> None:
        """Send the sampler's state to env runners.

        Args:
            env_runner_group: of the algorithm.
            indices: of the remote env runners to send to; None for all, the local one included.
        """
        state, generation = self.sampler.state_dict(), self.ledger.iterations

        def listen(env_runner: Any) -> None:
            env = practice_env(env_runner)
            if env is not None:
                env.listen(state, generation)

        env_runner_group.foreach_env_runner(
            listen, local_env_runner=indices is None, remote_worker_ids=indices
        )

    def pull(self, algorithm: Any) -> None:
        """Collect what all env runners and learners have done since the last call, book it and learn from it.

        Args:
            algorithm: an RLlib algorithm after an iteration.
        """
        found = algorithm.env_runner_group.foreach_env_runner(_report_of)
        reports = sorted((r for r in found if r is not None), key=lambda report: report.worker)
        self._book_lost({report.worker: report.incarnation for report in reports}, algorithm.config)
        for report in reports:
            self.book("rollout", report.flops, report.cpu_seconds, report.env_steps)
            self.ledger.add_reference(report.reference)
            self.learn(report)
        self._imitate(algorithm, [batch for report in reports for batch in report.tasks])
        for flops, cpu_seconds in _learner_reports(algorithm.learner_group):
            self.book("update", flops, cpu_seconds)
        self.ledger.iterations += 1

    def _imitate(self, algorithm: Any, tasks: Sequence[TaskBatch]) -> None:
        """Let all learners make what the reference solver does on these tasks more probable."""
        imitation = algorithm.config.learner_config_dict["imitation"]
        if not tasks or not imitation.epochs:
            return
        shown = demonstrate(algorithm.config.env_config["domain"], join_tasks(tasks))
        seed = mix(name_key("imitation"), algorithm.config.seed, self.ledger.iterations)
        order = torch.Generator().manual_seed(int(seed[0]) >> 1)
        minibatches = list(imitation.minibatches(len(shown), order))
        results = algorithm.learner_group.foreach_learner(lambda learner: learner.imitate(shown, minibatches))
        for result in results.result_or_errors:
            if not result.ok:
                raise result.get()
        algorithm.env_runner_group.sync_weights(
            from_worker_or_learner_group=algorithm.learner_group,
            policies=[DEFAULT_MODULE_ID],
            inference_only=True,
        )

    def learn(self, report: Report) -> None:
        """Learn from the finished episodes of an env runner.

        Args:
            report: of one env runner.
        """
        results = report.results
        if self.listener is not None and len(results):
            self.listener(results.difficulty, results.reason, results.scores)
        self.sampler.update(results)

    def book(self, line: str, flops: Mapping[str, int], cpu_seconds: float, env_steps: int = 0) -> None:
        """Book what an env runner or a learner has spent; see ``Ledger.add``.

        Args:
            line: "rollout" or "update".
            flops: FLOPs by line of the ledger.
            cpu_seconds: of its process.
            env_steps: environment steps.
        """
        self.ledger.add(line, flops, cpu_seconds, env_steps)

    def _book_lost(self, present: dict[int, str], config: Any) -> None:
        """Runners that are gone took along what they had not reported: one fragment, by estimate."""
        gone = [w for w, incarnation in self._incarnations.items() if present.get(w) != incarnation]
        self._incarnations = present
        self.ledger.add_lost(
            config.get_rollout_fragment_length() * config.num_envs_per_env_runner * len(gone)
        )


def _learner_reports(learner_group: Any) -> list[tuple[dict[str, int], float]]:
    remote = learner_group.is_remote

    def report(learner: Any) -> tuple[dict[str, int], float]:
        return learner.take_flops(), learner.take_cpu_seconds() if remote else 0.0

    return [result.get() for result in learner_group.foreach_learner(report).result_or_errors]


class CurriculumCallback(RLlibCallback):  # type: ignore[misc]
    """Gives an algorithm its ``curriculum`` and keeps all env runners in step with it."""

    def on_algorithm_init(self, *, algorithm: Any, **_: Any) -> None:
        """Make the sampler that learns."""
        settings = algorithm.config.env_config
        sampler = make_sampler(settings["practice"], settings["domain"].space)
        algorithm.curriculum = Curriculum(sampler)
        algorithm.curriculum.push(algorithm.env_runner_group)

    def on_train_result(self, *, algorithm: Any, result: dict[str, Any], **_: Any) -> None:
        """Learn from the iteration's results, and send the sampler's state to all env runners."""
        curriculum = algorithm.curriculum
        curriculum.pull(algorithm)
        curriculum.push(algorithm.env_runner_group)
        result["practice"] = {
            **curriculum.ledger.state_dict(),
            "sampler": curriculum.sampler.describe(),
        }

    def on_env_runners_recreated(
        self, *, algorithm: Any, env_runner_group: Any, env_runner_indices: list[int], **_: Any
    ) -> None:
        """Restarted runners begin with the curriculum as it is now."""
        algorithm.curriculum.push(env_runner_group, env_runner_indices)
