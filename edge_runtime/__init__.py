"""The device: the pack format, preprocessing, encoders, search, sync and `edge-identify`.

This room is the floor of the project: it imports no other room, and never torch, open_clip, flask or sqlite_utils.
Importing it loads nothing heavy; numpy, Pillow, ONNX Runtime and FAISS load inside the functions that need them
or in the modules that are named after them.
"""

__version__ = "0.1.0"
