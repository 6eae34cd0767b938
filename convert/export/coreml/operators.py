"""All operators of an ML program that the interpreter knows, computed in torch.

Each function takes the operator's inputs by their Core ML names. The interpreter refuses a program with an input that
the function does not name. Every input is a tensor (lengths and axes, too) or text. Half precision is widened to
float32 when it is read.
"""

from __future__ import annotations

from edge_identify.convert.export.coreml.elementwise_operators import ELEMENTWISE_OPERATORS
from edge_identify.convert.export.coreml.layer_operators import LAYER_OPERATORS
from edge_identify.convert.export.coreml.operator_table import OperatorTable
from edge_identify.convert.export.coreml.shape_operators import SHAPE_OPERATORS

#: The operators, by their name in the program.
OPERATORS: OperatorTable = {**ELEMENTWISE_OPERATORS, **LAYER_OPERATORS, **SHAPE_OPERATORS}
