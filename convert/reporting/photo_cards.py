"""Cards of single photos in a report: the photo, its nearest reference and the right reference side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_tables import named
from edge_identify.edge_runtime.answers.html_markup import Markup, element, join

Photo = Mapping[str, Any]


def photo_cards(photos: Sequence[Photo], images: ReportImages, names: Mapping[str, str]) -> Markup:
    """Return a list of cards, one for each photo.

    Args:
        photos: At least one PHOTO of `evaluation_figures`.
        images: The images of photos and references.
        names: Names of references, by id.
    """
    cards = (
        element("li", _images(photo, images, names), _named(photo, names), element("p", _said(photo, names)))
        for photo in photos
    )
    return element("ul", join(*cards), class_="cards")


def slow_list(photos: Sequence[Photo]) -> Markup:
    """Return a list of the slowest photos with their time; at least one."""
    lines = (element("li", f"{photo['prepare_ms']:.0f} ms: {photo['name']}") for photo in photos)
    return element("ol", join(*lines))


def _images(photo: Photo, images: ReportImages, names: Mapping[str, str]) -> Markup:
    shown = [_figure("the photo", Path(photo["name"]).name, images.photo(Path(photo["photo"])))]
    nearest, right = photo["nearest"], photo["id"]
    if nearest is not None:
        title = "its nearest reference" if nearest != right else "its nearest reference, the right one"
        shown.append(_figure(title, named(nearest, names), images.reference(nearest)))
    if right and right != nearest:
        shown.append(_figure("the right one", named(right, names), images.reference(right)))
    return element("div", join(*shown), class_="side-by-side")


def _named(photo: Photo, names: Mapping[str, str]) -> Markup:
    """Return the names under the images: beside each other there, a file name would be broken into slivers."""
    lines = [("photo", photo["name"])]
    if photo["nearest"] is not None:
        lines.append(("nearest", named(photo["nearest"], names)))
    if photo["id"] and photo["id"] != photo["nearest"]:
        lines.append(("right", named(photo["id"], names)))
    return element("dl", *(join(element("dt", word), element("dd", name)) for word, name in lines))


def _figure(title: str, name: str, uri: str | None) -> Markup:
    image = (
        element("div", "no image available", class_="no-picture")
        if uri is None
        else element("img", src=uri, alt=f"{title}: {name}", loading="lazy")
    )
    return element("figure", image, element("figcaption", title))


def _said(photo: Photo, names: Mapping[str, str]) -> str:
    shows = f"shows {named(photo['id'], names)}" if photo["id"] else "shows a thing that is not in the pack"
    if photo["decision"] is None:
        return f"{photo['name']} {shows}; similarity to the nearest reference {photo['similarity']:.2f}."
    return (
        f"{photo['name']} {shows}; it was called {photo['decision']}, with {100 * photo['confidence']:.0f} % for the "
        f"nearest reference (similarity {photo['similarity']:.2f}, evidence {photo['evidence']:+.1f})."
    )
