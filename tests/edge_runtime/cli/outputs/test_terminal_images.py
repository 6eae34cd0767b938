"""Images in terminals: what is written is read back as the two protocols say, down to the pixels."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.cli.outputs.terminal_images import (
    ROWS,
    AnswerImages,
    TerminalImageProtocol,
    image_codes,
    protocol_of,
)
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable, write_thumbnails
from edge_identify.edge_runtime.terminal.terminal_text import Screen
from example_answers import CAT, DOG, WIDE, decided


def encoded(colour: tuple[int, int, int], size: tuple[int, int], form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, form)
    return buffer.getvalue()


def noise_png() -> bytes:
    """An image that does not compress, so that it takes several pieces."""
    pixels = np.random.default_rng(7).integers(0, 256, (60, 60, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def kitty_png(codes: str) -> bytes:
    """Read what Kitty's protocol says of escape codes, and return the image that is sent."""
    commands = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", codes)
    assert re.sub(r"\x1b_G[^;]*;[^\x1b]*\x1b\\", "", codes) == "\n"
    keys = [dict(pair.split("=") for pair in command.split(",")) for command, _ in commands]
    assert {key: keys[0][key] for key in ("a", "f", "r")} == {"a": "T", "f": "100", "r": str(ROWS)}
    assert [key["m"] for key in keys] == ["1"] * (len(keys) - 1) + ["0"]
    assert all(key["q"] == "2" for key in keys), "the terminal would answer into the shell"
    assert all(len(text) <= 4096 and len(text) % 4 == 0 for _, text in commands)
    return base64.b64decode("".join(text for _, text in commands), validate=True)


def iterm2_png(codes: str) -> bytes:
    """Read what iTerm2 says of its escape code, and return the image that is sent."""
    match = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07\n", codes)
    assert match
    keys = dict(pair.split("=") for pair in match[1].split(";"))
    png = base64.b64decode(match[2], validate=True)
    assert keys == {"inline": "1", "size": str(len(png)), "height": str(ROWS), "preserveAspectRatio": "1"}
    return png


def image_in(codes: str) -> Image.Image:
    return Image.open(io.BytesIO(kitty_png(codes)))


def test_both_protocols_carry_the_image_whole() -> None:
    png = noise_png()
    assert len(png) > 2 * 4096

    assert kitty_png(image_codes(png, TerminalImageProtocol.KITTY)) == png
    assert iterm2_png(image_codes(png, TerminalImageProtocol.ITERM2)) == png


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, TerminalImageProtocol.KITTY),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, TerminalImageProtocol.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, TerminalImageProtocol.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, TerminalImageProtocol.ITERM2),
        ({"TERM": "xterm", "TERM_PROGRAM": "mintty"}, TerminalImageProtocol.ITERM2),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, TerminalImageProtocol.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "LC_TERMINAL": "iTerm2"}, None),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "default,1,0"}, None),
        ({"TERM": "screen.xterm-256color", "TERM_PROGRAM": "iTerm.app", "STY": "1.x"}, None),
        ({"TERM": "dumb", "TERM_PROGRAM": "iTerm.app", "INSIDE_EMACS": "29"}, None),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", "NVIM": "/run/nvim"}, None),
    ],
)
def test_only_terminals_that_say_so_get_images(environ: dict[str, str], protocol: TerminalImageProtocol | None) -> None:
    assert protocol_of(environ) is protocol


@pytest.fixture
def thumbnails(tmp_path: Path) -> ThumbnailTable:
    """Blue, yellow and white squares for the first three index ids."""
    colours = [(0, 0, 255), (255, 255, 0), (255, 255, 255)]
    images = [(position + 1, encoded(colour, (64, 64), "WEBP")) for position, colour in enumerate(colours)]
    write_thumbnails(tmp_path / "thumbnails.sqlite", images)
    return ThumbnailTable(tmp_path / "thumbnails.sqlite", side_px=64)


def of_pack(thumbnails: ThumbnailTable | None) -> dict[str, ThumbnailTable]:
    return {} if thumbnails is None else {decided(Decision.IDENTIFIED).pack_name: thumbnails}


def shown(answer: Identification, thumbnails: ThumbnailTable | None, width: int = 100) -> str:
    photo = replace(answer, thumbnails=(encoded((255, 0, 0), (80, 40), "JPEG"),))
    return AnswerImages(TerminalImageProtocol.KITTY, Screen(width=width), of_pack(thumbnails)).codes(photo)


def colours_across(image: Image.Image) -> list[str]:
    """Return the colours from left to right, each once: the gaps are transparent."""
    names = {(255, 0, 0): "red", (0, 0, 255): "blue", (255, 255, 0): "yellow", (255, 255, 255): "white"}
    middle = image.height // 2
    across: list[str] = []
    for left in range(image.width):
        pixel = image.getpixel((left, middle))
        assert isinstance(pixel, tuple)
        *colour, opaque = pixel
        name = min(names, key=lambda known: sum(abs(a - b) for a, b in zip(known, colour, strict=True)))
        if opaque and (not across or across[-1] != names[name]):
            across.append(names[name])
    return across


@pytest.mark.parametrize(
    ("decision", "colours"),
    [
        (Decision.IDENTIFIED, ["red", "blue"]),
        (Decision.PROBABLY, ["red", "blue"]),
        (Decision.UNKNOWN, ["red", "blue"]),
        (Decision.AMBIGUOUS, ["red", "blue", "yellow", "white"]),
    ],
)
def test_the_photo_stands_beside_what_it_may_be(
    decision: Decision, colours: list[str], thumbnails: ThumbnailTable
) -> None:
    with thumbnails:
        assert colours_across(image_in(shown(decided(decision, CAT, DOG, WIDE), thumbnails))) == colours


def test_a_narrow_terminal_shows_fewer_images_and_the_photo_always(thumbnails: ThumbnailTable) -> None:
    answer = decided(Decision.AMBIGUOUS, CAT, DOG, WIDE)
    with thumbnails:
        for width, colours in ((50, ["red", "blue"]), (40, ["red"]), (20, ["red"])):
            image = image_in(shown(answer, thumbnails, width))
            assert colours_across(image) == colours
            assert image.width / image.height * 2 * ROWS <= width


def test_a_pack_without_thumbnails_shows_the_photo_and_no_photo_at_all_shows_nothing() -> None:
    images = AnswerImages(TerminalImageProtocol.KITTY, Screen(), {})

    assert colours_across(image_in(shown(decided(Decision.IDENTIFIED), None))) == ["red"]
    assert images.codes(decided(Decision.IDENTIFIED)) == ""


def test_a_banner_does_not_fill_the_screen(thumbnails: ThumbnailTable) -> None:
    banner = replace(decided(Decision.IDENTIFIED), thumbnails=(encoded((255, 0, 0), (320, 2), "JPEG"),))
    with thumbnails:
        codes = AnswerImages(TerminalImageProtocol.KITTY, Screen(width=100), of_pack(thumbnails)).codes(banner)

    assert colours_across(image_in(codes)) == ["red", "blue"]
