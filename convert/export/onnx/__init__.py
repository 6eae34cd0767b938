"""Towers as ONNX files."""
