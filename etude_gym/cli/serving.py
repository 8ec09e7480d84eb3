"""``etude serve``: practice as a service over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from etude_gym.cli.terminal import shown
from etude_gym.runs.agents import load_tool


@dataclass(frozen=True)
class Serve:
    """Practice as a service, for a trainer of your own: tasks, grades and adaptation over HTTP.

    Your trainer draws a batch of prompts, sends the replies of its model, and gets scores; the task sampler
    adapts to them. Everything is kept in a run folder; go on with `etude serve --resume FOLDER`, also after a
    crash. Hidden tests, worked solutions and anchor tasks are never given out.

    In another terminal:

      curl localhost:8765/                # what can be asked
      curl localhost:8765/draw -H 'Content-Type: application/json' -d '{"n": 2}'
      curl localhost:8765/reply -H 'Content-Type: application/json' -d '{"episode": 0, "reply": "go Alder"}'
      curl localhost:8765/state

    On an address that others reach, set the environment variable ETUDE_SERVE_TOKEN; every request then has to
    bring it as `Authorization: Bearer TOKEN`. There is no encryption: put a proxy before it that has TLS.

    Args:
        env: id of the environment; `module:Id-v0` imports the module first.
        arm: task sampler, with options after commas: `schedule,ramp_episodes=100`.
        seed: of the streams of tasks.
        out: folder of the run.
        resume: folder of a run to go on with; environment, arm and seed are read from there.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        max_open: episodes that may be open at once.
        max_body: longest request, in bytes.
        rate: most requests a second.
    """

    env: tyro.conf.Positional[Annotated[str, shown("[ID]")]] = "EtudePlan-v0"
    arm: Annotated[str, shown("NAME")] = "adaptive"
    seed: Annotated[int, shown("N")] = 0
    out: Annotated[Path | None, shown("FOLDER", "default: runs/serve-ID-TIME")] = None
    resume: Annotated[Path | None, shown("FOLDER", "default: start a new one")] = None
    host: Annotated[str, shown("ADDRESS")] = "127.0.0.1"
    port: Annotated[int, shown("N")] = 8765
    max_open: Annotated[int, shown("N")] = 1024
    max_body: Annotated[int, shown("BYTES")] = 1_000_000
    rate: Annotated[float, shown("N")] = 500.0

    def run(self) -> None:
        """Serve until interrupted."""
        from etude_gym.runs.folder import timestamp

        serve = load_tool("serve").serve
        if self.resume is not None:
            given = [
                name for name in ("env", "arm", "seed", "out") if getattr(self, name) != getattr(Serve, name)
            ]
            if given:
                raise ValueError(f"--resume reads the run from the folder: leave out {', '.join(given)}.")
        serve(
            folder=self.resume
            or self.out
            or Path("runs") / f"serve-{self.env.rpartition(':')[2]}-{timestamp()}",
            new=None if self.resume else {"env_id": self.env, "arm": self.arm, "seed": self.seed},
            host=self.host,
            port=self.port,
            max_open=self.max_open,
            max_body=self.max_body,
            rate=self.rate,
            say=lambda line: print(line, flush=True),
        )
