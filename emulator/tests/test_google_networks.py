"""VPC networks, their private connections and zones, who may make them, and what Cloud SQL and Cloud Run refuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import COMPUTE, CONNECTIONS, DNS, LOCATION, PEERING, RUN, SQL, Google, detail
from emulator.tests.stack import Json
from slipway_emulator.google.compute.api import Compute
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.settings import Settings

PROJECT = "temu-networks"
NUMBER = project_number(PROJECT)
NETWORKS = f"{COMPUTE}/projects/{PROJECT}/global/networks"
SUBNETS = f"{COMPUTE}/projects/{PROJECT}/regions/{LOCATION}/subnetworks"
ADDRESSES = f"{COMPUTE}/projects/{PROJECT}/global/addresses"
ZONES = f"{DNS}/projects/{PROJECT}/managedZones"
INSTANCES = f"{SQL}/projects/{PROJECT}/instances"
LINK = "https://www.googleapis.com/compute/v1/"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The APIs alone: nothing here starts a container."""
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture(scope="module")
def owner(cloud: Settings) -> Google:
    """The project, asked by its owner."""
    apis = ("compute", "dns", "iam", "iamcredentials", "run", "servicenetworking", "sqladmin")
    return Google(cloud, PROJECT, *apis)


@pytest.fixture(scope="module")
def network(owner: Google) -> str:
    """Name of a network with its private connection."""
    return owner.make_network("net")


def zone(name: str, network: str, dns_name: str = f"{LOCATION}.sql-psa.goog.") -> Json:
    visible = {"networks": [{"networkUrl": LINK + network}]}
    return {"name": name, "dnsName": dns_name, "visibility": "private", "privateVisibilityConfig": visible}


def instance(network: str, **settings: Any) -> Json:
    addresses = {"ipv4Enabled": False, "privateNetwork": network, "sslMode": "ENCRYPTED_ONLY"}
    own = {"tier": "db-f1-micro", "edition": "ENTERPRISE", "ipConfiguration": addresses} | copy.deepcopy(settings)
    return {"name": "db", "region": LOCATION, "databaseVersion": "POSTGRES_15", "settings": own}


def reason(error: Json) -> tuple[int, str]:
    return error["code"], error["errors"][0]["reason"]


# VPC networks.


def test_network_says_what_is_in_it(owner: Google, network: str) -> None:
    found = owner.call("GET", f"{NETWORKS}/net")
    assert found["selfLink"] == LINK + network
    assert found["subnetworks"] == [f"{LINK}projects/{PROJECT}/regions/{LOCATION}/subnetworks/net"]
    assert [(one["name"], one["state"]) for one in found["peerings"]] == [(PEERING, "ACTIVE")]
    assert found["routingConfig"] == {"routingMode": "REGIONAL"}
    subnet = owner.call("GET", f"{SUBNETS}/net")
    assert (subnet["gatewayAddress"], subnet["privateIpGoogleAccess"]) == ("10.0.0.1", False)
    operation = owner.call("POST", f"{SUBNETS}/net/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": True})
    assert operation["status"] == "RUNNING"
    path = operation["selfLink"].removeprefix(LINK)
    done = owner.call("GET", f"{COMPUTE}/{path}")
    assert (done["status"], done["operationType"]) == ("DONE", "setPrivateIpGoogleAccess")
    assert owner.call("POST", f"{COMPUTE}/{path}/wait") == done
    assert owner.call("GET", f"{SUBNETS}/net")["privateIpGoogleAccess"]
    address = owner.call("GET", f"{ADDRESSES}/net")
    # Beside the subnet's.
    assert (address["address"], address["prefixLength"], address["status"]) == ("10.0.16.0", 20, "RESERVED")


