"""The reference solver: it carries out the plan that was made with the task."""

from __future__ import annotations

from typing import Any

from etude_gym.envs.code.actions import NUM_ACTIONS, SUBMIT
from etude_gym.envs.code.kernel import is_legal
from etude_gym.tasks.kernels import entry_point, part


@part
def planned_action(world: Any) -> Any:
    """The next action of the plan; the first legal one where other actions have spoiled it."""
    if world.steps < world.num_plan and is_legal(world, world.plan[world.steps]):
        return world.plan[world.steps]
    if is_legal(world, SUBMIT):
        return SUBMIT
    for action in range(NUM_ACTIONS):
        if is_legal(world, action):
            return action
    return 0


@entry_point
def solve_batch(worlds: Any, actions: Any) -> None:
    """Write the next action of each plan.

    Args:
        worlds: WORLD (n,).
        actions: int64 (n,), written.
    """
    for row in range(len(worlds)):
        actions[row] = planned_action(worlds[row])
