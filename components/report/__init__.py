"""A release's decision record, told: numbers over time, a page, a screen of text."""
