"""TensorBoard's HPARAMS tab: runs with what they were and what came out, so that they sort by it."""

from __future__ import annotations

from etude_gym.report.comparison import ArmResult, Comparison
from etude_gym.runs.experiment import experiment_of
from etude_gym.runs.tensorboard_log import TensorBoardLog


def write_hyperparameters(comparison: Comparison) -> None:
    """Write each run's method, seed and results to TensorBoard's HPARAMS tab.

    The column of Practice Efficiency names the reference and its experiment: a board that holds runs of
    several comparisons has a column for each, so that no ranking mixes references. Areas compare across all
    runs of an environment and horizon.

    Args:
        comparison: the finished runs; an event file is added to the folder of each.
    """
    reference = f"PE_against_{comparison.reference}_of_{_experiment(comparison)}"
    for result in comparison.arms:
        for place, run in enumerate(comparison.runs[result.arm]):
            TensorBoardLog(run.folder).hyperparameters(
                {
                    "method": result.arm,
                    "arm": run.config.arm,
                    "seed": str(run.config.seed),
                    "agent": run.config.agent,
                    "environment": run.config.env_id,
                },
                {
                    "area": result.areas[place],
                    reference: _efficiency(result, place),
                    "final_anchor_score": float(run.curve.mean[-1]),
                    **{
                        f"{comparison.unit}_to_{m.fraction * 100:.0f}_percent": m.agent[place]
                        for m in result.milestones
                    },
                },
            )


def _efficiency(result: ArmResult, place: int) -> float | None:
    """Practice Efficiency of one run: its area relative to the mean area of the reference."""
    base = result.efficiency.area_reference
    return None if result.efficiency.value is None else result.areas[place] / base


def _experiment(comparison: Comparison) -> str:
    """Name of the folder of the reference's experiment; of its run where it stands alone."""
    folder = comparison.runs[comparison.reference][0].folder.resolve()
    return (experiment_of(folder) or folder).name
