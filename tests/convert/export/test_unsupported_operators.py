"""An unsupported operator is named with its layer; no partial file is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_identify.convert.export.coreml.tower_to_mlpackage import export_image_tower
from edge_identify.convert.export.onnx.tower_to_onnx import export_image_onnx
from edge_identify.convert.export.unsupported_operators import unsupported_operator
from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode, exit_code_for

SIZE_PX = 8


@pytest.fixture
def tower_with() -> Callable[[Callable[[Any], Any]], Any]:
    """Return a function that builds an image tower whose layer `visual.blocks.1` runs an operator."""
    from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators

    ensure_torchvision_operators()
    import torch
    from torch import nn

    from edge_identify.convert.export.towers import ImageTower

    class Odd(nn.Module):
        def __init__(self, operator: Callable[[Any], Any]) -> None:
            super().__init__()
            self.operator = operator

        def forward(self, values: Any) -> Any:
            return self.operator(values)

    class Visual(nn.Module):
        def __init__(self, operator: Callable[[Any], Any]) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.blocks = nn.Sequential(nn.Linear(3, 4), Odd(operator), nn.Linear(4, 4))

        def forward(self, pixels: Any) -> Any:
            return self.blocks(pixels.mean(dim=(2, 3)))

    class Model(nn.Module):
        def __init__(self, operator: Callable[[Any], Any]) -> None:
            super().__init__()
            self.visual = Visual(operator)

        def encode_image(self, pixels: Any, *, normalize: bool = False) -> Any:
            found = self.visual(pixels)
            return nn.functional.normalize(found, dim=-1) if normalize else found

    def build(operator: Callable[[Any], Any]) -> Any:
        return ImageTower(Model(operator), mean=(0.5, 0.5, 0.5), std=(0.3, 0.3, 0.3))

    return build


def bessel(values: Any) -> Any:
    import torch

    return torch.special.bessel_j0(values)


def singular_values(values: Any) -> Any:
    import torch

    return torch.linalg.svdvals(values[:, :, None] * values[:, None, :])


def export_onnx(tower: Any, folder: Path) -> None:
    export_image_onnx(tower, size_px=SIZE_PX, out=folder / "model.onnx")


def export_coreml(tower: Any, folder: Path) -> None:
    export_image_tower(tower, size_px=SIZE_PX, out=folder / "model.mlpackage")


@pytest.mark.parametrize(
    ("export", "operator", "named", "runtime"),
    [
        (export_onnx, bessel, r"prims\.bessel_j0", "ONNX; choose another model"),
        (export_onnx, singular_values, r"aten\._linalg_svd", "ONNX; choose another model"),
        (export_coreml, bessel, "special_bessel_j0", "Core ML; choose --variants without coreml"),
        (export_coreml, singular_values, "linalg_svdvals", "Core ML; choose --variants without coreml"),
    ],
)
def test_an_unsupported_operator_is_named_with_its_layer(
    tower_with: Callable[..., Any],
    tmp_path: Path,
    export: Callable[[Any, Path], None],
    operator: Callable[[Any], Any],
    named: str,
    runtime: str,
) -> None:
    expected = rf"^the operator {named} in the layer \S*visual\.blocks\.1 of the model cannot be written for {runtime}"
    with pytest.raises(SetupError, match=expected) as refused:
        export(tower_with(operator), tmp_path)

    assert exit_code_for(refused.value) is ExitCode.SETUP
    assert list(tmp_path.iterdir()) == []


def test_the_layer_of_another_operator_with_the_word_in_its_name_is_not_blamed(
    tower_with: Callable[..., Any],
) -> None:
    import torch

    tower = tower_with(lambda values: torch.div(values, 2, rounding_mode="floor"))
    pixels = torch.zeros((1, SIZE_PX, SIZE_PX, 3), dtype=torch.uint8)
    program = torch.export.export(tower, (pixels,), strict=False)

    assert "visual.blocks.1 of" in str(unsupported_operator(program, "aten.div", "ONNX"))
    assert "aten.mode in the layer (unnamed) of" in str(unsupported_operator(program, "aten.mode", "ONNX"))


@pytest.mark.parametrize("export", [export_onnx, export_coreml])
def test_a_tower_of_known_operators_is_written(
    tower_with: Callable[..., Any], tmp_path: Path, export: Callable[[Any, Path], None]
) -> None:
    import torch

    export(tower_with(torch.tanh), tmp_path)

    assert len(list(tmp_path.iterdir())) == 1
