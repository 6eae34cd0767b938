"""What will go wrong with a pack or a catalogue, found before it does. Read `examination` first."""
