"""Helpers that tests share: waiting, endpoints, polls, records, predictors, users."""
