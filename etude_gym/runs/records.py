"""States as plain records: arrays in safetensors, everything else in JSON, no code in either.

A state is a dictionary that nests None, bool, int, float, str, lists, tuples, dictionaries, NumPy arrays and
torch tensors. What comes back is equal to what went in, bit for bit, and reading it runs nothing.

A file is a safetensors file (https://github.com/huggingface/safetensors). Arrays are named after their place
in the state ("learner/policy/weight"). The array "state.json" is JSON in UTF-8: the state, in which an object
with a key that begins with "!" stands for what JSON does not have:

- ``{"!array": name}``: an array. Those that safetensors does not know (structured ones, text, complex
  numbers) are stored as bytes, with "dtype" (as in NumPy's npy format) and "shape" beside the name;
  "transposed" marks those that were in Fortran's order;
- ``{"!scalar": array}``, ``{"!tensor": array}``: a NumPy scalar, a torch tensor (with "dtype" where NumPy has
  none that fits: the array holds its bits);
- ``{"!tuple": [...]}``, ``{"!items": [[key, value], ...]}``: a tuple, a dictionary with keys of any kind;
- ``{"!int": "0x..."}``, ``{"!float": "nan"}``: numbers that readers of JSON lose.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.lib.format import descr_to_dtype, dtype_to_descr
from numpy.typing import NDArray
from safetensors import SafetensorError

from etude_gym.errors import MissingExtra

FORMAT = 1
"""Version of the format."""

STATE = "state.json"
RESERVED = (STATE, "__metadata__")
TAG = "!"
LARGEST_JSON_INT = 2**63
DEEPEST = 100

STORED = {np.dtype(name) for name in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")}
"""What safetensors and NumPy both have, in the byte order of the machine."""

KeyPath = tuple[Any, ...]


class UnreadableState(ValueError):
    """A file holds no state, or one in a format that this version does not read."""


def pack(state: Mapping[str, Any]) -> bytes:
    """A state as the content of one file.

    Args:
        state: nested parts of the kinds that are listed at the top of this module.

    Raises:
        TypeError: if it holds anything else, saying what and where.
    """
    packer = _Packer()
    content = json.dumps({"format": FORMAT, "state": packer.encode(dict(state), ())}, allow_nan=False)
    packer.arrays[STATE] = np.frombuffer(content.encode(), dtype=np.uint8)
    return bytes(safetensors.numpy.save(packer.arrays))


def unpack(content: bytes) -> dict[str, Any]:
    """The state that ``pack`` wrote. Nothing in the file is executed.

    Args:
        content: all bytes of the file.

    Raises:
        UnreadableState: if it is no such file, is damaged, or comes from a later version.
        MissingExtra: if it holds torch tensors and torch is not installed.
    """
    try:
        arrays = safetensors.numpy.load(content)
        stored = json.loads(arrays[STATE].tobytes())
        version = stored["format"]
        if version == FORMAT:
            return dict(_Unpacker(arrays).decode(stored["state"]))
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnreadableState(f"It holds no state ({type(error).__name__}: {error}).") from error
    raise UnreadableState(
        f"Its format is {version!r}, this version of etude-gym reads {FORMAT}. Use the version that wrote it."
    )


class _Packer:
    """Turns a state into JSON, and collects its arrays by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def encode(self, value: Any, path: KeyPath) -> Any:
        """JSON for a value that stands at a path of keys."""
        if len(path) > DEEPEST:
            raise TypeError(f"{_place(path[:3])} nests more than {DEEPEST} levels, or in a circle.")
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if abs(value) < LARGEST_JSON_INT else {"!int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"!float": repr(value)}
        if kind is list:
            return [self.encode(part, (*path, index)) for index, part in enumerate(value)]
        if kind is tuple:
            return {"!tuple": self.encode(list(value), path)}
        if kind in (dict, OrderedDict):
            return self._encode_dictionary(value, path)
        if kind is np.ndarray:
            return self._encode_array(value, path)
        if isinstance(value, np.generic):
            return {"!scalar": self._encode_array(np.asarray(value), path)}
        torch: Any = sys.modules.get("torch")  # whoever has a tensor has imported it
        if torch is not None and isinstance(value, torch.Tensor):
            return self._encode_tensor(value, torch, path)
        raise _refusal(f"an object of {kind.__module__}.{kind.__qualname__}", path)

    def _encode_dictionary(self, value: Mapping[Any, Any], path: KeyPath) -> Any:
        if all(type(key) is str and not key.startswith(TAG) for key in value):
            return {key: self.encode(part, (*path, key)) for key, part in value.items()}
        return {"!items": [[self.encode(k, path), self.encode(v, (*path, k))] for k, v in value.items()]}

    def _encode_array(self, array: NDArray[Any], path: KeyPath) -> dict[str, Any]:
        name = self._free_name(path)
        entry: dict[str, Any] = {"!array": name}
        if array.flags.fnc:
            array, entry["transposed"] = array.T, True
        if array.dtype in STORED:
            self.arrays[name] = np.asarray(array, order="C")
            return entry
        if array.dtype.hasobject or descr_to_dtype(description := dtype_to_descr(array.dtype)) != array.dtype:
            raise _refusal(f"an array of {array.dtype}", path)
        self.arrays[name] = np.frombuffer(array.tobytes(), dtype=np.uint8)
        return entry | {"dtype": description, "shape": list(array.shape)}

    def _encode_tensor(self, tensor: Any, torch: Any, path: KeyPath) -> dict[str, Any]:
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise _refusal("a sparse or quantized tensor", path)
        plain = tensor.detach().cpu().contiguous().resolve_conj().resolve_neg()
        try:
            return {"!tensor": self._encode_array(plain.numpy(), path)}
        except TypeError:  # NumPy has no bfloat16, float8 and the like
            bits = {1: torch.uint8, 2: torch.int16}.get(plain.element_size())
        if bits is None:
            raise _refusal(f"a tensor of {tensor.dtype}", path)
        name = str(tensor.dtype).removeprefix("torch.")
        return {"!tensor": self._encode_array(plain.view(bits).numpy(), path), "dtype": name}

    def _free_name(self, path: KeyPath) -> str:
        name = "/".join(map(str, path)).encode("ascii", "backslashreplace").decode()
        while name in self.arrays or name in RESERVED:
            name += "'"
        return name


class _Unpacker:
    """Turns JSON and arrays back into a state."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def decode(self, value: Any) -> Any:
        """The value that a piece of JSON stands for."""
        if isinstance(value, list):
            return [self.decode(part) for part in value]
        if not isinstance(value, dict):
            return value
        tag = next((key for key in value if key.startswith(TAG)), None)
        if tag is None:
            return {key: self.decode(part) for key, part in value.items()}
        content = value[tag]
        match tag:
            case "!array":
                return self._decode_array(value)
            case "!scalar":
                return self.decode(content)[()]
            case "!tensor":
                return _tensor(self.decode(content), value.get("dtype"))
            case "!tuple":
                return tuple(self.decode(content))
            case "!items":
                return {self.decode(key): self.decode(part) for key, part in content}
            case "!int":
                return int(content, 16)
            case "!float":
                return float(content)
        raise ValueError(f"unknown entry {tag!r}")

    def _decode_array(self, entry: Mapping[str, Any]) -> NDArray[Any]:
        array = self._arrays[entry["!array"]]
        if "dtype" in entry:
            dtype = descr_to_dtype(_with_tuples(entry["dtype"]))
            if dtype.hasobject:
                raise ValueError(f"an array of {dtype} holds addresses")
            array = np.ndarray(tuple(entry["shape"]), dtype, buffer=array.data)
        return array.T if entry.get("transposed") else array


def _with_tuples(description: Any) -> Any:
    """A description of a dtype as NumPy wants it, from JSON, which has no tuples."""
    if isinstance(description, str):
        return description
    return [(name, _with_tuples(part), *map(tuple, shape)) for name, part, *shape in description]


def _tensor(array: NDArray[Any], dtype: str | None) -> Any:
    try:
        torch: Any = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise MissingExtra("A state with torch tensors", "sb3") from error
    tensor = torch.from_numpy(array)
    return tensor if dtype is None else tensor.view(getattr(torch, dtype))


def _place(path: KeyPath) -> str:
    return "state" + "".join(f"[{key!r}]" for key in path)


def _refusal(what: str, path: KeyPath) -> TypeError:
    return TypeError(
        f"{_place(path)} is {what}. A checkpoint holds None, bool, int, float, str, lists, tuples, "
        "dictionaries, NumPy arrays and torch tensors: let state_dict() return what it is made of, and "
        "load_state_dict() make it anew."
    )
