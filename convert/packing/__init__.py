"""From a catalogue and exported towers to a pack. Read `pack_building` first."""
