"""Looking around in a catalogue: which pictures are the same, and which fit a text or a picture."""
