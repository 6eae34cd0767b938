"""What the subcommands of `edge-build` share: options, help, progress."""
