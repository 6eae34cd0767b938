"""The command `edge-serve`. Read `main` first. No other room imports this one."""
