"""Results for readers: tables with published numbers beside, and the report's page."""
