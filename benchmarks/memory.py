"""Peak memory of `edge-identify photo.jpg --json` by the size of the photo and of the index.

    python benchmarks/memory.py --encoder-pack PACK [--counts 4000 100000]

Prints one JSON line: MiB at the peak of a process of its own, and of a Python process that does nothing; MB of each
photo's file, which is read whole; and the MiB of address space that reading and decoding a photo of 7 kB asks for
(Linux). Target: a photo of 200 megapixels is answered within 400 MiB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from material import pack_with_references
from measuring import compile_once, print_line

from edge_identify.edge_runtime.photos.synthetic_photo import drawn_photo
from edge_identify.edge_runtime.terminal.peak_memory import peak_memory_bytes

_COMMAND = "import sys; from edge_identify.edge_runtime.cli.main import main; sys.exit(main())"
_PHOTOS_PX = {
    "1_megapixel": (1152, 864),
    "12_megapixels": (4032, 3024),
    "48_megapixels": (8064, 6048),
    "200_megapixels": (16_320, 12_240),  # as phones take them
}
_COUNTS = (4_000, 100_000)
_SMALL_PHOTO_PX = (160, 120)  # 7 kB
_ADDRESS_SPACE = """
import sys
from pathlib import Path
from edge_identify.edge_runtime.photos.images import open_image
import PIL.JpegImagePlugin

def mib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmPeak")) / 1024

before = mib()
open_image(Path(sys.argv[1]))
print(mib() - before)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder-pack", type=Path, required=True, metavar="PACK")
    parser.add_argument("--counts", type=int, nargs="+", default=_COUNTS, metavar="REFERENCES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_once(folder / "compiled")
        photos = {title: folder / f"{title}.jpg" for title in _PHOTOS_PX}
        for title, photo in photos.items():
            photo.write_bytes(drawn_photo(size_px=_PHOTOS_PX[title]))
        figures = {"python_alone": _mib([sys.executable, "-c", "pass"])}
        for count in options.counts:
            pack = pack_with_references(options.encoder_pack, folder / "pack", count=count)
            for title, photo in photos.items():
                command = [sys.executable, "-c", _COMMAND, str(photo), "--json", "--pack", f"{pack}/"]
                figures[f"{title}_{count}_references"] = _mib(command)
        small = folder / "small.jpg"
        small.write_bytes(drawn_photo(size_px=_SMALL_PHOTO_PX))
        address_mib = _small_photo_mib(small)
        small_kb = round(small.stat().st_size / 1e3, 1)
        photo_mb = {title: round(photo.stat().st_size / 1e6, 1) for title, photo in photos.items()}
    print_line(
        "memory", peak_mib=figures, photo_mb=photo_mb, small_photo_kb=small_kb, small_photo_address_mib=address_mib
    )


def _mib(command: list[str]) -> float | None:
    peak = peak_memory_bytes(command)
    return None if peak is None else round(peak / 2**20, 1)


def _small_photo_mib(photo: Path) -> float | None:
    """Return the growth of the largest address space; None where the system does not tell it."""
    if not Path("/proc/self/status").exists():
        return None
    ended = subprocess.run(
        [sys.executable, "-c", _ADDRESS_SPACE, str(photo)], capture_output=True, text=True, check=True
    )
    return round(float(ended.stdout), 1)


if __name__ == "__main__":
    main()
