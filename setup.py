"""The packages: found in the rooms at the top of the tree, and named `edge_identify.<room>`.

pyproject.toml alone cannot say this: it finds packages, or it renames folders, not both. The links in `edge_identify/`
are for a checkout only and no build reads them, so a clone without symbolic links builds the same wheel. `datasets` has
no `__init__.py` at its top: it would shadow Hugging Face's `datasets` for anything run from this folder.
"""

from setuptools import find_packages, setup

ROOMS = ("convert", "datasets", "edge_runtime", "sync_server")

setup(
    packages=[
        "edge_identify",
        *(f"edge_identify.{room}" for room in ROOMS),
        *(f"edge_identify.{room}.{package}" for room in ROOMS for package in find_packages(room)),
    ],
    package_dir={"edge_identify": "edge_identify", **{f"edge_identify.{room}": room for room in ROOMS}},
)
