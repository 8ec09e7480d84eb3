"""Checks of the contract with libraries and people: checkers, spaces, arguments, rendering, text."""

from __future__ import annotations

import importlib.util
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from etude_gym.conformance.common import (
    Size,
    Skipped,
    expect,
    make,
    make_vector,
    random_actions,
    random_tasks,
    same,
)
from etude_gym.environment.registration import make_domain
from etude_gym.measure.rollout import begin
from etude_gym.randomness import mix
from etude_gym.tasks.domain import Domain, Reply
from etude_gym.tasks.status import Status

HARMLESS = ("unconventional shape",)
"""Warnings of Stable-Baselines3 that say nothing against an environment: tables (matrices) in a Dict are for
networks of one's own."""

COLOR = "\x1b\\[\\d+m"  # of Gymnasium's warnings on a terminal
STATUSES = (Status.OK, Status.MALFORMED, Status.TRUNCATED)
JUNK = (
    "",
    " \n\t",
    "0",
    "-1",
    "9" * 400,
    "1e999",
    "nan",
    "null",
    "[]",
    "{}",
    '{"actions": [0, {"a": null}]}',
    "```\n```",
    "```python\nimport os\n```",
    "<answer></answer>",
    "((((((((((" * 500,
    "\x00\x01\uffff",
    "\U0001f600 \u202eabc\u0301",
    "\ud800",
    "yes",
    "I will " * 20_000,
    ", ; . | / \\ ' \"",
)


