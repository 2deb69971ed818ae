"""Former names of modules, which stored artifacts carry."""
