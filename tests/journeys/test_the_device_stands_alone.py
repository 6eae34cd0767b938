"""The device command loads none of the maker's or the server's libraries, and opens no connection to answer."""

from __future__ import annotations

import json
import subprocess
import sys

DECIDED = (0, 10, 4, 3)  # identified, probably, ambiguous, unknown: so small a pack is not sure of each photo
FORBIDDEN = (
    "torch",
    "open_clip",
    "flask",
    "sqlite_utils",
    "timm",
    "torchvision",
    "coremltools",
    "onnx",
    "tqdm",
    "waitress",
)

#: Runs the command with the forbidden libraries missing and with sockets that refuse, then tells what was loaded.
_PROGRAM = """
import json, socket, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
def refuse(*_, **__):
    raise AssertionError("a connection was opened")
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
from edge_identify.edge_runtime.cli.main import main
code = main(sys.argv[2:])
rooms = sorted({".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("edge_identify.")})
print(json.dumps({"code": code, "rooms": rooms, "urllib3": "urllib3" in sys.modules}), file=sys.stderr)
"""


def run_alone(*arguments: object) -> dict[str, object]:
    words = [
        sys.executable,
        "-c",
        _PROGRAM,
        json.dumps(FORBIDDEN),
        *(str(argument) for argument in arguments),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stderr.splitlines()[-1])
    assert report["code"] in DECIDED, done.stderr
    return report


def test_identifying_and_searching_need_the_base_install_only(demo) -> None:  # type: ignore[no-untyped-def]
    store = demo.folder / "store"

    for words in (
        (demo.photos[0],),
        demo.photos,  # enough of them for FAISS
        ("search", "a mosaic"),
        ("packs",),
        ("verify",),
    ):
        report = run_alone(*words, "--store", store)
        assert (report["rooms"], report["urllib3"]) == (["edge_identify.edge_runtime"], False)


def test_asking_for_help_loads_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from edge_identify.edge_runtime.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'PIL', 'onnxruntime', 'faiss', 'urllib3', 'regex', 'ftfy'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_one_photo_is_answered_without_faiss(demo) -> None:  # type: ignore[no-untyped-def]
    program = (
        "import sys\n"
        "from edge_identify.edge_runtime.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print('faiss' in sys.modules, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    words = [sys.executable, "-c", program, str(demo.photos[0]), "--store", str(demo.folder / "store")]

    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode in DECIDED, done.stderr
    assert done.stderr.splitlines()[-1] == "False"
