"""Everything that comes from outside, drawn at random: `make fuzz`, and a sample in `make test`."""
