"""Our tasks in other libraries: ten tasks in each, run by the library itself where it is installed."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import PATIENCE, wait_until

from etude_gym.agents.adapters.source import Episodes, TaskSource
from etude_gym.text import TextTask

ROOT = Path(__file__).resolve().parent.parent
TASKS = 10


# --- What all adapters stand on --------------------------------------------------------------------------


def test_a_source_draws_the_tasks_of_its_stream_and_adapts_to_their_scores():
    sources = [TaskSource("EtudePlan-v0", seed=4) for _ in range(2)]
    before = sources[0].sampler.state_dict()
    for _ in range(TASKS):
        tasks = [source.draw() for source in sources]
        assert tasks[0].prompt == tasks[1].prompt
        for source, task in zip(sources, tasks, strict=True):
            while not task.over:
                task.reply(task.reference())
            source.report(task)
    assert sources[0].sampler.state_dict() == sources[1].sampler.state_dict() != before
    assert sources[0].sampler.describe()["limit_delivery"] > 0.1


def test_what_was_not_graded_is_not_reported(monkeypatch):
    source = TaskSource("EtudePlan-v0")
    task, before = source.draw(), source.sampler.state_dict()
    monkeypatch.setattr(TextTask, "outcome", lambda _: {"score": 0.0, "graded": False})
    source.report(task)
    assert source.sampler.state_dict() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("EtudePlann-v0",), "EtudePlan-v0"),
        (("EtudePlan-v0", "adaptiv"), "Did you mean 'adaptive'"),
        (("EtudePlan-v0", None, "anchor"), "Allowed: 'practice', 'probe'"),
    ],
)
def test_a_source_of_what_does_not_exist_is_refused(arguments, told):
    with pytest.raises(Exception, match=told):
        TaskSource(*arguments)


def test_a_source_of_drills_is_refused_as_prompts_hold_whole_tasks():
    with pytest.raises(ValueError, match="in the middle of their tasks"):
        TaskSource("EtudePlan-v0", "drill").draw()


def test_rewards_of_an_episode_add_up_to_its_score_and_each_episode_is_reported_once(monkeypatch):
    source, reported = TaskSource("EtudeCode-v0", "uniform"), []
    monkeypatch.setattr(source, "report", lambda task: reported.append(task.outcome()["score"]))
    episodes, expected = Episodes(source), []
    for given_up in (False, True, False):
        task, total = episodes.begin(), 0.0
        total += episodes.reply("nothing to read")[1]
        while not (task.over or given_up):
            total += episodes.reply(task.reference())[1]
        expected.append(total)
    episodes.close()
    episodes.close()
    assert reported == expected == [1.0, 0.0, 1.0]
    with pytest.raises(ValueError, match="reset the environment first"):
        episodes.reply("go")


# --- Inspect ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plan", "logic", "code"])
def test_inspect_finds_the_tasks_by_name_and_scores_worked_solutions_with_1(tmp_path, monkeypatch, name):
    inspect_ai = pytest.importorskip("inspect_ai")
    # In a checkout, Inspect takes the package for one that is not installed.
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path or ".").resolve() != ROOT])
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from etude_gym.agents.adapters import inspect_ai as adapter

    tasks = {
        sample.input[1].text: adapter.task_of(sample.id, sample.metadata)
        for sample in getattr(adapter, name)(n=TASKS).dataset
    }

    def reply(messages, *_):
        said = [message.text for message in messages if message.role == "assistant"]
        output = ModelOutput.from_content(
            "mockllm/model", TextTask.replay(tasks[messages[1].text], said).reference()
        )
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # or it is counted online
        return output

    [log] = inspect_ai.eval(
        f"etude_gym/{name}",
        task_args={"n": TASKS},
        model=get_model("mockllm/model", custom_outputs=reply),
        display="none",
        log_dir=str(tmp_path),
    )
    assert log.status == "success"
    assert len(log.samples) == TASKS
    assert log.results.scores[0].metrics["mean"].value == 1.0


# --- GEM -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_gem_makes_the_environments_by_name_and_their_scores_move_the_sampler():
    gem = pytest.importorskip("gem")
    from etude_gym.agents.adapters.gem import EtudeEnv

    env = gem.make("etude:plan")
    for episode in range(TASKS):
        env.reset(seed=0 if episode == 0 else None)
        total, over = 0.0, False
        while not over:
            _, reward, terminated, truncated, info = env.step(env.unwrapped.task.reference())
            total, over = total + reward, terminated or truncated
        assert (total, info["solved"]) == (1.0, True)
    assert env.source.sampler.describe()["limit_delivery"] > 0.2
    source = TaskSource("EtudeLogic-v0")
    vector = gem.make_vec(["etude:logic"] * 2, seed=1, source=source)
    assert len(vector.reset()[0]) == 2
    _, rewards, *_ = vector.step(["nothing", "to read"])
    assert list(rewards) == [0.0, 0.0]
    assert all(env.source is source for env in vector.envs)
    assert isinstance(env.unwrapped, EtudeEnv)


# --- OpenEnv ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_openenv_serves_tasks_over_its_own_client_and_sessions_share_a_sampler(monkeypatch):
    pytest.importorskip("openenv")
    import uvicorn
    from openenv.core.generic_client import GenericEnvClient

    from etude_gym.agents.adapters import openenv as adapter

    drawn, draw = [], adapter.SOURCE.draw

    def noted():
        drawn.append(draw())
        return drawn[-1]

    monkeypatch.setattr(adapter.SOURCE, "draw", noted)
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(adapter.app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        with GenericEnvClient(address).sync() as one, GenericEnvClient(address).sync() as other:
            for episode in range(TASKS):
                client = (one, other)[episode % 2]
                result, total = client.reset(), 0.0
                assert result.observation["prompt"] == drawn[-1].parts.task
                while not result.done:
                    result = client.step({"text": drawn[-1].reference()})
                    total += result.reward
                assert (total, result.observation["status"]) == (1.0, "ok")
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        bound.close()
    assert len(drawn) == TASKS
    assert adapter.SOURCE.sampler.describe()["limit_delivery"] > 0.2


# --- TRL -------------------------------------------------------------------------------------------------


def small_model_and_tokenizer():
    """A random model of one layer over bytes, and its tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    characters = ["<pad>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bytes_alone = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(characters)}, merges=[]))
    bytes_alone.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_alone.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_alone, pad_token="<pad>", eos_token="<eos>")
    tokenizer.padding_side = "left"
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = LlamaConfig(vocab_size=len(characters), max_position_embeddings=2**14, pad_token_id=0, **sizes)
    return LlamaForCausalLM(config), tokenizer


