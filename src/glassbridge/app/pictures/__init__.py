"""Pictures as SVG, for reports and pages; deterministic, self-contained, light and dark."""