def test_network_that_something_is_in_stays(owner: Google) -> None:
    name = owner.make_network("busy")
    subnet, address = (
        f"projects/{PROJECT}/regions/{LOCATION}/subnetworks/busy",
        f"projects/{PROJECT}/global/addresses/busy",
    )

    def delete(network: str) -> Json:
        begun = owner.call("DELETE", f"{NETWORKS}/{network}")
        assert (begun["status"], "error" in begun) == ("RUNNING", False)
        return owner.call("GET", f"{COMPUTE}/projects/{PROJECT}/global/operations/{begun['name']}")

    removals: list[tuple[str, Any]] = [
        (subnet, lambda: owner.call("DELETE", f"{SUBNETS}/busy")),
        (f"{name}/peerings/{PEERING}", lambda: owner.call("POST", f"{NETWORKS}/busy/removePeering", {"name": PEERING})),
        (address, lambda: owner.call("DELETE", f"{ADDRESSES}/busy")),
    ]
    for user, remove in removals:
        # It is the operation that says so.
        operation = delete("busy")
        assert (operation["status"], operation["httpErrorStatusCode"]) == ("DONE", 400)
        assert operation["error"]["errors"] == [
            {
                "code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
                "message": f"The network resource '{name}' is already being used by '{user}'",
            }
        ]
        remove()
    assert "error" not in delete("busy")
    error = owner.refusal("GET", f"{NETWORKS}/busy")
    assert (reason(error), error["message"]) == ((404, "notFound"), f"The resource '{name}' was not found")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (NETWORKS, {"name": "net", "autoCreateSubnetworks": False}, "already exists"),
        (NETWORKS, {"name": "Net", "autoCreateSubnetworks": False}, "Must be a match of regex"),
        (NETWORKS, {"name": "auto"}, "makes no subnets by itself"),
        (SUBNETS, {"name": "other", "ipCidrRange": "10.0.0.128/25"}, "conflicts with resource"),
        (SUBNETS, {"name": "other", "ipCidrRange": "10.0.16.0/24"}, "conflicts with resource"),
        (SUBNETS, {"name": "other", "ipCidrRange": "10.0.0.1/24"}, "Must be a CIDR address range"),
        (ADDRESSES, {"name": "other", "address": "10.0.0.0", "prefixLength": 16}, "conflicts with resource"),
        (ADDRESSES, {"name": "other", "prefixLength": 25}, "Must be from 8 to 24"),
        (ADDRESSES, {"name": "other", "prefixLength": 20, "purpose": "GCE_ENDPOINT"}, "VPC_PEERING alone"),
    ],
)
def test_what_a_network_does_not_take(owner: Google, network: str, path: str, body: Json, said: str) -> None:
    common: Json = {} if path == NETWORKS else {"network": network}
    common |= {"purpose": "VPC_PEERING", "addressType": "INTERNAL"} if path == ADDRESSES else {}
    assert said in owner.refusal("POST", path, common | body)["message"]


def test_subnet_is_in_use_while_a_service_takes_addresses_of_it_and_a_while_longer() -> None:
    routes: Any = type("Routes", (), {"add": lambda *_: None})()
    access: Any = type("Access", (), {"allows": lambda *_: True})()
    moment = 0.0
    compute = Compute(routes, access, 3600, lambda: moment)
    subnet = f"projects/{NUMBER}/regions/{LOCATION}/subnetworks/s"
    compute._subnets[f"projects/{PROJECT}/regions/{LOCATION}/subnetworks/s"] = {
        "id": "1",
        "selfLink": f"{LINK}projects/{PROJECT}/regions/{LOCATION}/subnetworks/s",
        "region": f"{LINK}projects/{PROJECT}/regions/{LOCATION}",
    }
    request: Any = type("Request", (), {"principal": "somebody"})()
    compute.subnets_in_use = lambda: [subnet]
    for _ in range(2):
        with pytest.raises(Exception, match=r"is already being used by .*/addresses/serverless-ipv4-"):
            compute._delete_subnet(request, PROJECT, LOCATION, "s")
        compute.subnets_in_use = tuple
        compute.let_go(subnet)
    moment = 3601.0
    assert compute._delete_subnet(request, PROJECT, LOCATION, "s").status == 200


# Private connections.


