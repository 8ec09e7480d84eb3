"""The conformance suite: what every registered domain promises, checked from outside.

``etude check ID`` and the tests run the same table, on domains of this package and of others. A contributor's
domain joins by registering; a failing check says what was expected, what happened instead and how to
reproduce it. Unless it says otherwise, task i is episode i of ``gym.make(ID, practice="uniform")`` reset with
seed 0.
"""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from etude_gym.conformance import (
    autoreset,
    drills,
    generation,
    grading,
    harder,
    interface,
    reproducibility,
    texts,
)
from etude_gym.conformance.common import Failure, Size, Skipped
from etude_gym.environment.registration import find_spec
from etude_gym.errors import check_name

Check = Callable[[str, Size], str]
"""Takes an id and a size; returns what was looked at, raises ``Failure`` or ``Skipped``. Its docstring is the
promise that it checks."""

FULL_TASKS = 20_000
STEPS = 200

_CHECKS: tuple[Check, ...] = (
    interface.plain_spaces,
    interface.gymnasium_checker,
    interface.sb3_checker,
    interface.wrong_arguments,
    interface.pinned_values,
    interface.step_after_the_end,
    interface.info_is_plain,
    interface.rendering,
    interface.text_interface,
    texts.prompts_share_rules,
    texts.worked_solutions,
    texts.copies_earn_nothing,
    generation.generation_is_total,
    generation.generation_is_pure,
    generation.axes_change_tasks,
    generation.skills_are_regions,
    generation.task_keys_are_distinct,
    generation.splits_share_nothing,
    generation.adjacent_seeds_share_nothing,
    grading.observations_in_space,
    grading.masks_are_sound,
    grading.masks_agree,
    grading.illegal_actions,
    grading.episodes_end,
    grading.return_is_score,
    grading.oracle_solves,
    grading.chance_is_worth_nothing,
    harder.axes_get_harder,
    drills.drills,
    autoreset.autoreset_next_step,
    autoreset.autoreset_same_step,
    autoreset.autoreset_disabled,
    autoreset.worker_processes,
    autoreset.episodes_are_reported_once,
    reproducibility.same_seed_same_episodes,
    reproducibility.vector_equals_single,
    reproducibility.draws_depend_on_keys_alone,
    reproducibility.seeds_by_list,
    reproducibility.snapshots,
    reproducibility.copies,
    reproducibility.global_random_state,
)

CHECKS: dict[str, Check] = {check.__name__: check for check in _CHECKS}
"""All checks by name."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: name of the check.
        passed: whether the promise is kept; True for a check that does not apply.
        detail: what was checked; why it was skipped; or what was expected and what happened.
        seconds: how long it took.
        skipped: whether the check does not apply to this domain or on this machine.
    """

    name: str
    passed: bool
    detail: str
    seconds: float
    skipped: bool = False


def description(name: str) -> str:
    """What a check promises, in one line.

    Args:
        name: one of ``CHECKS``.

    Raises:
        ValueError: for an unknown check.
    """
    return (CHECKS[check_name("check", name, CHECKS)].__doc__ or "").strip().partition("\n")[0]


def size_for(tasks: int) -> Size:
    """The sizes that go with a number of tasks.

    Args:
        tasks: at least 1.

    Returns:
        ``tasks`` tasks, 1/16 as many environments side by side (16 to 1,024), and 200 steps.
    """
    return Size(tasks, min(max(tasks // 16, 16), 1024), STEPS)


def run_check(env_id: str, name: str, size: Size) -> CheckResult:
    """Run one check; whatever a domain raises is a failure with the place where it was raised.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.
        name: one of ``CHECKS``.
        size: how thorough to be.

    Raises:
        ValueError: for an unknown check.
    """
    check = CHECKS[check_name("check", name, CHECKS)]
    start = time.perf_counter()
    passed, skipped = True, False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*outside the action space")  # checks try such actions
            detail = check(env_id, size)
    except Skipped as reason:
        skipped, detail = True, str(reason)
    except Failure as failure:
        passed, detail = False, str(failure)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        passed = False
        detail = f"{type(error).__name__}: {error} (raised at {frame.filename}:{frame.lineno}, {frame.line})"
    return CheckResult(name, passed, detail, time.perf_counter() - start, skipped)


def run_checks(
    env_id: str, *, tasks: int = FULL_TASKS, names: Iterable[str] | None = None
) -> Iterator[CheckResult]:
    """Check a registered domain.

    Args:
        env_id: a registered id; "module:Id-v0" imports the module first.
        tasks: how many tasks to play where a check counts or averages; 20,000 is what a release needs,
            1,000 takes seconds. The number of environments follows.
        names: checks to run; None for all of them.

    Yields:
        One result for each check, as it comes.

    Raises:
        ValueError: for an unknown id or check, or a number of tasks below 1.
    """
    find_spec(env_id)
    if tasks < 1:
        raise ValueError(f"tasks must be at least 1, got {tasks!r}.")
    chosen = [check_name("check", name, CHECKS) for name in (CHECKS if names is None else names)]
    for name in chosen:
        yield run_check(env_id, name, size_for(tasks))
