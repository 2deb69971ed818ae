"""What people see of an endpoint: recording rules, alerts and dashboards, as code."""
