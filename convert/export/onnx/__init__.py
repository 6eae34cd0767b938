"""Exports towers as ONNX files: export, comparison with torch, quantisation.

Read `tower_to_onnx` first. `fused` writes the graphs of known transformers; `onnx_quantisation` makes int8 files.
"""
