"""A board's queries asked of a Prometheus, as Grafana asks them."""
