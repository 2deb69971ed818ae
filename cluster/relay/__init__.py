"""The relay: what MLflow says of an alias becomes an event that Argo begins a release by.

Argo Events cannot check MLflow's signature, and MLflow sends no other proof. A delivery is a hint:
it says which model to look at, and what is there decides. What is lost, `sluice reconcile` finds.
"""
