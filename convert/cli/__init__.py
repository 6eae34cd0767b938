"""The command `edge-build`. Read `main` first. No other room imports this one."""
