"""Options and output that several subcommands of `edge-build` share."""
