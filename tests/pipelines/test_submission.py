"""What a server of Kubeflow Pipelines is asked for: the wire is swapped, nothing else."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.endpoint import Endpoint
from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.platform import Lease
from components.registry import names
from pipelines import compiler, pods, schedule, submission
from pipelines.engines.kubeflow import Kubeflow
from pipelines.submission import Runs
from tests.support.endpoints import endpoint
from tests.support.kubeflow import Remembering, Sent, served
from tests.support.worlds import MODEL, NAME, QUICK, QUICK_RPS, Scene, scene

HOST = "https://kubeflow.example/pipeline"
IMAGE = "registry.example/sluice-steps@sha256:" + "a" * 64
RUNS = Runs(IMAGE, "fraud")
FIRST = "rel-demo-v2-1"
DAILY = schedule.parse("30 6 * * 1-5")


@dataclass
class Stage:
    """An endpoint that can be released by KFP, and a KFP."""

    demo: Scene
    wire: Remembering
    server: Kubeflow

    @property
    def endpoint(self) -> Endpoint:
        return self.demo.world.platform.endpoints.load(NAME)

    def release(self, version: str = "", runs: Runs = RUNS) -> submission.Submitted:
        return submission.release(
            self.server, self.demo.world.platform, self.endpoint, version, runs
        )

    def recurring(self, runs: Runs = RUNS) -> submission.Submitted:
        return submission.recurring(self.server, self.endpoint, DAILY, runs)

    def sent(self, path: str) -> list[Sent]:
        return [each for each in self.wire.writes() if each.path.endswith(path)]


@pytest.fixture
def stage() -> Iterator[Stage]:
    demo = scene(QUICK_RPS, **QUICK | {"lease": "120s"})
    demo.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    wire = Remembering()
    with closing(Kubeflow(HOST, lambda: "secret", "profile", wire)) as server:
        yield Stage(demo, wire, server)


def test_a_release_is_a_run_of_its_name_by_names_alone(stage: Stage) -> None:
    made = stage.release()
    (run,) = stage.sent("/runs")
    assert run.json == {
        "display_name": FIRST,
        "experiment_id": "experiment_id-1",
        "pipeline_version_reference": {
            "pipeline_id": "pipeline_id-1",
            "pipeline_version_id": "pipeline_version_id-1",
        },
        "runtime_config": {"parameters": {"endpoint": NAME, "release_id": FIRST, "version": ""}},
        "service_account": "sluice-step",
    }
    assert run.headers["authorization"] == "Bearer secret"
    assert made.release_id == FIRST
    assert made.url == f"{HOST}/#/runs/details/run_id-1"
    assert run.path == "/pipeline/apis/v2beta1/runs"


def test_what_is_uploaded_is_the_committed_form_with_image_and_team(stage: Stage) -> None:
    made = stage.release("2")
    (upload,) = stage.sent("/upload_version")
    assert upload.asked == {"name": made.version, "pipelineid": "pipeline_id-1"}
    spec, platforms = yaml.safe_load_all(upload.file)
    form = compiler.structure(compiler.committed(1))
    assert platforms["platforms"] == form["platforms"]
    assert spec["root"] == form["root"]
    for executor in spec["deploymentSpec"]["executors"].values():
        assert executor["container"]["image"] == IMAGE
        told = {each["name"]: each["value"] for each in executor["container"]["env"]}
        assert told["SLUICE_NAMESPACE"] == "fraud"
        assert told["SLUICE_PLATFORM"] == "cluster"


def test_nothing_is_made_or_uploaded_twice(stage: Stage) -> None:
    first = stage.release()
    stage.wire.kept["runs"][0]["state"] = "FAILED"
    second = stage.release()
    assert first.version == second.version
    assert [each.path.rpartition("/")[2] for each in stage.wire.writes()] == [
        "pipelines",
        "upload_version",
        "experiments",
        "runs",
        "runs",
    ]


def test_another_image_or_team_is_another_version_of_the_same_pipeline(stage: Stage) -> None:
    versions = []
    for runs in (RUNS, Runs(IMAGE.replace("a" * 64, "b" * 64), "fraud"), Runs(IMAGE, "other")):
        versions.append(stage.release(runs=runs).version)
        stage.wire.kept["runs"][-1]["state"] = "FAILED"
    assert len(set(versions)) == len(stage.wire.kept["pipeline_versions"]) == 3
    assert len(stage.wire.kept["pipelines"]) == 1
    assert len(stage.wire.kept["experiments"]) == 2  # of two teams' endpoints of one name


def test_where_somebody_else_is_faster_his_is_taken(stage: Stage) -> None:
    stage.wire.faster = 3
    stage.release()
    assert [len(stage.wire.kept[key]) for key in ("pipelines", "pipeline_versions")] == [1, 1]
    assert len(stage.wire.kept["experiments"]) == 1


def test_what_is_looked_for_is_of_the_user_s_namespace(stage: Stage) -> None:
    stage.release()
    looks = [each for each in stage.wire.sent if each.method == "GET"]
    owned = [each for each in looks if each.path.endswith(("/pipelines", "/experiments"))]
    assert [each.asked["namespace"] for each in owned] == ["profile"] * 3
    assert stage.sent("/experiments")[0].json == {
        "display_name": "sluice-fraud.demo",
        "namespace": "profile",
    }
    assert stage.sent("/pipelines")[0].json["namespace"] == "profile"


def test_a_server_of_one_user_is_told_no_namespace_and_no_token(stage: Stage) -> None:
    with closing(Kubeflow(HOST, transport=stage.wire)) as server:
        submission.release(server, stage.demo.world.platform, stage.endpoint, "", RUNS)
    for each in stage.wire.sent:
        assert "namespace" not in each.asked
        assert "authorization" not in each.headers
    assert stage.sent("/experiments")[0].json == {"display_name": "sluice-fraud.demo"}


def test_the_clock_s_runs_are_one_at_a_time_in_utc_and_catch_up_with_none(stage: Stage) -> None:
    made = stage.recurring()
    (body,) = (each.json for each in stage.sent("/recurringruns"))
    assert body["trigger"] == {"cron_schedule": {"cron": "0 30 6 * * 1-5"}}
    assert body["max_concurrency"] == 1
    assert body["no_catchup"] is True
    assert body["mode"] == "ENABLE"
    assert body["runtime_config"] == {"parameters": {"endpoint": NAME}}
    assert made.release_id == ""
    assert made.version.startswith("clock-1-")
    assert made.url == f"{HOST}/#/recurringrun/details/recurring_run_id-1"


def test_a_second_schedule_of_an_endpoint_takes_the_first_one_s_place(stage: Stage) -> None:
    first, second = stage.recurring(), stage.recurring()
    assert second.replaced == (first.run,)
    assert [each["mode"] for each in stage.wire.kept["recurringRuns"]] == ["DISABLE", "ENABLE"]
    # Deleted, it would take its run that goes on with it.
    assert [each.method for each in stage.wire.writes()] == ["POST"] * len(stage.wire.writes())
    assert stage.recurring().replaced == (second.run,)


def test_no_two_endpoints_share_a_schedule_however_their_names_join(stage: Stage) -> None:
    """Team `fraud` with `eu-x`, and team `fraud-eu` with `x`."""
    for team, name in (("fraud", "eu-x"), ("fraud-eu", "x")):
        own = endpoint(name, release={"lease": "120s"})
        made = submission.recurring(stage.server, own, DAILY, Runs(IMAGE, team))
        assert made.replaced == ()
    assert [each["mode"] for each in stage.wire.kept["recurringRuns"]] == ["ENABLE"] * 2
    assert len(stage.wire.kept["experiments"]) == 2


def former(stage: Stage, name: str) -> str:
    """A schedule as an earlier Sluice made it for an endpoint; its id."""
    experiment = f"sluice-{RUNS.team}-{NAME}"
    body = {"display_name": experiment, "experiment_id": stage.server.experiment(experiment)}
    given = {"runtime_config": {"parameters": {"endpoint": name}}, "mode": "ENABLE"}
    return stage.server.recur(body | given)


def test_a_schedule_that_an_earlier_sluice_made_is_replaced_if_it_is_the_endpoint_s(
    stage: Stage,
) -> None:
    own, other = former(stage, NAME), former(stage, f"x-{NAME}")
    assert stage.recurring().replaced == (own,)
    assert {
        each["recurring_run_id"]: each["mode"] for each in stage.wire.kept["recurringRuns"]
    } == {
        own: "DISABLE",
        other: "ENABLE",
        "recurring_run_id-3": "ENABLE",
    }


def test_a_run_that_an_earlier_sluice_began_is_not_begun_again(stage: Stage) -> None:
    place = stage.server.experiment(f"sluice-{RUNS.team}-{NAME}")
    stage.server.run({"display_name": FIRST, "experiment_id": place})
    with pytest.raises(LeaseHeld, match="goes on already"):
        stage.release()


@pytest.mark.parametrize("order", ["release", "recurring"])
def test_an_answer_that_is_lost_begins_nothing_twice(stage: Stage, order: str) -> None:
    stage.wire.lost = 1
    made = getattr(stage, order)()
    assert made.run.endswith("-1")
    kept = stage.wire.kept["runs" if order == "release" else "recurringRuns"]
    assert len(kept) == 1


def test_a_second_run_of_a_release_is_refused_while_the_first_goes_on(stage: Stage) -> None:
    stage.release()
    with pytest.raises(LeaseHeld, match="a run of release rel-demo-v2-1 goes on already: https"):
        stage.release()
    assert len(stage.sent("/runs")) == 1


def test_a_release_does_not_wait_behind_another_one(stage: Stage) -> None:
    held = Lease(NAME, "rel-demo-v1-1", "somebody", 60, {})
    stage.demo.world.leases.swap(NAME, None, held)
    with pytest.raises(LeaseHeld, match="is held by release rel-demo-v1-1"):
        stage.release()
    assert stage.wire.sent == []


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ({"lease": "119s"}, "release.lease: 119 s is less than two pods may take"),
        (
            {"watch": "72h", "judge": {"max_extension": 3}, "lease": "5m"},
            "release.watch: one watch and its extensions may take 12 days",
        ),
    ],
)
def test_what_kfp_cannot_hold_is_refused_by_its_key(
    stage: Stage, release: dict[str, Any], said: str
) -> None:
    wrong = endpoint(NAME, release=release)
    with pytest.raises(InputError, match=said):
        submission.recurring(stage.server, wrong, DAILY, RUNS)
    assert stage.wire.sent == []


@pytest.mark.parametrize("image", ["sluice-steps", "x/sluice-steps:1.2", "x@sha256:abc", ""])
def test_an_image_without_its_digest_is_refused(image: str) -> None:
    with pytest.raises(InputError, match="has no digest"):
        Runs(image, "fraud")


def test_a_value_that_an_engine_would_evaluate_is_refused(stage: Stage) -> None:
    with pytest.raises(InputError, match="is no name"):
        stage.release("{{workflow.name}}")
    assert stage.wire.sent == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((403, {"message": "User\nmay not"}), PlatformError, "refuses: User may not: see"),
        ((401, "log in"), PlatformError, "401 Unauthorized: see --token-file"),
        ((400, {"message": "no such experiment"}), PlatformError, "refuses: no such experiment"),
        ((503, "upstream"), Unreachable, "cannot answer now: 503"),
        ((200, "<html>Sign in</html>"), PlatformError, "does not answer as Kubeflow Pipelines"),
        ((302, ""), PlatformError, "Kubeflow Pipelines does: .* does --token-file hold a token"),
        ((200, {"text": "[]"}), PlatformError, "does not answer as Kubeflow Pipelines"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_mend(
    stage: Stage, answer: tuple[int, Any], kind: type[PlatformError], said: str
) -> None:
    stage.wire.answer = answer
    with pytest.raises(kind, match=said) as raised:
        stage.release()
    assert "\n" not in str(raised.value)
    assert type(raised.value) is kind


def test_a_host_that_is_no_address_is_refused() -> None:
    with pytest.raises(InputError, match="write https"):
        Kubeflow("kubeflow.example")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This client only works with:FutureWarning")
def test_what_is_sent_is_what_kfp_s_own_client_sends(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ask a server that remembers; ours leaves out what is empty."""
    monkeypatch.setenv("HOME", str(tmp_path))  # where it keeps what it was told last
    import kfp

    stage.release()
    stage.recurring()
    package = tmp_path / "package.yaml"
    theirs = Remembering()
    with served(theirs) as host:
        client = kfp.Client(host=host, existing_token="secret")  # noqa: S106
        uploads = stage.sent("/upload_version")
        experiment = client.create_experiment("sluice-fraud.demo", namespace="profile")
        for upload in uploads:
            package.write_text(upload.file)
            client.upload_pipeline_version(
                str(package), upload.asked["name"], pipeline_id=upload.asked["pipelineid"]
            )
        (run,), (recurring,) = stage.sent("/runs"), stage.sent("/recurringruns")
        client.run_pipeline(
            experiment.experiment_id,
            FIRST,
            params=run.json["runtime_config"]["parameters"],
            pipeline_id=run.json["pipeline_version_reference"]["pipeline_id"],
            version_id=run.json["pipeline_version_reference"]["pipeline_version_id"],
            service_account=pods.ACCOUNT,
        )
        client.create_recurring_run(
            experiment.experiment_id,
            "sluice-fraud.demo",
            cron_expression=DAILY.six_fields,
            no_catchup=True,
            params=recurring.json["runtime_config"]["parameters"],
            pipeline_id=recurring.json["pipeline_version_reference"]["pipeline_id"],
            version_id=recurring.json["pipeline_version_reference"]["pipeline_version_id"],
            service_account=pods.ACCOUNT,
        )
    for path in ("/experiments", "/runs", "/recurringruns"):
        (his,) = (each for each in theirs.writes() if each.path.endswith(path))
        (ours,) = stage.sent(path)
        assert ours.json == his.json
        assert his.headers["authorization"] == ours.headers["authorization"]
    his_uploads = [each for each in theirs.writes() if each.path.endswith("/upload_version")]
    assert [(each.asked, each.file) for each in his_uploads] == [
        (each.asked, each.file) for each in uploads
    ]
