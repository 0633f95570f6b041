"""What everything else is made of: codes, the column table, the order life cycle, instruments."""
