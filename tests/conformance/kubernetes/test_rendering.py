"""Every set renders without a word of warning, and the table of sets is complete."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from operations import cluster_images
from operations.images import kubernetes_images, pinned_images
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Pod, within
from tests.conformance.kubernetes.rendering import (
    K8S,
    ROOT,
    RenderFailed,
    components_of,
    parse,
    render,
    render_folder,
    render_text,
)
from tests.conformance.kubernetes.sets import ALONE, DOCUMENTED, OVERLAYS, SETS, SHARED, TASKS, Set

FOLDERS = ("k8s", "bootstrap", "ingress", "stores", "observability", "docs/runbooks")
KUSTOMIZATIONS = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("kustomization.yaml")
)
# https://github.com/kubernetes-sigs/kustomize: api/types/kustomization.go, deprecated fields.
BACKUPS = {"backup", "archive-logs", "drill"}
KEYS = {"BACKUP_RECIPIENT", "BACKUP_IDENTITY_FILE"}
DEPRECATED = {
    *("bases", "commonLabels", "imageTags", "patchesJson6902", "patchesStrategicMerge", "vars"),
    *("helmChartInflationGenerator", "inventory"),
}


@pytest.mark.parametrize("one", SETS, ids=str)
def test_a_set_renders_without_a_warning(one: Set) -> None:
    assert render(one).objects


def test_a_folder_that_does_not_render_is_a_failure(tmp_path: Path) -> None:
    kind = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    (tmp_path / "kustomization.yaml").write_text(f"{kind}resources: [missing.yaml]\n")
    with pytest.raises(RenderFailed, match=r"missing\.yaml"):
        render_folder(tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"{kind}commonLabels: {{a: b}}\n")
    with pytest.raises(RenderFailed, match="commonLabels"):
        render_folder(tmp_path)


def test_overlays_and_components_are_those_of_the_table() -> None:
    assert {path.name for path in (K8S / "overlays").iterdir()} == set(OVERLAYS)
    used = {name for overlay in OVERLAYS for name in components_of(K8S / "overlays" / overlay)}
    added = {name for one in DOCUMENTED for name in one.added}
    known = used | ALONE.keys() | added | SHARED
    assert {path.name for path in (K8S / "components").iterdir()} == known
    tasks = {path.name for path in (K8S / "tasks").iterdir() if path.is_dir()}
    assert tasks == {one.task for one in TASKS}


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_deprecated_field_is_used(path: Path) -> None:
    said = yaml.safe_load(path.read_text())
    assert DEPRECATED & said.keys() == set()
    assert all(not one["includeSelectors"] for one in said.get("labels", ()))


@pytest.mark.parametrize("registry", ["", "registry.example.com:5000/shop"])
def test_a_release_is_named_in_one_place(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    release = cluster_images.RELEASE.relative_to(ROOT)
    monkeypatch.setattr(cluster_images, "RELEASE", tmp_path / release)
    at = f"{registry}/" if registry else ""
    cluster_images.write_release({name: at + name for name in cluster_images.IMAGES}, "1.4.0-rc.1")
    folders = ("overlays/small", "tasks/restore")
    texts = [render_folder(tmp_path / "k8s" / folder) for folder in folders]
    shop = Manifests([one for text in texts for one in parse(text)])
    ours = {
        container.described["image"]
        for pod in shop.pods
        for container in pod.containers
        if "arloji/" in container.described["image"]
    }
    built = ("service", "housekeeping", "grafana")
    assert ours == {f"{at}arloji/{name}:1.4.0-rc.1" for name in built}
    jobs = {one["metadata"]["name"] for one in shop.of("Job")}
    assert jobs == {"migrate-1.4.0-rc.1", "bootstrap-secrets-1.4.0-rc.1", "restore"}
    versions = {
        pod.labels.get("app.kubernetes.io/version")
        for pod in shop.pods
        if re.search(r"arloji/(service|housekeeping):", pod.main.described["image"])
    }
    assert versions == {"1.4.0-rc.1"}


def test_every_image_of_the_small_overlay_has_a_stand_in_where_no_registry_is() -> None:
    """A node of the tests is given them by `tools.offline_images`."""
    named = {
        container.described["image"]
        for pod in render(Set("small")).pods
        for container in pod.containers
    }
    others = {image for image in named if not image.startswith("arloji/")}
    assert others <= {*pinned_images(), *kubernetes_images()}
    assert len(others) > 10


def _pods_of_backups() -> tuple[dict[str, Pod], Pod]:
    """By CronJob, in a shop with a bucket and encryption; and of the task with the same two."""
    shop = render(Set("small", added=("backup-s3", "backup-encryption")))
    text = (K8S / "tasks/restore/kustomization.yaml").read_text(encoding="utf-8")
    taken_in = text.replace("# If the shop has it: - ", "- ")
    assert (
        taken_in.count("components/backup-") == taken_in.count("  - ../../components/backup-") == 2
    )
    task = Manifests(render_text(taken_in, K8S / "tasks/restore"))
    # What it is told is in the cluster already: the task brings its own Job alone.
    assert task.of("ConfigMap") == []
    (restore,) = task.pods
    return {pod.name: pod for pod in shop.pods if pod.name in BACKUPS}, restore


def test_a_restore_from_a_bucket_is_told_of_it_as_the_backup_is() -> None:
    pods, restore = _pods_of_backups()
    assert restore.main.described["envFrom"] == pods["backup"].main.described["envFrom"]
    assert restore.volumes["bucket"] == pods["backup"].volumes["bucket"]


def test_who_makes_backups_has_the_public_key_and_who_restores_them_the_private_one() -> None:
    """In a bucket as well: neither component takes away what the other one says."""
    pods, restore = _pods_of_backups()
    assert restore.volumes["identity"] == pods["drill"].volumes["identity"]
    found = {
        container.name: {one["name"] for one in container.described["env"]} & KEYS
        for pod in (*pods.values(), restore)
        for container in pod.containers
        if within(container.described, "envFrom", 0, "configMapRef", "name") == "backup-s3"
    }
    assert found == {
        "backup": {"BACKUP_RECIPIENT"},
        "purge-backups": set(),
        "archive-logs": {"BACKUP_RECIPIENT"},
        "drill": {"BACKUP_IDENTITY_FILE"},
        "restore": {"BACKUP_IDENTITY_FILE"},
    }


def test_one_entry_names_the_service_image() -> None:
    entries = [
        (path.parent.name, entry["name"])
        for path in KUSTOMIZATIONS
        for entry in yaml.safe_load(path.read_text()).get("images", ())
    ]
    assert [folder for folder, name in entries if name == "arloji/service"] == ["release"]
