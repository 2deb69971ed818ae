"""A platform without a server, a disk or a thread: whole releases in milliseconds, with faults.

It ships with the package, so that whoever writes a step, a pipeline or an alert can try it. Begin
with `World`.
"""

from components.platform.memory.clock import ManualClock
from components.platform.memory.faults import Faults, Killed
from components.platform.memory.users import Behaviour
from components.platform.memory.world import Answer, World

__all__ = ["Answer", "Behaviour", "Faults", "Killed", "ManualClock", "World"]
