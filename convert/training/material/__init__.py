"""What the built-in encoder learns from: photographs, drawn things, views, captions. Read `image_batches` first."""
