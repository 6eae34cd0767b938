"""Commands on a catalogue: add, list, show, remove, withdraw, restore, export, duplicates, search, draw-demo."""
