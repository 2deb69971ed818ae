import configparser
import shlex
from itertools import pairwise
from pathlib import Path

from cluster.embedded.programs import Program, programs, supervisor

LISTED = programs(Path("/cache/kubernetes"), Path("/cache/etcd"))


def sections(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return parser


def test_the_supervisor_runs_every_program() -> None:
    read = sections(supervisor(LISTED))
    for program in LISTED:
        command = read[f"program:{program.name}"]["command"]
        assert tuple(shlex.split(command)) == program.command
    assert read["supervisord"]["nodaemon"] == "true"


def test_a_percent_sign_is_no_expression_of_the_supervisor() -> None:
    text = supervisor([Program("p", ("run", "100%"))])
    assert sections(text)["program:p"]["command"] == "run 100%%"


def test_the_api_server_can_be_reached_in_the_node_only() -> None:
    (apiserver,) = [each.command for each in LISTED if each.name == "kube-apiserver"]
    flags = dict(pairwise(apiserver))
    assert flags["--bind-address"] == "10.89.0.2"
