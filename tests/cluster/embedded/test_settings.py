import json
import tomllib
from pathlib import Path

import yaml

from cluster.embedded import network, settings
from cluster.embedded.home import Home


def test_every_setting_is_written_where_its_program_looks(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    settings.write(home, "[supervisord]\n", "localhost/pause:1")
    read = {
        path.relative_to(home.settings).as_posix(): path.read_text()
        for path in home.settings.rglob("*")
        if path.is_file()
    }
    cri = tomllib.loads(read["containerd.toml"])["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == "localhost/pause:1"
    assert cri["cni"]["conf_dir"] == "/run/sluice/settings/cni"
    assert json.loads(read["cni/10-sluice.conflist"])["plugins"][0]["type"] == "bridge"
    assert yaml.safe_load(read["kubelet.yaml"])["clusterDNS"] == [network.DNS]
    assert yaml.safe_load(read["proxy.yaml"])["mode"] == "nftables"
    assert read["supervisord.conf"] == "[supervisord]\n"


def test_what_pods_send_elsewhere_is_not_hidden_behind_the_nodes_address() -> None:
    assert settings.cni()["plugins"][0]["ipMasq"] is False
