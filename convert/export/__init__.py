"""Exports a loaded model to the encoder files that devices run, and compares each with the original.

Read `tower_exports` first, then `variants` and `fidelity`. `onnx` and `coreml` hold the formats.
"""
