"""The job that makes a cluster's Secrets may touch these and no others, and each is somebody's."""

import re

import yaml

from bootstrap.cluster_secrets import CLUSTER_READERS
from tests.conformance.test_imports import ROOT

MADE = {"secrets-master", *(f"secrets-{reader.name}" for reader in CLUSTER_READERS)}


def test_the_jobs_role_names_the_secrets_that_it_makes() -> None:
    documents = yaml.safe_load_all((ROOT / "k8s/base/jobs/bootstrap-secrets.yaml").read_text())
    (role,) = (one for one in documents if one["kind"] == "Role")
    making, keeping = role["rules"]
    assert (making["resources"], making["verbs"]) == (["secrets"], ["create"])
    assert (keeping["resources"], keeping["verbs"]) == (["secrets"], ["get", "update"])
    assert set(keeping["resourceNames"]) == MADE
    assert len(role["rules"]) == 2


def test_manifests_mount_no_secret_that_nobody_makes() -> None:
    mounted = {
        name
        for path in (ROOT / "k8s").rglob("*.yaml")
        for name in re.findall(r"\bsecretName: (secrets-[\w-]+)", path.read_text(encoding="utf-8"))
    }
    assert mounted
    assert mounted <= MADE - {"secrets-master"}
