"""Two views of each thing, by the batch and in torch: its reference image, and a simulated photo of it.

`datasets.drawn.simulated_photo` does the same for one image at a time, in more detail. Training needs a hundred a
second, and thousands on a GPU, so every effect here is one operation on the whole batch. What matters is the
order. What bends is bent first, something else lies behind, a hand may be in front, light falls on all of it, the lens
blurs, the sensor adds noise and the file is compressed last.

Pictures are float32 [n, channels, side, side] from 0 to 1. In coordinates the picture's edges are at -1 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from edge_identify.convert.training.material.jpeg_compression import compress_like_jpeg

_SKIN = ((0.79, 0.6, 0.48), (0.9, 0.72, 0.6), (0.48, 0.32, 0.24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """A batch of things.

    Attributes:
        pictures: float32 [n, 4, side, side]; red, green, blue and alpha. Where alpha is 0, the reference shows the
            colour that is there and a photo shows what lies behind.
        is_package: bool [n]; packages are held in hands, tilted, bent and seen from the side.
        is_solid: bool [n]; packages that were drawn as solid bodies: nothing bends them, and most references show them
            whole. None for no such ones.
    """

    pictures: Tensor
    is_package: Tensor
    is_solid: Tensor | None = None

    @property
    def solid(self) -> Tensor:
        """Which are solid, bool [n]."""
        return torch.zeros_like(self.is_package) if self.is_solid is None else self.is_solid


class PhotoViews:
    """Makes views; all randomness comes from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def reference(self, things: Things, side_px: int) -> Tensor:
        """Return the things as reference images show them: [n, 3, side_px, side_px]."""
        n = len(things.pictures)
        shown = _shown_extent(things.pictures)  # [n, 2], half of the width and height that hold anything
        short, long = shown.amin(1), shown.amax(1)
        half = short * self._uniform(n, 0.85, 1.05)
        whole = self._uniform(n, 0, 1) < torch.where(
            things.solid, 0.75, 0.35
        )  # catalogues show all of a tall thing, with room at its sides
        half = torch.where(whole, long * self._uniform(n, 0.95, 1.08), half)
        centre = self._uniform((n, 2), -0.05, 0.05) * shown
        corners = self._corners(centre, half, half, self._normal(n, 0.02), self._uniform(n, 0, 0.04))
        grid = _grid(corners, side_px)
        rgb = _sample(things.pictures[:, :3], grid, corners, side_px, padding="border")
        return self._colour(rgb, torch.full((n,), 0.22, device=rgb.device))

    def photo(self, things: Things, side_px: int, *, difficulty: float) -> Tensor:
        """Return simulated photos: [n, 3, side_px, side_px].

        Args:
            things: What is photographed.
            side_px: Side of the photos.
            difficulty: 0 to 1; at 1 the thing may fill a tenth of the frame or be cut by it.
        """
        n = len(things.pictures)
        pictures = things.pictures.clone()
        pictures[:, :3] *= pictures[:, 3:]
        grid, corners = self._photo_grid(things, side_px, difficulty)
        seen = _sample(pictures, grid, corners, side_px, padding="zeros")
        behind = self._behind(things, side_px)
        photo = seen[:, :3] + behind * (1 - seen[:, 3:])
        photo = self._in_front(photo, things.is_package, difficulty)
        strength = difficulty * self._uniform(n, 0.4, 1.35)
        photo = self._light(self._colour(photo.clamp(0, 1), strength), difficulty)
        photo = self._blur(photo, difficulty)
        photo = self._noise(photo, difficulty)
        pick = self._uniform(n, 0, 1) < 0.4
        quality = self._uniform(n, 15, 85)
        photo[pick] = compress_like_jpeg(photo[pick], quality[pick])
        return photo.clamp(0, 1)

    # Geometry

    def _photo_grid(self, things: Things, side_px: int, difficulty: float) -> tuple[Tensor, Tensor]:
        n = len(things.pictures)
        packages = things.is_package
        shown = _shown_extent(things.pictures)
        least = torch.where(packages, math.log(0.75), math.log(0.6))
        most = torch.where(packages, math.log(2.6), math.log(2.0))
        scale = torch.exp((least + (most - least) * self._uniform(n, 0, 1)) * difficulty)
        half = torch.where(packages, shown.amax(1), shown.amin(1)) * scale
        room = (half - shown.amin(1)).abs() * 0.55 + 0.08
        centre = self._uniform((n, 2), -1, 1) * room[:, None]
        squeeze = torch.exp(self._normal(n, 0.08))
        turn = self._normal(n, 1) * torch.where(packages, 0.32, 0.14) * difficulty
        tilt = self._uniform(n, 0, 0.3) * difficulty
        corners = self._corners(centre, half * squeeze, half / squeeze, turn, tilt)
        return self._bend(_grid(corners, side_px), things, shown, difficulty), corners

    def _corners(self, centre: Tensor, half_width: Tensor, half_height: Tensor, turn: Tensor, tilt: Tensor) -> Tensor:
        """Return where the frame's corners lie on the picture: [n, 4, 2], clockwise from the top left."""
        half = torch.stack([half_width, half_height], -1)[:, None]
        square = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], device=half.device)
        cos, sin = torch.cos(turn), torch.sin(turn)
        rotation = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        corners = (square * half) @ rotation.transpose(1, 2)
        corners = corners + tilt[:, None, None] * half * self._uniform((len(turn), 4, 2), -1, 1)
        return corners + centre[:, None]

    def _bend(self, grid: Tensor, things: Things, shown: Tensor, difficulty: float) -> Tensor:
        """Bend some packages: round ones turn about their axis, cartons are seen from the side."""
        n = len(grid)
        across = grid[..., 0] / shown[:, 0, None, None]
        reach = self._uniform(n, 0.5, 1.25)[:, None, None]  # radians from the middle to the edge that is seen
        turned = self._uniform(n, -0.5, 0.5)[:, None, None] * difficulty
        inside = (across.abs() <= 1).float()
        from_side = across * torch.where(self._uniform(n, 0, 1) < 0.5, -1.0, 1.0)[:, None, None]
        around = (torch.asin((across * torch.sin(reach)).clamp(-0.999, 0.999)) + turned) / reach
        # A carton: part of the frame shows a second face; what is printed there is not known, so it is the first's
        # mirror image.
        face = self._uniform(n, 0.55, 0.95)[:, None, None]
        front = (from_side + 1) / face - 1
        carton = torch.where(front <= 1, front, 1 - (front - 1) * 0.8) * torch.sign(from_side * across)
        choice = self._uniform(n, 0, 1)
        bent = torch.where((choice < 0.3)[:, None, None], around, carton)
        chosen = (things.is_package & ~things.solid & (choice < 0.6))[:, None, None].float() * inside
        mixed = across * (1 - chosen) + bent * chosen
        return torch.stack([mixed * shown[:, 0, None, None], grid[..., 1]], -1)

    # What else is in the picture

    def _behind(self, things: Things, side_px: int) -> Tensor:
        n = len(things.pictures)
        device = things.pictures.device
        rgb = things.pictures[:, :3]
        other = F.interpolate(rgb[self._choice(n, n)], size=(side_px, side_px), mode="bilinear", align_corners=False)
        plain = self._uniform((n, 3, 1, 1), 0, 1).expand(-1, -1, side_px, side_px)
        shelf = self._shelf(rgb, side_px)
        choice = self._uniform((n, 1, 1, 1), 0, 1)
        on_shelf = torch.where(things.is_package, 0.55, 0.2).view(n, 1, 1, 1).to(device)
        behind = torch.where(choice < on_shelf, shelf, torch.where(choice < on_shelf + 0.2, plain, other))
        return behind * self._uniform((n, 1, 1, 1), 0.5, 1.1)

    def _shelf(self, rgb: Tensor, side_px: int) -> Tensor:
        """Return nine other things of the batch in three rows, as on a shelf."""
        n = len(rgb)
        small = F.interpolate(rgb, size=(48, 48), mode="area")
        rows = small[self._choice(9 * n, n)].view(n, 3, 3, 3, 48, 48).permute(0, 3, 1, 4, 2, 5)
        shelf = F.interpolate(
            rows.reshape(n, 3, 144, 144), size=(side_px, side_px), mode="bilinear", align_corners=False
        )
        shift = self._choice(2, side_px).tolist()
        return torch.roll(shelf, shift, dims=(2, 3))

    def _in_front(self, photo: Tensor, is_package: Tensor, difficulty: float) -> Tensor:
        """Put fingers, or something else, in front of some."""
        n, _, side, _ = photo.shape
        y, x = _plane(side, photo.device)
        edge = self._uniform(n, -1.1, 1.1)
        mask = torch.zeros(n, side, side, device=photo.device)
        for finger in range(4):
            at_x = torch.where(is_package, edge.sign() * self._uniform(n, 0.35, 1.1), edge)
            at_y = self._uniform(n, -0.2, 0.3) + (finger - 1.5) * 0.22
            wide, tall = self._uniform(n, 0.12, 0.5), self._uniform(n, 0.06, 0.16)
            far = ((x - at_x[:, None, None]) / wide[:, None, None]) ** 2
            far = far + ((y - at_y[:, None, None]) / tall[:, None, None]) ** 2
            mask = torch.maximum(mask, ((1.15 - far) * 8).clamp(0, 1))
        held = self._uniform(n, 0, 1) < torch.where(is_package, 0.5, 0.12) * difficulty
        skin = torch.tensor(_SKIN, device=photo.device)[self._choice(n, len(_SKIN))]
        tone = torch.where(self._uniform((n, 1), 0, 1) < 0.7, skin, self._uniform((n, 3), 0, 1))
        mask = mask[:, None] * held[:, None, None, None]
        return photo * (1 - mask) + tone[:, :, None, None] * mask

    # Light

    def _colour(self, photo: Tensor, strength: Tensor) -> Tensor:
        """Change exposure, white balance, contrast, saturation, curve and hue; `strength` is [n]."""
        n = len(photo)
        k = strength.view(n, 1, 1, 1)
        gains = torch.exp(self._normal((n, 3, 1, 1), 0.1) * k + self._normal((n, 1, 1, 1), 0.26) * k)
        photo = photo * gains
        middle = photo.mean((1, 2, 3), keepdim=True)
        photo = (photo - middle) * torch.exp(self._normal((n, 1, 1, 1), 0.22) * k) + middle
        grey = photo.mean(1, keepdim=True)
        photo = grey + (photo - grey) * torch.exp(self._normal((n, 1, 1, 1), 0.33) * k - 0.05 * k)
        photo = photo.clamp(1e-4, 1).pow(torch.exp(self._normal((n, 1, 1, 1), 0.2) * k))
        return torch.einsum("nij,njhw->nihw", _hue_rotation(self._normal(n, 0.1) * strength), photo).clamp(0, 1)

    def _light(self, photo: Tensor, difficulty: float) -> Tensor:
        """Let the light fall off or a shadow's edge cross, and a lamp be mirrored in some."""
        n, _, side, _ = photo.shape
        y, x = _plane(side, photo.device)
        angle = self._uniform((n, 1, 1), 0, 2 * math.pi)
        along = torch.cos(angle) * x + torch.sin(angle) * y + self._normal((n, 1, 1), 0.5)
        sharp = torch.where(self._uniform((n, 1, 1), 0, 1) < 0.5, self._uniform((n, 1, 1), 2, 14), 1.0)
        depth = self._uniform((n, 1, 1), 0, 0.65) * (self._uniform((n, 1, 1), 0, 1) < 0.5) * difficulty
        photo = photo * (1 - depth * torch.sigmoid(along * sharp))[:, None]
        centre = self._uniform((2, n, 1, 1), -0.9, 0.9)
        width = self._uniform((n, 1, 1), 0.08, 0.4)
        glare = torch.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))
        power = self._uniform((n, 1, 1), 0.3, 0.9) * (self._uniform((n, 1, 1), 0, 1) < 0.15) * difficulty
        return (photo + (power * glare)[:, None]).clamp(0, 1)

    # Camera

    def _blur(self, photo: Tensor, difficulty: float) -> Tensor:
        """Blur some by focus, some by a moving hand, and take some from farther away."""
        n, _, side, _ = photo.shape
        order = torch.randperm(n, generator=self._generator, device=photo.device)
        groups = order[: int(n * 0.75 * difficulty)].chunk(9)
        for number, members in enumerate(groups):
            if not len(members):
                continue
            kind = number % 3
            if kind == 0:
                photo[members] = _gaussian_blur(photo[members], float(self._uniform(1, 0.4, 2.2)))
            elif kind == 1:
                length = int(self._choice(1, 3)) * 2 + 3
                kernel = (1, length) if number % 2 else (length, 1)
                pad = (length // 2, length // 2, 0, 0) if number % 2 else (0, 0, length // 2, length // 2)
                photo[members] = F.avg_pool2d(F.pad(photo[members], pad, mode="reflect"), kernel, 1)
            else:
                small = int(side * float(self._uniform(1, 0.3, 0.8)))
                reduced = F.interpolate(photo[members], size=(small, small), mode="area")
                photo[members] = F.interpolate(reduced, size=(side, side), mode="bilinear", align_corners=False)
        return photo

    def _noise(self, photo: Tensor, difficulty: float) -> Tensor:
        strength = self._uniform((len(photo), 1, 1, 1), 0, 1) ** 2 * 0.08 * difficulty
        noise = torch.randn(photo.shape, generator=self._generator, device=photo.device)
        return (photo + noise * strength).clamp(0, 1)

    # Randomness

    def _uniform(self, shape: int | tuple[int, ...], low: float, high: float) -> Tensor:
        device = self._generator.device
        return torch.rand(shape, generator=self._generator, device=device) * (high - low) + low

    def _normal(self, shape: int | tuple[int, ...], deviation: float) -> Tensor:
        device = self._generator.device
        return torch.randn(shape, generator=self._generator, device=device) * deviation

    def _choice(self, count: int, below: int) -> Tensor:
        return torch.randint(0, below, (count,), generator=self._generator, device=self._generator.device)


def _shown_extent(pictures: Tensor) -> Tensor:
    """Return half the width and height of what is not transparent, [n, 2]; things lie in the middle."""
    alpha = pictures[:, 3] > 0.5
    side = pictures.shape[-1]
    wide = alpha.any(1).float().sum(1) / side
    tall = alpha.any(2).float().sum(1) / side
    return torch.stack([wide, tall], -1).clamp_min(0.1)


def _grid(corners: Tensor, side_px: int) -> Tensor:
    """Return where each pixel of the frame looks on the picture: [n, side, side, 2]."""
    y, x = _plane(side_px, corners.device)
    points = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3)
    mapped = points @ _homography(corners).transpose(1, 2)
    return (mapped[..., :2] / mapped[..., 2:].clamp_min(0.2)).view(len(corners), side_px, side_px, 2)


