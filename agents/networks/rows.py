"""Rows of tables and of batches, looked up and added up: in kernels on a processor.

PyTorch's operators take an index for every number, or sort before they add up: several times as long.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from etude_gym.agents.networks.kernels import compiled_pass


def sum_of_rows(table: Tensor, rows: Tensor) -> Tensor:
    """Sums of rows of a table.

    Args:
        table: float32 (values, width).
        rows: int64 (n, rows in a sum).

    Returns:
        float32 tensor of shape (n, width).
    """
    if not _on_processor(table):
        return functional.embedding_bag(rows, table, mode="sum")
    found: Tensor = _SumOfRows.apply(table, rows)
    return found


def take(vectors: Tensor, index: Tensor) -> Tensor:
    """Of the vectors of each element of a batch those with an index.

    Args:
        vectors: float32 (batch, items, width).
        index: int64 (batch, taken).

    Returns:
        float32 tensor of shape (batch, taken, width).
    """
    if not _on_processor(vectors):
        return vectors.gather(1, _repeat(index, vectors))
    taken: Tensor = _Take.apply(vectors, index)
    return taken


def add_up(vectors: Tensor, index: Tensor, items: int) -> Tensor:
    """The sum of the vectors that have the same index, in each element of a batch.

    Args:
        vectors: float32 (batch, vectors, width).
        index: int64 (batch, vectors), below ``items``.
        items: how many sums there are.

    Returns:
        float32 tensor of shape (batch, items, width); zeros where nothing is added.
    """
    if not _on_processor(vectors):
        sums = vectors.new_zeros(len(vectors), items, vectors.shape[2])
        return sums.scatter_add(1, _repeat(index, vectors), vectors)
    added: Tensor = _AddUp.apply(vectors, index, items)
    return added


def _on_processor(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32


def _repeat(index: Tensor, like: Tensor) -> Tensor:
    """An index for each vector as one for each of its numbers."""
    return index[:, :, None].expand(-1, -1, like.shape[2])


class _SumOfRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:  # type: ignore[override]
        sums = table.new_empty(len(rows), table.shape[1])
        _sum_rows(_array(table), rows.contiguous().numpy(), sums.numpy())
        ctx.save_for_backward(rows)
        ctx.values = len(table)
        return sums

    @staticmethod
    def backward(ctx: Any, by_sums: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (rows,) = ctx.saved_tensors
        by_table = by_sums.new_zeros(ctx.values, by_sums.shape[1])
        _sum_rows_backward(_array(by_sums), rows.contiguous().numpy(), by_table.numpy())
        return by_table, None


class _Take(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, index: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(index)
        ctx.items = vectors.shape[1]
        return _taken(vectors, index)

    @staticmethod
    def backward(ctx: Any, by_taken: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (index,) = ctx.saved_tensors
        return _added(by_taken, index, ctx.items), None


class _AddUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, index: Tensor, items: int) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(index)
        return _added(vectors, index, items)

    @staticmethod
    def backward(ctx: Any, by_sums: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (index,) = ctx.saved_tensors
        return _taken(by_sums, index), None, None


def _array(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _taken(vectors: Tensor, index: Tensor) -> Tensor:
    taken = vectors.new_empty(*index.shape, vectors.shape[2])
    _take_vectors(_array(vectors), index.contiguous().numpy(), taken.numpy())
    return taken


def _added(vectors: Tensor, index: Tensor, items: int) -> Tensor:
    sums = vectors.new_zeros(len(vectors), items, vectors.shape[2])
    _add_vectors(_array(vectors), index.contiguous().numpy(), sums.numpy())
    return sums


@compiled_pass
def _sum_rows(table: Any, rows: Any, sums: Any) -> None:
    for n in range(len(rows)):
        for feature in range(sums.shape[1]):
            sums[n, feature] = table[rows[n, 0], feature]
        for k in range(1, rows.shape[1]):
            for feature in range(sums.shape[1]):
                sums[n, feature] += table[rows[n, k], feature]


@compiled_pass
def _sum_rows_backward(by_sums: Any, rows: Any, by_table: Any) -> None:
    for n in range(len(rows)):
        for k in range(rows.shape[1]):
            for feature in range(by_sums.shape[1]):
                by_table[rows[n, k], feature] += by_sums[n, feature]


@compiled_pass
def _take_vectors(vectors: Any, index: Any, taken: Any) -> None:
    for row in range(len(index)):
        for n in range(index.shape[1]):
            for feature in range(taken.shape[2]):
                taken[row, n, feature] = vectors[row, index[row, n], feature]


@compiled_pass
def _add_vectors(vectors: Any, index: Any, sums: Any) -> None:
    for row in range(len(index)):
        for n in range(index.shape[1]):
            for feature in range(vectors.shape[2]):
                sums[row, index[row, n], feature] += vectors[row, n, feature]
