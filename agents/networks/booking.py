"""FLOPs of what is not a PyTorch operator."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

_library = torch.library.Library("etude_gym", "FRAGMENT")
_library.define("book(int flops) -> ()")
_library.impl("book", lambda flops: None, "CompositeExplicitAutograd")
register_flop_formula(torch.ops.etude_gym.book)(lambda flops, *_, **__: flops)

book: Any = torch.ops.etude_gym.book.default
"""``book(flops)`` does nothing, but PyTorch's ``FlopCounterMode`` counts so many FLOPs for it."""
