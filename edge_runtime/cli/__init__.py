"""The command `edge-identify`. Read `main` first. No other room imports this one."""
