"""Reports: comparison, tables, pictures."""
