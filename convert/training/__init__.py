"""Training the built-in encoder, on a maker's machine. Read `train_image_tower` first."""
