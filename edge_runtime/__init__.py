"""The device: the pack format, preprocessing, encoders, search, sync and `edge-identify`.

This room is the floor of the project: it imports no other room, and never torch, open_clip, flask or sqlite_utils.
Importing it loads nothing heavy; numpy, Pillow, ONNX Runtime and FAISS load inside the functions that need them
or in the modules that are named after them.

ONNX Runtime from 1.29 on sends usage data from Linux, macOS and phones unless this variable is set before it is loaded:
it makes a device identifier and a database in the user's cache folder. Whoever uses our code did not ask for that.
(On Windows the variable means nothing; `encoders.onnx_encoder` turns it off there.)
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
