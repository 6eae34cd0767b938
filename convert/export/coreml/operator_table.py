"""Tables of the operators of an ML program, by name: how an operator is registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

Result = Tensor | Sequence[Tensor]

#: Functions that compute an operator in torch, by the operator's name in the program.
OperatorTable = dict[str, Callable[..., Result]]


def operator(table: OperatorTable, name: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Return a decorator that adds a function to a table.

    Args:
        table: The table.
        name: Name of the operator in the program.
    """

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        table[name] = function
        return function

    return register


def integers(tensor: Tensor) -> list[int]:
    """Return the values of a tensor of integers as a list."""
    return [int(value) for value in tensor.reshape(-1).tolist()]
