"""Checkpoints as plain records: what goes in comes out bit for bit, and nothing in a file is executed."""

from __future__ import annotations

import json
import math
import pickle
import random
import subprocess
import sys
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from etude_gym.runs.config import RunConfig
from etude_gym.runs.folder import CHECKPOINTS, CONFIG, LATEST, PICKLED, IncompleteRun, Run
from etude_gym.runs.practice_run import practice_run
from etude_gym.runs.records import FORMAT, STATE, UnreadableState, pack, unpack

ROOT = Path(__file__).resolve().parent.parent
WORLD = np.dtype(
    [("where", "<f4", (3,)), ("open", "u1"), ("inner", [("count", "<i8"), ("seen", "?", (2, 2))])], align=True
)


def world(rows):
    made = np.zeros(rows, dtype=WORLD)
    made["where"], made["inner"]["count"] = 0.1, np.arange(rows)
    return made


def same(left, right):
    """Equal in type and in every bit."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (np.ndarray, np.generic)):
        if left.dtype.names:  # between fields there may be anything
            return left.dtype == right.dtype and repr(left.tolist()) == repr(right.tolist())
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    return left == right if isinstance(left, int) else repr(left) == repr(right)


STATES = {
    "nothing": {},
    "plain": {"a": None, "b": [True, False, 0, 1, -1, "", "é", "\ud800", 'quoted "!"']},
    "floats": {"a": [0.1, -0.0, 1e-320, math.inf, -math.inf, math.nan, sys.float_info.max]},
    "integers": {"a": [2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**64), 10**5000]},
    "tuples": {"a": (), "b": ((1,), [(2, [3])])},
    "keys": {"a": {0: "zero", (1, 2): "pair", None: "none", 1.5: "x"}, "!array": 1, "!": {"!b": 2}},
    "numbers": {kind: np.arange(3).astype(kind) for kind in ("?", "i1", "u2", "u8", "f2", "f4", "f8", "c16")},
    "extremes": {"a": np.array([2**64 - 1], dtype=np.uint64), "b": np.array([np.nan, -0.0, np.inf])},
    "shapes": {"a": np.array(3.5), "b": np.zeros((0, 3)), "c": np.ones((2, 1, 2)), "d": np.zeros(())},
    "scalars": {"a": np.float64(0.1), "b": np.bool_(True), "c": np.uint64(2**64 - 1), "d": np.str_("text")},
    "text": {"a": np.array(["one", "three"]), "b": np.array([b"x"])},
    "dates": {"a": np.array(["2020-02-29"], dtype="M8[D]")},
    "another byte order": {"a": np.arange(3, dtype=">i4"), "b": np.ones(2, dtype=">f8")},
    "structured": {"a": world(4), "b": world(4)[2], "c": world(0), "d": world(4)[::2]},
    "parts of structures": {"a": world(4)["inner"], "b": world(4)["inner"]["seen"]},
    "names that clash": {
        "a/b": np.ones(1), "a": {"b": np.zeros(1)}, STATE: np.ones(2), "__metadata__": np.ones(3),
        "": np.ones(4), "\ud800": np.ones(5), "list": [np.ones(7), np.ones(8)], "list/0": np.ones(9),
    },
    "random generators": {
        "python": random.Random(3).getstate(),
        "legacy": np.random.RandomState(3).get_state(),
        "new": np.random.default_rng(3).bit_generator.state,
    },
}  # fmt: skip


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_what_goes_in_comes_out_bit_for_bit(state):
    assert same(unpack(pack(state)), state)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_order_and_can_be_written(order):
    array = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
    found = unpack(pack({"a": array, "w": world(3)}))
    np.testing.assert_array_equal(found["a"], array)
    assert found["a"].flags.c_contiguous == (order == "C")
    for part in found.values():
        part[...] = part.copy()


def test_a_state_is_not_changed_and_shares_nothing_with_what_comes_out():
    array = np.arange(3.0)
    found = unpack(pack({"a": array, "b": [array]}))
    found["a"][:] = 7.0
    assert array.tolist() == found["b"][0].tolist() == [0.0, 1.0, 2.0]


def test_torch_tensors_come_out_as_tensors_of_any_type():
    torch = pytest.importorskip("torch")
    state = {
        "single": torch.arange(4.0),
        "short": torch.arange(4.0).bfloat16(),
        "shorter": torch.arange(4.0).to(torch.float8_e4m3fn),
        "truth": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5, dtype=torch.bfloat16),
        "complex": torch.tensor([1 + 2j]).conj(),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "generator": torch.Generator().manual_seed(3).get_state(),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "weights": torch.nn.Linear(2, 3).state_dict(),
    }
    optimizer = torch.optim.Adam([state["parameter"]])
    state["parameter"].sum().backward()
    optimizer.step()
    state["optimizer"] = optimizer.state_dict()
    found = unpack(pack(state))
    for name in state.keys() - {"weights", "optimizer"}:
        assert (found[name].dtype, found[name].shape) == (state[name].dtype, state[name].shape), name
        assert found[name].tolist() == state[name].tolist(), name
    assert torch.equal(found["weights"]["bias"], state["weights"]["bias"])
    again = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    again.load_state_dict(found["optimizer"])
    assert torch.equal(again.state_dict()["state"][0]["exp_avg"], torch.full((2,), 0.1))
    assert found["optimizer"]["param_groups"] == state["optimizer"]["param_groups"]


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "an object of builtins.object"),
        (np.random.default_rng(0), "Generator"),
        (pickle.dumps(3), "an object of builtins.bytes"),
        ({1, 2}, "an object of builtins.set"),
        (Pair(1, 2), "Pair"),
        (print, "an object of builtins.builtin_function_or_method"),
        (1j, "an object of builtins.complex"),
        (np.array([None, 3]), "an array of object"),
        (np.zeros(2, dtype=[("a", "O")]), "an array of"),
        (np.ma.masked_array([1.0]), "MaskedArray"),
    ],
)  # fmt: skip
def test_what_a_checkpoint_cannot_hold_is_refused_with_its_place_and_what_is_allowed(value, what):
    place = r"^state\['learner'\]\['parts'\]\[1\] is "
    with pytest.raises(TypeError, match=place + ".*dictionaries, NumPy arrays and torch tensors") as error:
        pack({"learner": {"parts": (0, value)}})
    assert what in str(error.value)


def test_a_key_that_is_no_plain_value_is_refused():
    with pytest.raises(TypeError, match=r"state\['a'\] is an object of builtins.frozenset"):
        pack({"a": {frozenset(): 1}})


def test_a_sparse_tensor_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"state\['a'\] is a sparse or quantized tensor"):
        pack({"a": torch.eye(2).to_sparse()})


def test_a_state_that_contains_itself_is_refused():
    state = {"a": {}}
    state["a"]["b"] = state
    with pytest.raises(TypeError, match="in a circle"):
        pack(state)


def test_an_ordered_dictionary_comes_out_as_a_plain_one():
    assert unpack(pack({"a": OrderedDict(b=1)})) == {"a": {"b": 1}}


# --- Files from strangers --------------------------------------------------------------------------------


class Trap:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def as_file(state, **arrays):
    content = json.dumps(state).encode()
    return safetensors.numpy.save({STATE: np.frombuffer(content, dtype=np.uint8), **arrays})


def entry(**fields):
    return {"format": FORMAT, "state": {"a": fields}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x05.",
        pickle.dumps({"iteration": 3}),
        b"{}",
        pack(STATES["structured"])[:-1],
        pack({"a": np.ones(3)})[8:],
        safetensors.numpy.save({"weights": np.ones(3)}),
        as_file([]),
        as_file({"format": FORMAT}),
        as_file({"format": FORMAT, "state": 3}),
        as_file(entry(**{"!array": "missing"})),
        as_file(entry(**{"!array": "x", "dtype": "|O", "shape": [1]}), x=np.ones(8, dtype=np.uint8)),
        as_file(entry(**{"!array": "x", "dtype": [["f", "|O"]], "shape": [1]}), x=np.ones(8, dtype=np.uint8)),
        as_file(entry(**{"!array": "x", "dtype": "<f8", "shape": [2]}), x=np.ones(8, dtype=np.uint8)),
        as_file(entry(**{"!tensor": {"!array": "x"}, "dtype": "load"}), x=np.ones(8, dtype=np.uint8)),
        as_file(entry(**{"!object": "os.system"})),
        as_file(entry(**{"!items": [[{"!items": []}, 1]]})),
    ],
)
def test_what_is_no_state_is_refused_without_being_carried_out(content):
    pytest.importorskip("torch")
    with pytest.raises(UnreadableState):
        unpack(content)


def test_a_file_of_a_later_format_says_which_version_reads_it():
    with pytest.raises(UnreadableState, match=rf"Its format is 99, this version of etude-gym reads {FORMAT}"):
        unpack(as_file({"format": 99, "state": {}}))


def lay_out(folder, **versions):
    RunConfig(
        "EtudePlan-v0", "uniform", "own_learner:LinearReinforce", 0, 1e7, 4, 1, (0.0,) * 4, versions=versions
    ).write(folder)
    (folder / CHECKPOINTS).mkdir()
    return folder


@pytest.mark.parametrize("name", [PICKLED, LATEST])
def test_a_pickle_among_the_checkpoints_is_never_loaded(tmp_path, name):
    folder, sprung = lay_out(tmp_path / "run"), tmp_path / "sprung"
    (folder / CHECKPOINTS / name).write_bytes(pickle.dumps({"iteration": Trap(sprung)}))
    with pytest.raises(IncompleteRun):
        practice_run(folder, salt=1)
    assert not sprung.exists()


def test_an_old_checkpoint_is_refused_saying_who_wrote_it_and_what_to_do(tmp_path):
    folder = lay_out(tmp_path / "run", **{"etude-gym": "0.0.9"})
    (folder / CHECKPOINTS / PICKLED).write_bytes(pickle.dumps({"iteration": 3}))
    with pytest.raises(
        IncompleteRun, match=r"by an etude-gym 0\.0\.9 whose .* start it anew in another folder"
    ):
        Run(folder).load()
    (folder / CONFIG).unlink()
    with pytest.raises(IncompleteRun):
        Run(folder).load()


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / CHECKPOINTS).mkdir()
    (tmp_path / CHECKPOINTS / LATEST).write_bytes(pack({"a": np.ones(9)})[:-7])
    with pytest.raises(IncompleteRun, match=rf"{LATEST} cannot be read"):
        Run(tmp_path).load()


def test_a_state_that_is_refused_leaves_the_checkpoint_before_it(tmp_path):
    run = Run(tmp_path)
    run.save({"iteration": 1})
    with pytest.raises(TypeError):
        run.save({"iteration": 2, "learner": object()})
    assert run.load() == {"iteration": 1}
    assert [path.name for path in (tmp_path / CHECKPOINTS).iterdir()] == [LATEST]


def test_no_file_of_a_run_is_read_by_code_that_can_run_it():
    """Pickles are made and read between processes and in memory alone; this finds the words anywhere."""
    words = (
        "pickle.load",
        "pickle.Unpickler",
        "torch.load",
        "allow_pickle=True",
        "joblib",
        "dill",
        "marshal.load",
    )
    found = {
        f"{path.relative_to(ROOT)}: {word}"
        for folder in ("etude_gym", "agents", "wrappers", "envs")
        for path in (ROOT / folder).rglob("*.py")
        for word in words
        if word in path.read_text()
    }
    assert found == {
        "etude_gym/conformance/reproducibility.py: pickle.load",  # copies of environments
        "envs/code/submissions/sandbox.py: pickle.load",  # a pipe to a helper of one's own
    }


def test_reading_records_takes_neither_torch_nor_an_environment():
    code = "import sys, etude_gym.runs.records; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
