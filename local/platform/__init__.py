"""The laptop behind the interfaces of `components.platform`."""
