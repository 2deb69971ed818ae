"""What of the manifests is made of code is as the code says."""

import pytest
import yaml

from cluster import manifests
from cluster.settings import Gateway
from components import gateway
from components.gateway import EDGES_US

MADE = manifests.files()


@pytest.mark.parametrize("path", MADE)
def test_the_file_that_is_committed_is_the_one_that_is_made(path: str) -> None:
    found = (manifests.FOLDER / path).read_text(encoding="utf-8")
    assert found == MADE[path], "run python -m cluster.manifests"


def test_every_proxy_keeps_the_histogram_that_is_judged() -> None:
    proxy = yaml.safe_load(MADE["base/proxy.yaml"])
    edges, flush = proxy["spec"]["bootstrap"]["jsonPatches"]
    ours = [
        each
        for each in edges["value"]["histogram_bucket_settings"]
        if each["match"] == {"prefix": "sluice."}
    ]
    assert [each["buckets"] for each in ours] == [list(EDGES_US)]
    assert flush["path"] == "/stats_flush_interval"


def test_an_encrypted_listener_counts_where_its_certificate_puts_the_manager() -> None:
    paths = {}
    for listener in ("http", "https"):
        patch, _ = yaml.safe_load_all(MADE[f"components/{listener}/evidence.yaml"])
        patches = patch["spec"]["jsonPatches"]
        assert {each["name"] for each in patches} == {f"sluice-system/sluice/{listener}"}
        paths[listener] = {each["operation"]["path"].partition("/filters/")[0] for each in patches}
    assert paths == {"http": {"/default_filter_chain"}, "https": {"/filter_chains/0"}}


def test_the_gateway_s_own_proxies_are_scraped_with_the_relabelling_of_every_gateway() -> None:
    to = Gateway(url="http://users")
    config = yaml.safe_load(
        yaml.safe_load(MADE["base/prometheus-settings.yaml"])["data"]["prometheus.yaml"]
    )
    jobs = {each["job_name"]: each for each in config["scrape_configs"]}
    assert jobs["gateway"]["metric_relabel_configs"] == gateway.relabelling()
    (where,) = jobs["gateway"]["kubernetes_sd_configs"]
    assert where["namespaces"] == {"names": [to.proxies]}
    wanted = {
        each["target_label"]
        for each in jobs["predictor"]["relabel_configs"]
        if "target_label" in each
    }
    assert wanted == set(gateway.JOIN)
