"""Which dual encoder: names, tags, checkpoints, and the libraries that build them."""
