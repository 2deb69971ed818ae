"""Judging what is over: recorded releases, and polls and policies from files."""
