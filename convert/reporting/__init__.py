"""Reports: an evaluation as one HTML page, and builds recorded in MLflow.

Read `report_page` first, then `report_part`.
"""
