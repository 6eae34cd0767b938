"""The maker: an open_clip model and a catalogue of references become a pack."""
