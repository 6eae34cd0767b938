"""open_clip's transformers as ONNX graphs written by hand, with fused operators. Read `fused_graph` first."""
