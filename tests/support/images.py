"""Images in the embedded cluster's node, and the one that predictors are made of."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import yaml

from cluster.api import Api
from cluster.embedded import node
from cluster.embedded.home import find_home
from cluster.kinds import CONFIG_MAP, DEPLOYMENT, Object
from cluster.settings import KEY, NAME, SYSTEM
from components.programs import output
from tests.support.present import present


@contextmanager
def tagged(image: str) -> Iterator[str]:
    """Another name of an image in the node, which nobody else goes by, while the block runs."""
    name = f"localhost/sluice-test:{uuid.uuid4().hex[:12]}"
    point(name, image)
    try:
        yield name
    finally:
        _ctr("images", "remove", name)


def point(name: str, image: str) -> None:
    """Let a name be that of the image, whatever it named before: as a tag that is pushed again."""
    _ctr("images", "tag", "--force", image, name)


def _ctr(*arguments: str) -> None:
    pid = present(node.first_process(find_home()))
    output([*node.inside(pid), "ctr", "--namespace", "k8s.io", *arguments], "ctr")


def steps_image(api: Api) -> str:
    """The image of the steps, which has all that a predictor needs."""
    reaper: Object = present(api.get(DEPLOYMENT, SYSTEM, "reaper"))
    return str(reaper["spec"]["template"]["spec"]["containers"][0]["image"])


@contextmanager
def predictor_image(api: Api, image: str) -> Iterator[Callable[[], None]]:
    """The image of predictors that are made while the block runs.

    Yields:
        Puts the installation's own back before the block's end.
    """
    before: str = present(api.get(CONFIG_MAP, SYSTEM, NAME))["data"][KEY]
    settings = yaml.safe_load(before)
    settings["predictor"]["image"] = image

    def write(text: str) -> None:
        api.merge(CONFIG_MAP, SYSTEM, NAME, {"data": {KEY: text}})

    write(yaml.safe_dump(settings))
    try:
        yield lambda: write(before)
    finally:
        write(before)
