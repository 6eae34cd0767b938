"""The HTTP service put together: settings, health, metrics, logs, the socket. Read `app` first."""
