"""What a release step does: plain typed functions and the domain that they stand on."""
