"""Writes open_clip's transformers as ONNX graphs with ONNX Runtime's fused operators.

Read `fused_graph` first. `fused_towers` and `fused_layers` read the torch modules; `fused_nodes` writes the nodes.
"""
