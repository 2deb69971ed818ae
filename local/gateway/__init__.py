"""What Envoy is told, and what it says of itself."""
