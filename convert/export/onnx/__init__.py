"""Towers as ONNX files: export, comparison with torch, quantisation. Read `tower_to_onnx` first."""