@pytest.mark.usefixtures("network")
def test_connection_is_made_once(owner: Google) -> None:
    asked = f"projects/{NUMBER}/global/networks/net"
    [found] = owner.call("GET", CONNECTIONS, network=asked)["connections"]
    assert found == {
        "network": asked,
        "reservedPeeringRanges": ["net"],
        "peering": PEERING,
        "service": "services/servicenetworking.googleapis.com",
    }
    again = owner.connect("POST", CONNECTIONS, owner.connection("net"))
    assert again["response"]["peering"] == PEERING
    other = owner.connection("net") | {"reservedPeeringRanges": ["other"]}
    failed = owner.connect("POST", CONNECTIONS, other)["error"]
    assert (failed["code"], failed["message"]) == (
        9,
        "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.",
    )
    error = owner.refusal("PATCH", f"{CONNECTIONS}/-", other, force="true")
    assert error["message"] == "Allocated IP range 'other' not found in network."


def test_connection_goes_where_nothing_uses_it(owner: Google) -> None:
    owner.make_network("left")
    asked = f"projects/{NUMBER}/global/networks/left"
    deleted = owner.connect("POST", f"{CONNECTIONS}/{PEERING}", {"consumerNetwork": asked})
    assert deleted["done"]
    assert "error" not in deleted
    assert owner.call("GET", CONNECTIONS, network=asked) == {}
    assert "peerings" not in {key for key, value in owner.call("GET", f"{NETWORKS}/left").items() if value}
    assert owner.refusal("POST", f"{CONNECTIONS}/{PEERING}", {"consumerNetwork": asked})["status"] == "NOT_FOUND"
    # By its id it is nobody's.
    error = owner.refusal("GET", CONNECTIONS, network=f"projects/{PROJECT}/global/networks/left")
    assert error["status"] == "INVALID_ARGUMENT"


# Private zones.


def test_zone_has_addresses_and_stays_while_it_has_them(owner: Google, network: str) -> None:
    made = owner.call("POST", ZONES, zone("sql", network))
    assert made["nameServers"] == ["ns-gcp-private.googledomains.com."]
    record: Json = {"name": f"a.b.{LOCATION}.sql-psa.goog.", "type": "A", "ttl": 300, "rrdatas": ["10.1.2.3"]}
    change = owner.call("POST", f"{ZONES}/sql/changes", {"additions": [record]})
    assert change["status"] == "pending"
    assert owner.call("GET", f"{ZONES}/sql/changes/{change['id']}") == change | {"status": "done"}
    [found] = owner.call("GET", f"{ZONES}/sql/rrsets", name=record["name"], type="A")["rrsets"]
    assert found.items() >= record.items()
    assert len(owner.call("GET", f"{ZONES}/sql/rrsets")["rrsets"]) == 3
    refused: list[tuple[Json, str]] = [
        ({"additions": [record]}, "alreadyExists"),
        ({"deletions": [record | {"ttl": 5}]}, "conditionNotMet"),
        ({"additions": [record | {"name": "a.example.com."}]}, "invalid"),
        ({"additions": [record | {"rrdatas": ["a"], "name": f"b.{LOCATION}.sql-psa.goog."}]}, "invalid"),
    ]
    for body, why in refused:
        assert reason(owner.refusal("POST", f"{ZONES}/sql/changes", body))[1] == why
    assert reason(owner.refusal("DELETE", f"{ZONES}/sql")) == (400, "containerNotEmpty")
    changed: Json = {"deletions": [record], "additions": [record | {"rrdatas": ["10.1.2.4"]}]}
    owner.call("POST", f"{ZONES}/sql/changes", changed)
    owner.call("POST", f"{ZONES}/sql/changes", {"deletions": changed["additions"]})
    owner.call("DELETE", f"{ZONES}/sql")
    assert reason(owner.refusal("GET", f"{ZONES}/sql")) == (404, "notFound")


def test_network_has_one_zone_of_a_name(owner: Google, network: str) -> None:
    owner.call("POST", ZONES, zone("first", network))
    error = owner.refusal("POST", ZONES, zone("second", network))
    assert "is already bound to the zone 'first'" in error["message"]
    owner.call("POST", ZONES, zone("second", network, "example.com."))
    error = owner.refusal("POST", ZONES, zone("third", f"projects/{PROJECT}/global/networks/none"))
    assert "Invalid value for 'entity.managedZone.privateVisibilityConfig.networks'" in error["message"]
    for name in ("first", "second"):
        owner.call("DELETE", f"{ZONES}/{name}")


# Who may.


