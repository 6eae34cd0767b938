"""What the tests of the field app in a real browser need, and what of it is missing here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER

_NEEDED = {
    "node": shutil.which("node"),
    "Chromium": Path(os.environ.get("EDGE_IDENTIFY_CHROMIUM", "/usr/bin/chromium")).exists(),
    "npm's files (run `make web`)": (WEB_FOLDER / "node_modules/playwright-core").exists()
    and (WEB_FOLDER / "vendor/jsQR.js").exists(),
}

#: The missing things; empty if the app can be tried in a browser.
MISSING = [name for name, is_there in _NEEDED.items() if not is_there]
WHY_SKIPPED = f"the app is not tried in a browser: no {', no '.join(MISSING)}"
