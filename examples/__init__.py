"""The models that `sluice prepare` makes, to have something to release, and a demonstration.

Each module shows how a model gets into the registry; nothing in Sluice itself imports them.
"""
