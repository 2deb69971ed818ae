"""The servers of one machine: how each is configured, started and asked whether it is well."""