@pytest.mark.slow
def test_trl_trains_on_the_stream_of_tasks_and_each_groups_mean_reaches_the_sampler(tmp_path, monkeypatch):
    trl = pytest.importorskip("trl")
    from etude_gym.agents.adapters.trl import GRPOPractice

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    practice = GRPOPractice("EtudePlan-v0")
    reported, report = [], practice.source.report

    def spy(task, score):
        reported.append((task, score))
        report(task, score)

    monkeypatch.setattr(practice.source, "report", spy)
    model, tokenizer = small_model_and_tokenizer()
    settings = {"max_completion_length": 8, "report_to": [], "use_cpu": True, "bf16": False}
    args = trl.GRPOConfig(
        str(tmp_path), max_steps=TASKS // 2, per_device_train_batch_size=4, num_generations=2,
        shuffle_dataset=False, save_strategy="no", **settings,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model, practice.reward, args=args, train_dataset=practice.dataset(), processing_class=tokenizer
    )
    trainer.train()
    assert [task.key for task, _ in reported] == [task.key for task in practice.drawn[:TASKS]]
    assert len(practice.drawn) <= TASKS + 4
    task = practice.drawn[0]
    completions = [[{"role": "assistant", "content": text}] for text in (task.reference(), "?")]
    assert practice.reward(completions, etude_task=[0, 0]) == [1.0, 0.0]
    assert reported[-1][1] == 0.5


# --- verifiers -------------------------------------------------------------------------------------------


@contextmanager
def model_that_knows(tasks):
    """A server of chat completions that replies with worked solutions; yields its address."""
    known = {task.parts.task.strip(): task for task in tasks}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = {"user": [], "assistant": []}
            for message in body["messages"]:
                content = message["content"]
                text = content if isinstance(content, str) else "".join(part["text"] for part in content)
                said.setdefault(message["role"], []).append(text)
            task = known[said["user"][0].strip()]
            reply = TextTask.replay(task, said["assistant"]).reference()
            chunk = {"id": "0", "object": "chat.completion.chunk", "created": 0, "model": "known"}
            delta = {"role": "assistant", "content": reply}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            events = [
                {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                {"choices": [], "usage": usage},
            ]
            lines = [json.dumps(chunk | event) for event in events] + ["[DONE]"]
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write("".join(f"data: {line}\n\n" for line in lines).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_verifiers_evaluates_the_taskset_by_its_own_command(tmp_path):
    pytest.importorskip("verifiers")
    command = shutil.which("vf-eval", path=os.path.dirname(sys.executable)) or "vf-eval"
    if not shutil.which("uv"):
        pytest.skip("verifiers runs its chat program by uv")
    (tmp_path / "etude.py").write_text(
        "from etude_gym.agents.adapters.verifiers import EtudeEnv, EtudeTaskset\n\n"
        '__all__ = ["EtudeEnv", "EtudeTaskset"]\n'
    )
    source = TaskSource("EtudePlan-v0")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    with model_that_knows([source.draw() for _ in range(TASKS)]) as address:
        done = subprocess.run(
            [command, "etude", "-n", str(TASKS), "-m", "known", "--client.base-url", address,
             "--client.api-key-var", "NO_KEY", "--no-push", "-c", "4"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": path, "NO_KEY": "none"},
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [traces] = tmp_path.glob("outputs/*/traces.jsonl")
    rewards = [
        trace["rewards"]["score"]["score"]
        for line in traces.read_text().splitlines()
        for trace in json.loads(line)["traces"]
    ]
    assert rewards == [1.0] * TASKS
