"""The device: the pack format, preprocessing, encoders, search, sync and `edge-identify`.

Read `search.identifier` first: it goes from a photo to an answer. Then read `pack` (with FORMAT.md) and `decisions`.

This room is the floor of the project. It imports no other room, and never torch, open_clip, flask or sqlite_utils.
Importing it loads nothing heavy. numpy, Pillow, ONNX Runtime and FAISS load in the functions that need them.

The variable below turns off the telemetry of ONNX Runtime on Linux, macOS and phones. Without it, ONNX Runtime 1.29 and
later sends usage data, and writes a device identifier and a database into the user's cache folder. The variable must
be set before ONNX Runtime is loaded. Windows ignores it; `encoders.onnx_encoder` turns telemetry off there.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
