"""The encoders of a pack, run on this device. Read `encoder_choice` first: it picks the variant and the library."""
