"""Which dual encoder: names, families, checkpoints, tokenizers. Read `model_loading` first."""
