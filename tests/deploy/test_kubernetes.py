"""Files for Kubernetes are valid by its schemas, and keep roles apart. No cluster is needed."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from mpc.net.certificates import Authority, certificate_name, role_of, uses_of
from mpc.net.renewal import RenewedCredentials
from tests.deploy.files import KUBERNETES, OVERLAYS, program, said

FILES = [path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name != "kustomization.yaml"]
WITHOUT_SCHEMA = ("Certificate",)  # cert-manager's; see test_certificates
USES = {"serverAuth": "server auth", "clientAuth": "client auth"}
ROLES = {"party", "dealer", "server", "client"}


@cache
def built(overlay: Path) -> list[dict[str, Any]]:
    """Return the resources of an overlay."""
    kustomize, kubectl = program("kustomize"), program("kubectl")
    if kustomize is None and kubectl is None:
        pytest.skip("neither kustomize nor kubectl is installed")
    words = [kustomize, "build"] if kustomize else [str(kubectl), "kustomize"]
    code, text = said(*words, overlay)
    assert code == 0, text
    return list(yaml.safe_load_all(text))


def _is_valid(resource: dict[str, Any]) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    if resource["kind"] not in WITHOUT_SCHEMA:
        validate(resource, "1.37", strict=True)


def _named(path: Path) -> str:
    return str(path.relative_to(KUBERNETES))


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_a_file_is_valid(path: Path) -> None:
    for resource in yaml.safe_load_all(path.read_text()):
        _is_valid(resource)


def test_a_wrong_file_is_noticed() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    (resource,) = yaml.safe_load_all((KUBERNETES / "base/party/statefulset.yaml").read_text())
    resource["spec"]["template"]["spec"]["containers"][0]["imagePullPolcy"] = "Never"
    with pytest.raises(validate.ValidationError):
        _is_valid(resource)


def test_there_is_an_overlay_for_each_organisation() -> None:
    names = [overlay.name for overlay in OVERLAYS]
    assert names == ["one-off", "organisation-a", "organisation-b", "organisation-c"]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=_named)
def test_an_overlay_is_valid_and_confined(overlay: Path) -> None:
    resources = built(overlay)
    for resource in resources:
        _is_valid(resource)
    pods = _pods(resources)
    assert pods
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsUser"] == 1000
        assert pod["securityContext"]["runAsNonRoot"]
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}


def _pods(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = ("StatefulSet", "Job")
    return [each["spec"]["template"]["spec"] for each in resources if each["kind"] in kinds]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=_named)
def test_certificates(overlay: Path) -> None:
    certificates = [each["spec"] for each in built(overlay) if each["kind"] == "Certificate"]
    mounted = {
        item["path"]: secret.get("secretName", secret.get("name"))
        for pod in _pods(built(overlay))
        for volume in pod["volumes"]
        for secret in [
            *([volume["secret"]] if "secret" in volume else []),
            *(source["secret"] for source in volume.get("projected", {}).get("sources", [])),
        ]
        for item in secret["items"]
    }
    for certificate in certificates:
        (name,) = certificate["dnsNames"]
        role = role_of(name)
        assert name == certificate_name(role)
        needed = {USES[use._name] for use in uses_of(role)}
        assert set(certificate["usages"]) == needed | {"digital signature"}
        assert mounted[f"{name.removesuffix('.secfpp')}.key"] == certificate["secretName"]
    assert len(certificates) == len([path for path in mounted if path.endswith(".key")])


def _reached_from(resources: list[dict[str, Any]], role: str) -> set[str]:
    """Return the roles of the same namespace that may connect to a role: both ends allow it."""
    policies = [each["spec"] for each in resources if each["kind"] == "NetworkPolicy"]

    def allowed(subject: str, way: str, end: str) -> set[str]:
        rules = [
            rule
            for policy in policies
            if policy["podSelector"].get("matchLabels", {}).get("secfpp.role") == subject
            for rule in policy.get(way, [])
        ]
        peers = [peer for rule in rules for peer in rule[end] if "podSelector" in peer]
        return {peer["podSelector"]["matchLabels"]["secfpp.role"] for peer in peers}

    assert {} in [policy["podSelector"] for policy in policies if len(policy["policyTypes"]) == 2]
    return {
        other
        for other in allowed(role, "ingress", "from")
        if role in allowed(other, "egress", "to")
    }


@pytest.mark.parametrize("overlay", OVERLAYS, ids=_named)
def test_the_dealer_is_reached_by_parties_and_clients_reach_parties(overlay: Path) -> None:
    reached = {role: _reached_from(built(overlay), role) for role in ROLES}
    assert reached == {
        "dealer": {"party"},
        "party": {"party", "server", "client"},
        "server": set(),
        "client": set(),
    }


def test_no_other_organisation_but_the_parties_reaches_the_dealer() -> None:
    dealers = built(KUBERNETES / "overlays" / "organisation-c")
    (policy,) = [each for each in dealers if each["metadata"]["name"] == "dealer-abroad"]
    (rule,) = policy["spec"]["ingress"]
    network = yaml.safe_load((KUBERNETES / "overlays/organisation-c/network.json").read_text())
    hosts = [address.split(":")[0] for address in network["parties"]]
    assert rule["from"] == [{"ipBlock": {"cidr": f"{host}/32"}} for host in hosts]


def test_ranks_of_the_organisations() -> None:
    for letter, rank in (("a", "0"), ("b", "1")):
        resources = built(KUBERNETES / "overlays" / f"organisation-{letter}")
        (party,) = [each for each in resources if each["kind"] == "StatefulSet"]
        (container,) = party["spec"]["template"]["spec"]["containers"]
        assert {"name": "RANK", "value": rank} in container["env"]


def _as_the_kubelet_does(folder: Path, authority: Authority, version: str) -> None:
    """Write a Secret of party 0 into a new folder, and swap the link that files go through."""
    issued = authority.issue("party:0")
    texts = {
        "ca.pem": issued.authority_pem,
        "party-0.pem": issued.certificate_pem,
        "party-0.key": issued.key_pem,
    }
    (folder / f"..{version}").mkdir()
    for name, text in texts.items():
        file = folder / f"..{version}" / name
        file.write_text(text)
        file.chmod(0o440)
        os.chown(file, -1, os.getegid())  # the pod's fsGroup
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(f"..{version}")
    (folder / "..data_tmp").rename(folder / "..data")


def test_a_secret_that_the_kubelet_replaces_is_taken_up(tmp_path: Path) -> None:
    authority, complaints = Authority.create(), list[str]()
    _as_the_kubelet_does(tmp_path, authority, "first")
    credentials = RenewedCredentials(tmp_path, "party:0", say=complaints.append)
    before = credentials().certificate_pem
    _as_the_kubelet_does(tmp_path, authority, "second")
    assert credentials().certificate_pem != before
    assert complaints == []
