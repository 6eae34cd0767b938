"""A tracking server with the part of MLflow's REST API that recording a build needs."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_RUN = {"run_id": "run-1", "run_uuid": "run-1", "experiment_id": "7", "status": "RUNNING", "artifact_uri": "x"}
_ANSWERS: dict[str, dict[str, Any]] = {
    "experiments/get-by-name": {"experiment": {"experiment_id": "7", "name": "edge-identify"}},
    "runs/create": {"run": {"info": _RUN, "data": {}}},
    "runs/get": {"run": {"info": _RUN, "data": {}}},
    "runs/log-batch": {},
    "runs/update": {"run_info": {**_RUN, "status": "FINISHED"}},
}


class MlflowServer:
    """The recorded requests by route. While `breaks_off` is set, it closes each connection without a response."""

    def __init__(self) -> None:
        self.url = ""
        self.said: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.breaks_off = False


@contextmanager
def mlflow_server() -> Iterator[MlflowServer]:
    """Run a server on loopback while the block runs."""
    state = MlflowServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if state.breaks_off:
                self.close_connection = True
                return
            route = self.path.partition("?")[0].partition("/mlflow/")[2]
            state.said[route].append(json.loads(body or "{}"))
            answer = json.dumps(_ANSWERS.get(route, {"error_code": "ENDPOINT_NOT_FOUND"})).encode()
            self.send_response(200 if route in _ANSWERS else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