def test_only_who_may_has_networks(owner: Google, network: str) -> None:
    viewer = owner.impersonate(owner.make_account("temu-net-viewer", "roles/compute.networkViewer", "roles/dns.reader"))
    admin = owner.impersonate(owner.make_account("temu-net-admin", "roles/compute.networkAdmin", "roles/dns.admin"))
    assert viewer.call("GET", f"{NETWORKS}/net")
    assert viewer.call("GET", CONNECTIONS, network=f"projects/{NUMBER}/global/networks/net")
    body = {"name": "mine", "autoCreateSubnetworks": False}
    error = viewer.refusal("POST", NETWORKS, body)
    assert reason(error) == (403, "forbidden")
    assert error["message"] == f"Required 'compute.networks.create' permission for 'projects/{PROJECT}'"
    error = viewer.refusal("DELETE", f"{NETWORKS}/net")
    assert error["message"] == f"Required 'compute.networks.delete' permission for '{network}'"
    error = viewer.refusal("POST", CONNECTIONS, owner.connection("net"))
    assert error["message"] == "Permission denied to add peering for service 'servicenetworking.googleapis.com'."
    assert detail(error, "ErrorInfo")["reason"] == "AUTH_PERMISSION_DENIED"
    error = viewer.refusal("POST", ZONES, zone("mine", network))
    assert (reason(error), error["message"]) == ((403, "forbidden"), "Forbidden")
    admin.make_network("mine")
    # Which takes a permission that the role of a network's administrator lacks.
    consumer = {"consumerNetwork": f"projects/{NUMBER}/global/networks/mine"}
    assert admin.refusal("POST", f"{CONNECTIONS}/{PEERING}", consumer)["status"] == "PERMISSION_DENIED"
    admin.call("POST", ZONES, zone("mine", f"projects/{PROJECT}/global/networks/mine"))
    admin.call("DELETE", f"{ZONES}/mine")


def test_zone_of_a_network_takes_the_right_to_bind_it(owner: Google, network: str) -> None:
    role = {"includedPermissions": ["dns.managedZones.create"], "stage": "GA"}
    owner.call("POST", f"/iam/v1/projects/{PROJECT}/roles", {"roleId": "zones", "role": role})
    other = owner.impersonate(owner.make_account("temu-zones", f"projects/{PROJECT}/roles/zones"))
    assert reason(other.refusal("POST", ZONES, zone("bound", network))) == (403, "forbidden")


@pytest.mark.parametrize("api", ["compute", "dns", "servicenetworking", "sqladmin"])
def test_api_that_is_off_refuses(cloud: Settings, api: str) -> None:
    stranger = Google(cloud, "temu-networks-off")
    number = project_number(stranger.project)
    paths = {
        "compute": f"{COMPUTE}/projects/{stranger.project}/global/networks",
        "dns": f"{DNS}/projects/{stranger.project}/managedZones",
        "servicenetworking": f"{CONNECTIONS}?network=projects/{number}/global/networks/n",
        "sqladmin": f"{SQL}/projects/{stranger.project}/instances",
    }
    error = stranger.refusal("GET", paths[api])
    assert detail(error, "ErrorInfo")["reason"] == "SERVICE_DISABLED"


# Cloud SQL, where no instance runs.


def test_only_who_may_has_instances(owner: Google, network: str) -> None:
    viewer = owner.impersonate(owner.make_account("temu-sql-viewer", "roles/cloudsql.viewer"))
    assert viewer.call("GET", INSTANCES) == {"kind": "sql#instancesList"}
    error = viewer.refusal("POST", INSTANCES, instance(network))
    assert (reason(error), error["message"]) == (
        (403, "notAuthorized"),
        "The client is not authorized to make this request.",
    )
    error = viewer.refusal("GET", f"{INSTANCES}/none")
    assert (reason(error), error["message"]) == (
        (404, "instanceDoesNotExist"),
        "The Cloud SQL instance does not exist.",
    )


