"""Commands on encoders: models, train-builtin."""
