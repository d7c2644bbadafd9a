"""Which images manifests need, and what a node calls them."""

import pytest

from tools.cluster.images import full_name, images_in


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx:1.30.6", "docker.io/library/nginx:1.30.6"),
        ("arloji/service:local", "docker.io/arloji/service:local"),
        ("ghcr.io/google/cadvisor:v1", "ghcr.io/google/cadvisor:v1"),
        ("localhost/a:1", "localhost/a:1"),
        ("registry:5000/arloji/service:1", "registry:5000/arloji/service:1"),
    ],
)
def test_an_image_has_the_name_that_containerd_gives_it(image: str, full: str) -> None:
    assert full_name(image) == full


def test_images_are_those_of_all_containers_and_init_containers() -> None:
    pod = {"initContainers": [{"image": "init:1"}], "containers": [{"image": "main:1"}]}
    deployment = {"kind": "Deployment", "spec": {"template": {"spec": pod}}}
    job = {
        "spec": {
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "job:1"}]}}}}
        }
    }
    other = {"kind": "ConfigMap", "data": {"image": "not:1"}}
    assert images_in([deployment, job, other, deployment]) == ["init:1", "job:1", "main:1"]
