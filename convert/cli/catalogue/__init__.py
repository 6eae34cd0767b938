"""Commands on a catalogue: add, list, show, duplicates, search, draw-demo."""
