"""Training what ships with this package; run on a maker's machine, never on a device."""
