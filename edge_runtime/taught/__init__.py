"""Things that a person taught a device: an overlay beside a pack, and the contribution file that leaves the device."""