def test_instance_needs_the_private_connection_of_its_network(owner: Google) -> None:
    name = owner.make_network("unconnected", connected=False)
    error = owner.refusal("POST", INSTANCES, instance(name))
    text = f"Invalid request: Incorrect Service Networking config for instance: {PROJECT}:db:NETWORK_NOT_PEERED."
    assert (reason(error), error["message"]) == ((400, "invalid"), text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"tier": "db-custom-2-7680", "edition": "ENTERPRISE_PLUS"},
            "Invalid Tier (db-custom-2-7680) for (ENTERPRISE_PLUS)",
        ),
        ({"tier": "db.t3.micro"}, "Invalid Tier (db.t3.micro) for (ENTERPRISE) Edition"),
        ({"tier": "db-custom-3-7680"}, "has 3 CPUs"),
        ({"tier": "db-custom-2-7600"}, "has 7600 MiB"),
        ({"tier": "db-custom-1-3584"}, "from 3840 to 6656"),
        ({"availabilityType": "REGIONAL"}, "High availability requires backups"),
        ({"backupConfiguration": {"pointInTimeRecoveryEnabled": True}}, "Point in time recovery must be disabled"),
        ({"backupConfiguration": {"enabled": True, "transactionLogRetentionDays": 8}}, "from 1 to 7"),
        ({"dataDiskSizeGb": "9"}, "Disk size must be from 10"),
        ({"dataDiskSizeGb": "20", "storageAutoResizeLimit": "15"}, "auto-resize limit"),
        ({"maintenanceWindow": {"day": 8, "hour": 3}}, "Maintenance window must have a day"),
        ({"insightsConfig": {"queryInsightsEnabled": True, "queryStringLength": 100}}, "Query string length"),
        ({"userLabels": {"A": "b"}}, "Invalid user label A=b"),
        ({"databaseFlags": [{"name": "a", "value": "b"}]}, "the rehearsal knows no databaseFlags"),
    ],
)
def test_settings_that_no_instance_has(owner: Google, network: str, settings: Json, said: str) -> None:
    error = owner.refusal("POST", INSTANCES, instance(network, **settings))
    assert reason(error) == (400, "invalid")
    assert said in error["message"]


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ({"ipv4Enabled": True}, "no public addresses"),
        ({}, "no public addresses"),
        ({"ipv4Enabled": False, "privateNetwork": ""}, "At least one of Public IP"),
        ({"ipv4Enabled": False, "sslMode": "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"}, "no certificates to clients"),
        ({"ipv4Enabled": False, "serverCaMode": "CUSTOMER_MANAGED_CAS_CA"}, "knows no CUSTOMER_MANAGED_CAS_CA"),
        (
            {"ipv4Enabled": False, "serverCertificateRotationMode": "AUTOMATIC_ROTATION_DURING_MAINTENANCE"},
            "requires a CA of Certificate Authority Service",
        ),
        ({"ipv4Enabled": False, "allocatedIpRange": "other"}, "RANGE_NOT_FOUND"),
    ],
)
def test_addresses_that_no_instance_has(owner: Google, network: str, addresses: Json, said: str) -> None:
    body = instance(network, ipConfiguration={"privateNetwork": network} | addresses)
    assert said in owner.refusal("POST", INSTANCES, body)["message"]


# Cloud Run, where no service runs.


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ({"connector": "c"}, "knows no connectors"),
        ({"egress": "ALL_TRAFFIC", "networkInterfaces": [{"subnetwork": "net"}]}, "PRIVATE_RANGES_ONLY alone"),
        ({"networkInterfaces": [{}]}, "with a network or a subnetwork"),
        ({"networkInterfaces": [{"subnetwork": "none"}]}, "The subnetwork was not found in us-central1"),
        ({"networkInterfaces": [{"subnetwork": "net", "network": "unconnected"}]}, "is not in the network unconnected"),
        ({"networkInterfaces": [{"subnetwork": "small"}]}, "must have the prefix length 26"),
    ],
)
def test_network_that_no_service_has(owner: Google, network: str, access: Json, said: str) -> None:
    if access.get("networkInterfaces") == [{"subnetwork": "small"}]:
        owner.call("POST", SUBNETS, {"name": "small", "network": network, "ipCidrRange": "10.9.0.0/27"})
    template = {"containers": [{"image": "nginx"}], "vpcAccess": access}
    error = owner.refusal("POST", f"{RUN}/{owner.parent}/services", {"template": template}, serviceId="refused")
    assert error["status"] == "INVALID_ARGUMENT"
    assert said in error["message"]