def _without_warnings(checker: Callable[..., Any], env: gymnasium.Env[Any, Any], **arguments: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checker(env, **arguments)
    messages = [re.sub(COLOR, "", str(warning.message)) for warning in caught]
    messages = [text for text in messages if not any(harmless in text for harmless in HARMLESS)]
    expect(not messages, f"{checker.__module__} warns: {'; '.join(messages)}")


def gymnasium_checker(env_id: str, size: Size) -> str:
    """Gymnasium's ``check_env`` passes without any warning.

    It expects the same task after the same seed, so the sampler is one that learns nothing in between.
    """
    _without_warnings(check_env, make(env_id, practice="uniform"), skip_render_check=True)
    return f"gymnasium {gymnasium.__version__}"


def sb3_checker(env_id: str, size: Size) -> str:
    """Stable-Baselines3's ``check_env`` passes without any warning."""
    if importlib.util.find_spec("stable_baselines3") is None:
        raise Skipped('Stable-Baselines3 is not installed: pip install "etude-gym[sb3]"')
    import stable_baselines3
    from stable_baselines3.common.env_checker import check_env as check_env_sb3

    _without_warnings(check_env_sb3, make(env_id))
    return f"stable-baselines3 {stable_baselines3.__version__}"


def plain_spaces(env_id: str, size: Size) -> str:
    """Observations are a Box or a Dict of Boxes, with finite bounds; actions are Discrete from 0."""
    env = make(env_id)
    space = env.observation_space
    boxes = list(space.values()) if isinstance(space, gymnasium.spaces.Dict) else [space]
    for box in boxes:
        expect(
            isinstance(box, gymnasium.spaces.Box),
            f"{box} is no Box: give numbers, leave text to the text interface.",
        )
        assert isinstance(box, gymnasium.spaces.Box)
        expect(box.is_bounded("both"), f"{box} has infinite bounds.")
    actions = env.action_space
    expect(
        isinstance(actions, gymnasium.spaces.Discrete) and actions.start == 0,
        f"{actions} is not Discrete from 0.",
    )
    numbers = sum(int(np.prod(box.shape or ())) for box in boxes)
    return f"{numbers} numbers, {env.domain.action_space.n} actions"


def rendering(env_id: str, size: Size) -> str:
    """Text and pictures show the beginning and the end of every episode; all pictures have one size."""
    shapes = set()
    for mode in ("ansi", "rgb_array"):
        env = make(env_id, render_mode=mode)
        for seed in range(2):
            env.reset(seed=seed)
            pictures = [env.render()]
            _play_to_the_end(env)
            pictures.append(env.render())
            for picture in pictures:
                if mode == "ansi":
                    expect(isinstance(picture, str) and picture, "render_mode='ansi' has to give text.")
                    continue
                good = isinstance(picture, np.ndarray) and picture.dtype == np.uint8
                expect(
                    good and picture.ndim == 3 and picture.shape[2] == 3,
                    f"{mode} has to give uint8 (h, w, 3).",
                )
                shapes.add(picture.shape)
        frames = make_vector(env_id, 2, render_mode=mode)
        frames.reset(seed=0)
        expect(same(frames.render()[1], pictures[0]), f"A vector shows something else in mode {mode}.")
    expect(len(shapes) == 1, f"Pictures have several sizes, which no video can hold: {sorted(shapes)}.")
    return f"text, pictures of {shapes.pop()}"


def _play_to_the_end(env: Any) -> list[dict[str, Any]]:
    """Play at random; returns what ``info`` held after each step."""
    infos: list[dict[str, Any]] = []
    over = False
    while not over:
        action = int(random_actions(env.action_masks()[None], mix(len(infos)), 0)[0])
        _, _, over, _, info = env.step(action)
        infos.append(info)
    return infos


def _expect_refusal(call: Callable[[], Any], *words: str, kind: type[Exception] = ValueError) -> None:
    try:
        call()
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        expect(not missing, f"The error {str(error)!r} should name {missing}.")
        return
    expect(False, f"Nothing was raised where a {kind.__name__} that names {words} was expected.")


def wrong_arguments(env_id: str, size: Size) -> str:
    """A wrong value raises ValueError, an unknown keyword TypeError, at once; both name the nearest."""
    space = make_domain(env_id).space
    axis, family = space.names[0], space.families[0]
    env = make(env_id)
    env.reset(seed=0)
    hint = "Did you mean"
    _expect_refusal(lambda: make(env_id, practice="adaptiv"), "'adaptive'", hint)
    _expect_refusal(lambda: make(env_id, split="practise"), "'practice'", hint)
    for maker in (make, lambda env_id, **arguments: make_vector(env_id, 2, **arguments)):
        _expect_refusal(
            lambda maker=maker: maker(env_id, dificulty={}),  # type: ignore[misc]
            "got an unexpected keyword argument 'dificulty'",
            hint,
            "'difficulty'",
            kind=TypeError,
        )
    _expect_refusal(lambda: env.reset(options={"dificulty": {}}), "'difficulty'", hint)
    for use in (lambda **pinned: make(env_id, **pinned), lambda **pinned: env.reset(options=pinned)):
        _expect_refusal(lambda use=use: use(difficulty={axis + "x": 0.5}), repr(axis), hint)  # type: ignore[misc]
        _expect_refusal(lambda use=use: use(family=family + "x"), repr(family), hint)  # type: ignore[misc]
        for value in (1.5, -0.1, float("nan"), "hard", None):
            _expect_refusal(lambda use=use, value=value: use(difficulty={axis: value}), axis, "[0, 1]")  # type: ignore[misc]
    return f"axis {axis!r}, family {family!r}, sampler, split, option"


def pinned_values(env_id: str, size: Size) -> str:
    """Pinned difficulty and family, for good or for one reset, are what ``info`` shows."""
    space = make_domain(env_id).space
    difficulty = {name: round((i + 1) / (len(space) + 1), 3) for i, name in enumerate(space.names)}
    for family in space.families:
        for practice in ("uniform", "static", "adaptive"):
            pinned = make(env_id, practice=practice, difficulty=difficulty, family=family)
            free = make(env_id, practice=practice)
            options = {"difficulty": difficulty, "family": family}
            for info in (pinned.reset(seed=1)[1], pinned.reset()[1], free.reset(seed=1, options=options)[1]):
                expect(
                    info["difficulty"] == difficulty and info["family"] == family,
                    f"Pinned {difficulty}, {family!r}; info shows {info['difficulty']}, {info['family']!r}.",
                )
        env = make_vector(env_id, 4, difficulty=difficulty, family=family)
        for _ in range(3):
            infos = env.reset()[1]
            expect(
                (infos["difficulty"] == list(difficulty.values())).all()
                and (infos["family"] == space.families.index(family)).all(),
                f"A vector pinned to {difficulty}, {family!r} plays something else.",
            )
    return f"{len(space)} axes, {len(space.families)} families"


def step_after_the_end(env_id: str, size: Size) -> str:
    """Whatever is used before the first reset, and a step after the end: the error says to reset."""
    env, vector = make(env_id, render_mode="ansi"), make_vector(env_id, 2, render_mode="ansi")
    for use in (
        *(env.render, env.action_masks, env.task_metrics, lambda: env.step(0)),
        *(vector.render, vector.action_masks, vector.tasks, lambda: vector.step([0, 0])),
    ):
        _expect_refusal(use, "reset()", kind=RuntimeError)
    env.reset(seed=0)
    _play_to_the_end(env)
    _expect_refusal(lambda: env.step(0), "reset()", kind=RuntimeError)
    return "before the first reset, after the end"


def info_is_plain(env_id: str, size: Size) -> str:
    """``info`` can be written as JSON but for the mask; that of a vector holds arrays of plain types."""
    env = make(env_id)
    told: set[str] = set()
    for seed in range(3):
        infos = [env.reset(seed=seed)[1], *_play_to_the_end(env)]
        for info in infos:
            plain = {name: value for name, value in info.items() if name != "action_mask"}
            json.dumps(plain, allow_nan=False)
            told |= plain.keys()
        expect(isinstance(infos[0]["task_key"], int), "info['task_key'] is no Python integer.")
        expect("score" in infos[-1] and "solved" in infos[-1], "The last info lacks 'score' or 'solved'.")
    json.dumps(env.task_metrics(), allow_nan=False)
    vector = make_vector(env_id, 4)
    _, infos_of_vector = vector.reset(seed=0)
    for _ in range(size.steps // 4):
        arrays = {**infos_of_vector, **infos_of_vector.get("final_info", {})}
        for name in arrays.keys() - {"final_info", "final_obs"}:
            kind = getattr(getattr(arrays[name], "dtype", None), "kind", "O")
            expect(kind in "biuf", f"infos[{name!r}] of a vector is no array of numbers: {arrays[name]!r}.")
        actions = random_actions(vector.action_masks(), mix(len(told), np.arange(4)), 0)
        infos_of_vector = vector.step(actions)[4]
    return ", ".join(sorted(told))


def text_interface(env_id: str, size: Size) -> str:
    """The prompt is text; any reply at all is parsed without an error, into actions or into a problem."""
    domain = make_domain(env_id)
    moment = begin(domain, random_tasks(domain, 20))
    rows = np.arange(20)
    before = domain.outcome(moment.worlds, rows)
    try:
        prompts = [domain.prompt(moment.worlds, row) for row in range(20)]
    except NotImplementedError:
        raise Skipped("the domain has no text interface") from None
    for row, prompt in enumerate(prompts):
        expect(isinstance(prompt, str) and prompt.strip(), "A prompt is empty or no text.")
        for reply in (*JUNK, prompt, prompt[::-1], prompt[: len(prompt) // 2]):
            _check_reply(domain, domain.parse(moment.worlds, row, reply), reply)
    after = domain.outcome(moment.worlds, rows)
    expect(same(before, after), "Reading a prompt or a reply changes a task.")
    return f"prompts of up to {max(map(len, prompts))} characters, {20 * (len(JUNK) + 3)} replies"


def _check_reply(domain: Domain, parsed: Reply, reply: str) -> None:
    shown = reply if len(reply) <= 60 else reply[:60] + "..."
    expect(
        parsed.status in STATUSES,
        f"Status {parsed.status!r} for the reply {shown!r}, expected one of {STATUSES}.",
    )
    legal = all(isinstance(a, int) and 0 <= a < int(domain.action_space.n) for a in parsed.actions)
    expect(legal, f"The reply {shown!r} became {parsed.actions}, not all of them actions.")
    if parsed.status == Status.OK:
        meant = bool(parsed.actions) or parsed.submission is not None
        expect(meant, f"The reply {shown!r} has status 'ok' but neither actions nor a submission.")
    else:
        expect(parsed.problem, f"The reply {shown!r} has status {parsed.status!r} but no problem.")
