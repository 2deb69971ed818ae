"""What serving costs: prices with their sources, bills of what was provisioned, what it served."""
