"""Options of `edge-identify`. Each module adds its options to a parser and reads their values."""
