"""Importing `datasets` is cheap: heavy libraries load inside the functions that need them."""

import subprocess
import sys

_MODULES = ("catalogue.catalogue", "drawn.demo.demo_set", "drawn.simulated_photo", "sources")
_HEAVY = ("numpy", "PIL", "sqlite_utils", "torch")


def test_importing_datasets_loads_no_heavy_library() -> None:
    imports = "; ".join(f"import edge_identify.datasets.{module}" for module in _MODULES)
    program = f"import sys; {imports}; print([name for name in {_HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