def _homography(corners: Tensor) -> Tensor:
    """Return the [n, 3, 3] matrices that lead from the square of -1 to 1 to the corners."""
    n = len(corners)
    square = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], device=corners.device).expand(n, 4, 2)
    x, y = square.unbind(-1)
    u, v = corners.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.cat(
        [
            torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1),
            torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1),
        ],
        1,
    )
    solved = torch.linalg.solve(rows, torch.cat([u, v], 1)[..., None])[..., 0]
    return torch.cat([solved, torch.ones(n, 1, device=corners.device)], 1).view(n, 3, 3)


def _sample(pictures: Tensor, grid: Tensor, corners: Tensor, side_px: int, *, padding: str) -> Tensor:
    """Look the pictures up; those that shrink by much are averaged first, so that nothing aliases."""
    covered_px = (corners[:, 0] - corners[:, 1]).norm(dim=1) * pictures.shape[-1] / 2
    shrinks = covered_px > 1.7 * side_px
    seen = F.grid_sample(pictures, grid, mode="bilinear", padding_mode=padding, align_corners=False)
    if shrinks.any():
        halved = F.avg_pool2d(pictures[shrinks], 2)
        seen[shrinks] = F.grid_sample(halved, grid[shrinks], mode="bilinear", padding_mode=padding, align_corners=False)
    return seen


def _plane(side_px: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (y, x) of the centres of a frame's pixels, [side, side] each."""
    steps = torch.linspace(-1 + 1 / side_px, 1 - 1 / side_px, side_px, device=device)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return y, x


def _hue_rotation(angle: Tensor) -> Tensor:
    """Return rotations about the grey axis, [n, 3, 3], of the angles in radians."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    same = cos + (1 - cos) / 3
    before, after = (1 - cos) / 3 - sin / math.sqrt(3), (1 - cos) / 3 + sin / math.sqrt(3)
    rows = [(same, before, after), (after, same, before), (before, after, same)]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _gaussian_blur(photo: Tensor, sigma_px: float) -> Tensor:
    reach = int(2 * sigma_px + 0.5)
    steps = torch.arange(-reach, reach + 1, device=photo.device)
    weights = torch.exp(-(steps.float() ** 2) / (2 * sigma_px**2))
    weights = weights / weights.sum()
    planes = F.pad(photo, (reach,) * 4, mode="reflect").flatten(0, 1)[:, None]
    planes = F.conv2d(F.conv2d(planes, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return planes.view(photo.shape)
