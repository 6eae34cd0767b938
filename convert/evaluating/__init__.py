"""How good a pack is on photos whose answer is known. Read `evaluation` first, then `evaluation_figures`."""
