"""Every target; a module that has some gives them as `TARGETS`."""

from tests.fuzz import artifacts, files, wire
from tests.fuzz.run import Target

TARGETS: dict[str, Target] = {
    target.name: target for target in (*wire.TARGETS, *artifacts.TARGETS, *files.TARGETS)
}
