"""KServe's own server around one `Service`: its routes, encodings, gRPC and management calls.

Importing a module of this package imports KServe, which takes seconds and memory: do it within
`light_imports`, whose module alone is free of it.
"""
