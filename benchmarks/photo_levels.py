"""Robustness curves: photos of drawn things in which one effect grows from level to level and nothing else changes.

Trap: a simulated photo with "more blur" also has another angle, light and background, and
the curve shows their sum. Here each thing keeps its background through all levels, and the plain view is seen from
straight ahead, fills half of the frame's area, and has neither noise nor compression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from compared_encoders import ImageEncoder
from drawn_things import DrawnSet, found_first
from PIL import ImageFilter

from edge_identify.datasets.drawn.simulated_photo import View, place_in_view
from edge_identify.datasets.drawn.textures import as_image, draw_surface

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE_PX = 256  # of every photo here: large enough for any small encoder, small enough to make thousands
_PLAIN_FILL = math.sqrt(0.5)  # so a square turned by 45 degrees still fits into the frame at the same size
_BACKGROUND_SEED = 7_202_611_216


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A thing and what lies behind it.

    Attributes:
        thing: RGBA, square.
        behind: RGB, SIDE_PX a side.
    """

    thing: Image
    behind: Image

    def seen(self, view: View) -> Image:
        """Return the photo from a view."""
        return place_in_view(self.thing, self.behind, view)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that can go wrong with a photo.

    Attributes:
        name: What it is called.
        unit: What its levels count.
        levels: From harmless to hard; light from night to glare.
        photograph: Makes the photo of a scene at a level.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    photograph: Callable[[Scene, float], Image]


def photograph_blurred(scene: Scene, radius_px: float) -> Image:
    """Return the plain view under a Gaussian blur."""
    return _plain(scene).filter(ImageFilter.GaussianBlur(radius_px))


def photograph_aside(scene: Scene, yaw_degrees: float) -> Image:
    """Return the thing turned aside, framed as tightly as the plain view."""
    return scene.seen(View(yaw=math.radians(yaw_degrees), fill=_PLAIN_FILL))


def photograph_smaller(scene: Scene, area_share: float) -> Image:
    """Return the thing from straight ahead, filling a share of the frame's area."""
    return scene.seen(View(fill=math.sqrt(area_share)))


def photograph_exposed(scene: Scene, factor: float) -> Image:
    """Return the plain view with all pixel values multiplied, and cut off at white."""
    return as_image(np.asarray(_plain(scene), dtype=np.float32) * np.float32(factor))


def photograph_tinted(scene: Scene, gain: float) -> Image:
    """Return the plain view in warm light: red multiplied, blue divided."""
    gains = np.array([gain, 1, 1 / gain], dtype=np.float32)
    return as_image(np.asarray(_plain(scene), dtype=np.float32) * gains)


def photograph_rotated(scene: Scene, degrees: float) -> Image:
    """Return the thing turned in the plane of the picture, at the size that it has in the plain view."""
    roll = math.radians(degrees)
    box = abs(math.cos(roll)) + abs(math.sin(roll))  # of a square of side 1
    return scene.seen(View(roll=roll, fill=_PLAIN_FILL * box))


EFFECTS = (
    Effect(name="blur", unit=f"radius, px of {SIDE_PX}", levels=(0, 1, 2, 4, 6, 9), photograph=photograph_blurred),
    Effect(name="angle", unit="degrees of yaw", levels=(0, 15, 30, 45, 60, 70), photograph=photograph_aside),
    Effect(
        name="scale",
        unit="share of the frame's area",
        levels=(1, 0.7, 0.5, 0.3, 0.2, 0.1),
        photograph=photograph_smaller,
    ),
    Effect(name="light", unit="exposure", levels=(0.06, 0.15, 0.4, 1, 1.8, 3), photograph=photograph_exposed),
    Effect(
        name="colour cast", unit="red x, blue /", levels=(1, 1.15, 1.3, 1.5, 1.8, 2.2), photograph=photograph_tinted
    ),
    Effect(
        name="rotation", unit="degrees in the plane", levels=(0, 10, 20, 45, 90, 180), photograph=photograph_rotated
    ),
)


def measure_levels(encoders: Sequence[ImageEncoder], drawn: DrawnSet) -> Mapping[str, Any]:
    """Return by encoder and effect the recall at 1 at each level, {"unit": ..., "recall@1": {LEVEL: SHARE}}."""
    scenes = make_scenes(drawn)
    references = {encoder.name: encoder.embed(drawn.references()) for encoder in encoders}
    curves: dict[str, dict[str, Any]] = {
        encoder.name: {effect.name: {"unit": effect.unit, "recall@1": {}} for effect in EFFECTS} for encoder in encoders
    }
    for effect in EFFECTS:
        for level in effect.levels:
            photos = [effect.photograph(scene, level) for scene in scenes]
            for encoder in encoders:
                hits = found_first(encoder.embed(photos) @ references[encoder.name].T)
                curves[encoder.name][effect.name]["recall@1"][f"{level:g}"] = round(float(hits.mean()), 4)
    return curves


def make_scenes(drawn: DrawnSet) -> list[Scene]:
    """Return each thing before a plain surface of its own."""
    rng = np.random.default_rng(_BACKGROUND_SEED)
    return [Scene(thing=thing, behind=draw_surface(rng, (SIDE_PX, SIDE_PX))) for thing in drawn.things()]


def _plain(scene: Scene) -> Image:
    return scene.seen(View(fill=_PLAIN_FILL))
