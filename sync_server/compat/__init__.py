"""The HTTP routes of five older services, so that their clients keep working. One file for each service.

Read `flash_identifier` first. `drop_in_routes` lists all routes.
"""
