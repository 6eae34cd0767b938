"""From a catalogue and exported towers to a pack."""
