"""What a learner that works on many processes or machines may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """Where an agent that can use a cluster (`rllib`) works; the defaults are one process on this machine.

    Attributes:
        env_runners: processes that practice, one core each; 0 practices in the run's own process.
        learners: processes that learn, one core or their GPUs each; 0 learns in the run's own process.
        gpus_per_learner: GPUs of each learner, or of the run's own process; parts of one are allowed.
        address: of the Ray cluster to join, such as `auto`; `local` starts one on this machine.
    """

    env_runners: int = 0
    learners: int = 0
    gpus_per_learner: float = 0.0
    address: str = "local"

    def __post_init__(self) -> None:
        for name in ("env_runners", "learners", "gpus_per_learner"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number that is not negative, got {value!r}.")

    @property
    def remote(self) -> bool:
        """Whether anything happens outside the run's own process."""
        return self.env_runners > 0 or self.learners > 0

    @property
    def needed(self) -> dict[str, float]:
        """What a cluster has to have, by Ray's names of resources."""
        gpus = self.gpus_per_learner * max(1, self.learners)
        learner_cores = 0 if self.gpus_per_learner else self.learners
        return {"CPU": float(self.env_runners + learner_cores), "GPU": gpus}


ONE_PROCESS = Resources()
"""Everything happens in the run's own process."""
