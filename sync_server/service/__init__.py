"""The HTTP service: Flask app, socket, settings, health, metrics, logs. Read `app` first."""
