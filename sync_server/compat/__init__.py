"""The routes of five older systems, so that their clients keep working. Read `drop_in_routes` first."""
