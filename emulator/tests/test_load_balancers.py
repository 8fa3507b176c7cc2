"""Health checks, balancing and draining; the edge's names, ports and certificates."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.stack import Balancer, Client, ask, issued_certificate, wait_until
from slipway_emulator.elbv2.target_health import HEALTHY, INITIAL, UNHEALTHY, TargetHealth, _Record, matches
from slipway_emulator.settings import Settings

TARGETS: list[dict[str, Any]] = [{"Id": "10.0.0.1", "Port": 80}, {"Id": "10.0.0.2", "Port": 80}]


@pytest.mark.parametrize(
    ("matcher", "status", "expected"),
    [
        ("200", 200, True),
        ("200", 201, False),
        ("200,302", 302, True),
        ("200-299", 250, True),
        ("200-299", 300, False),
        ("200-499", 404, True),
        ("200-499", 500, False),
    ],
)
def test_success_codes(matcher: str, status: int, expected: bool) -> None:
    assert matches(matcher, status) is expected


class TestChoice:
    @pytest.fixture
    def health(self) -> TargetHealth:
        health = TargetHealth(lambda _: None)
        for target in TARGETS:
            health._records[("group", target["Id"], 80)] = _Record()
        return health

    def put(self, health: TargetHealth, *states: str) -> None:
        for target, state in zip(TARGETS, states, strict=True):
            health._records[("group", target["Id"], 80)].state = state

    def chosen(self, health: TargetHealth) -> set[str]:
        return {str((health.acquire("group", TARGETS) or {"Id": "none"})["Id"]) for _ in range(4)}

    def test_only_healthy_ones(self, health: TargetHealth) -> None:
        self.put(health, HEALTHY, UNHEALTHY)
        assert self.chosen(health) == {"10.0.0.1"}

    def test_in_turn(self, health: TargetHealth) -> None:
        self.put(health, HEALTHY, HEALTHY)
        assert self.chosen(health) == {"10.0.0.1", "10.0.0.2"}

    def test_fails_open(self, health: TargetHealth) -> None:
        self.put(health, UNHEALTHY, UNHEALTHY)
        assert self.chosen(health) == {"10.0.0.1", "10.0.0.2"}

    def test_new_ones_get_nothing(self, health: TargetHealth) -> None:
        self.put(health, INITIAL, INITIAL)
        assert self.chosen(health) == {"none"}
        self.put(health, INITIAL, UNHEALTHY)
        assert self.chosen(health) == {"10.0.0.2"}

    def test_draining_waits_for_requests_under_way(self, health: TargetHealth) -> None:
        self.put(health, HEALTHY, UNHEALTHY)
        health.acquire("group", TARGETS)
        drained = threading.Thread(target=health.drain, args=("group", "10.0.0.1", 80, 60))
        drained.start()
        drained.join(0.6)
        assert drained.is_alive()
        health.release("group", TARGETS[0])
        drained.join(5)
        assert not drained.is_alive()

    def test_draining_has_an_end(self, health: TargetHealth) -> None:
        self.put(health, HEALTHY, HEALTHY)
        health.acquire("group", TARGETS[:1])
        health.drain("group", "10.0.0.1", 80, 0.3)


class Backend(BaseHTTPRequestHandler):
    """Answers 200 or what the server says, with what it was asked; /silent, when it is told to."""

    server: BackendServer

    def do_GET(self) -> None:
        if self.path == "/silent":
            self.server.silent += 1
            self.server.may_answer.wait()
        status = self.server.status
        body = f"{self.headers['Host']} {self.headers['X-Forwarded-Proto']} {self.path}".encode()
        self.send_response(status if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class BackendServer(ThreadingHTTPServer):
    """What a test tells the backend: the status of /health, when to answer /silent; and how often that was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Backend)
        self.status = 200
        self.may_answer = threading.Event()
        self.silent = 0


@pytest.fixture(scope="module")
def backend() -> Iterator[BackendServer]:
    server = BackendServer()
    threading.Thread(target=server.serve_forever).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def balancer(aws: Client, backend: BackendServer) -> Iterator[Balancer]:
    """A load balancer whose target is registered by hand."""
    balancer = Balancer(aws, "temu-edge")
    target = {"Id": "127.0.0.1", "Port": backend.server_address[1]}
    aws("elbv2").register_targets(TargetGroupArn=balancer.group, Targets=[target])
    wait_until(lambda: balancer.target_states() == ["healthy"])
    yield balancer
    balancer.remove()


def test_request_reaches_the_target_as_it_was_made(cloud: Settings, balancer: Balancer) -> None:
    status, body = ask(cloud, balancer.dns_name, "/a%2Fb?c=d%26e")
    assert (status, body.split()[1:]) == (200, ["https", "/a%2Fb?c=d%26e"])
    assert body.startswith(balancer.dns_name)
    assert ask(cloud, balancer.dns_name, tls=False)[1].split()[1] == "http"


def listener(aws: Client, balancer: Balancer, port: int) -> Any:
    """The listener on a port, as DescribeListeners has it."""
    listeners = aws("elbv2").describe_listeners(LoadBalancerArn=balancer.arn)["Listeners"]
    return next(listener for listener in listeners if listener["Port"] == port)


@pytest.fixture
def alias(aws: Client, balancer: Balancer) -> Iterator[str]:
    """A name of the application's own, led to the load balancer by Route 53."""
    route53 = aws("route53")
    zone = route53.create_hosted_zone(Name="temu.example", CallerReference="temu")["HostedZone"]["Id"]
    target = {
        "HostedZoneId": "Z35SXDOTRQ7X7K",
        "DNSName": f"dualstack.{balancer.dns_name}",
        "EvaluateTargetHealth": True,
    }
    record = {"Name": "www.temu.example", "Type": "A", "AliasTarget": target}

    def change(action: str) -> None:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    change("CREATE")
    yield "www.temu.example"
    change("DELETE")
    route53.delete_hosted_zone(Id=zone)


def test_found_by_a_route_53_alias_with_its_own_certificate(
    aws: Client, cloud: Settings, balancer: Balancer, alias: str
) -> None:
    elb, acm = aws("elbv2"), aws("acm")
    assert ask(cloud, alias, tls=False)[0] == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(cloud, alias)
    certificate = issued_certificate(aws, "*.temu.example")
    arn = listener(aws, balancer, 443)["ListenerArn"]
    elb.modify_listener(ListenerArn=arn, Certificates=[{"CertificateArn": certificate}])
    try:
        assert ask(cloud, alias)[0] == 200
        # A wildcard stands for one label.
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(cloud, "a.b.temu.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(cloud, balancer.dns_name)
    finally:
        elb.modify_listener(ListenerArn=arn, Certificates=[{"CertificateArn": balancer.certificate}])
        acm.delete_certificate(CertificateArn=certificate)


def test_certificates_that_a_listener_does_not_take(aws: Client, balancer: Balancer) -> None:
    acm, elb = aws("acm"), aws("elbv2")
    arn = listener(aws, balancer, 443)["ListenerArn"]

    def take(certificate: str) -> None:
        elb.modify_listener(ListenerArn=arn, Certificates=[{"CertificateArn": certificate}])

    pending = acm.request_certificate(DomainName="temu.example", ValidationMethod="DNS")["CertificateArn"]
    described = acm.describe_certificate(CertificateArn=pending)["Certificate"]
    assert described["Status"] == "PENDING_VALIDATION"
    assert [option["ValidationStatus"] for option in described["DomainValidationOptions"]] == ["PENDING_VALIDATION"]
    with pytest.raises(ClientError, match="UnsupportedCertificate"):
        take(pending)
    # The record for the same name proves both.
    issued = issued_certificate(aws, "temu.example")
    assert acm.describe_certificate(CertificateArn=pending)["Certificate"]["Status"] == "ISSUED"
    take(issued)
    with pytest.raises(ClientError, match="ResourceInUse"):
        acm.delete_certificate(CertificateArn=issued)
    take(balancer.certificate)
    acm.delete_certificate(CertificateArn=issued)
    with pytest.raises(ClientError, match="CertificateNotFound"):
        take(issued)
    acm.delete_certificate(CertificateArn=pending)


def test_unknown_name(cloud: Settings) -> None:
    assert ask(cloud, "www.temu.example", tls=False) == (404, "no load balancer has this name\n")


def test_port_without_a_listener(aws: Client, cloud: Settings, balancer: Balancer) -> None:
    elb = aws("elbv2")
    plain = listener(aws, balancer, 80)
    elb.delete_listener(ListenerArn=plain["ListenerArn"])
    try:
        status, body = ask(cloud, balancer.dns_name, tls=False)
        assert (status, body) == (503, "the load balancer temu-edge has no listener on port 80\n")
    finally:
        elb.create_listener(
            LoadBalancerArn=balancer.arn, Protocol="HTTP", Port=80, DefaultActions=plain["DefaultActions"]
        )


def test_redirect_to_tls(aws: Client, cloud: Settings, balancer: Balancer) -> None:
    elb = aws("elbv2")
    plain = listener(aws, balancer, 80)
    redirect = {
        "Type": "redirect",
        "RedirectConfig": {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"},
    }
    elb.modify_listener(ListenerArn=plain["ListenerArn"], DefaultActions=[redirect])
    try:
        connection = http.client.HTTPConnection("127.0.0.1", cloud.http_port, timeout=10)
        connection.request("GET", "/x?y=1", headers={"Host": balancer.dns_name})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{balancer.dns_name}:443/x?y=1")
        connection.close()
    finally:
        elb.modify_listener(ListenerArn=plain["ListenerArn"], DefaultActions=plain["DefaultActions"])


def test_target_fails_and_recovers(aws: Client, backend: BackendServer, balancer: Balancer) -> None:
    backend.status = 500
    wait_until(lambda: balancer.target_states() == ["unhealthy"], 30)
    answer = aws("elbv2").describe_target_health(TargetGroupArn=balancer.group)["TargetHealthDescriptions"][0]
    assert answer["TargetHealth"] == {
        "State": "unhealthy",
        "Reason": "Target.ResponseCodeMismatch",
        "Description": "Health checks failed with these codes: [500]",
    }
    backend.status = 200
    wait_until(lambda: balancer.target_states() == ["healthy"], 30)


def test_success_codes_that_no_load_balancer_takes(aws: Client, balancer: Balancer) -> None:
    elb = aws("elbv2")
    for codes in ("199", "500", "200-599", "2xx"):
        with pytest.raises(ClientError, match="must be within '200-499' inclusive"):
            elb.modify_target_group(TargetGroupArn=balancer.group, Matcher={"HttpCode": codes})
        with pytest.raises(ClientError, match="must be within '200-499' inclusive"):
            elb.create_target_group(Name="temu-codes", Matcher={"HttpCode": codes})
    elb.modify_target_group(TargetGroupArn=balancer.group, Matcher={"HttpCode": "200-299,404"})
    (group,) = elb.describe_target_groups(TargetGroupArns=[balancer.group])["TargetGroups"]
    assert group["Matcher"] == {"HttpCode": "200-299,404"}


def test_targets_that_are_waited_for_hold_nobody_up(
    cloud: Settings, backend: BackendServer, balancer: Balancer
) -> None:
    backend.may_answer.clear()
    waiting = [threading.Thread(target=ask, args=(cloud, balancer.dns_name, "/silent")) for _ in range(40)]
    for thread in waiting:
        thread.start()
    try:
        wait_until(lambda: backend.silent == len(waiting))
        assert ask(cloud, balancer.dns_name, "/health")[0] == 200
    finally:
        backend.may_answer.set()
        for thread in waiting:
            thread.join()
        backend.may_answer.clear()


def test_silent_target_is_given_up_after_the_idle_timeout(
    aws: Client, cloud: Settings, backend: BackendServer, balancer: Balancer
) -> None:
    elb = aws("elbv2")

    def set_idle_timeout(seconds: str) -> None:
        attribute = {"Key": "idle_timeout.timeout_seconds", "Value": seconds}
        elb.modify_load_balancer_attributes(LoadBalancerArn=balancer.arn, Attributes=[attribute])

    for refused in ("0", "4001", "1.5"):
        with pytest.raises(ClientError, match="must be from 1 to 4000"):
            set_idle_timeout(refused)
    set_idle_timeout("1")
    try:
        assert ask(cloud, balancer.dns_name, "/silent")[0] == 504
    finally:
        backend.may_answer.set()
        set_idle_timeout("60")
    assert ask(cloud, balancer.dns_name, "/silent")[0] == 200


class TestSharedListener:
    """One listener that tells applications by their host names."""

    @pytest.fixture
    def https(self, aws: Client, balancer: Balancer) -> Iterator[str]:
        """A TLS listener that answers 404 unless a rule knows better; its ARN."""
        elb, before = aws("elbv2"), listener(aws, balancer, 443)
        nobody = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nobody"}}
        elb.modify_listener(ListenerArn=before["ListenerArn"], DefaultActions=[nobody])
        yield before["ListenerArn"]
        for rule in elb.describe_rules(ListenerArn=before["ListenerArn"])["Rules"]:
            if not rule["IsDefault"]:
                elb.delete_rule(RuleArn=rule["RuleArn"])
        elb.modify_listener(ListenerArn=before["ListenerArn"], DefaultActions=before["DefaultActions"])

    def rule(self, aws: Client, https: str, priority: int, name: str, action: Any) -> str:
        """Create a rule for a host name, as Terraform's provider does; its ARN."""
        hosts = {"Field": "host-header", "HostHeaderConfig": {"Values": [name]}}
        created = aws("elbv2").create_rule(ListenerArn=https, Priority=priority, Conditions=[hosts], Actions=[action])
        return str(created["Rules"][0]["RuleArn"])

    def test_host_names(self, aws: Client, cloud: Settings, balancer: Balancer, https: str) -> None:
        assert ask(cloud, balancer.dns_name) == (404, "nobody")
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "410", "MessageBody": "other"}}
        self.rule(aws, https, 1, "other.example", fixed)
        self.rule(aws, https, 2, balancer.dns_name, {"Type": "forward", "TargetGroupArn": balancer.group})
        assert ask(cloud, balancer.dns_name)[0] == 200
        # Names of hosts have no case ("Host conditions", Application Load Balancers).
        assert ask(cloud, balancer.dns_name.upper())[0] == 200

    def test_priorities_are_taken_once(self, aws: Client, balancer: Balancer, https: str) -> None:
        forward = {"Type": "forward", "TargetGroupArn": balancer.group}
        rule = self.rule(aws, https, 7, "a.example", forward)
        with pytest.raises(ClientError, match="PriorityInUse"):
            self.rule(aws, https, 7, "b.example", forward)
        aws("elbv2").delete_rule(RuleArn=rule)
        self.rule(aws, https, 7, "b.example", forward)

    def test_priorities_are_exchanged_at_once(self, aws: Client, balancer: Balancer, https: str) -> None:
        elb, forward = aws("elbv2"), {"Type": "forward", "TargetGroupArn": balancer.group}
        first, second = (self.rule(aws, https, n, f"{n}.example", forward) for n in (1, 2))

        def order(priorities: dict[str, int]) -> None:
            elb.set_rule_priorities(RulePriorities=[{"RuleArn": arn, "Priority": n} for arn, n in priorities.items()])

        def orders() -> dict[str, str]:
            found = elb.describe_rules(RuleArns=[first, second])["Rules"]
            return {rule["RuleArn"]: rule["Priority"] for rule in found}

        with pytest.raises(ClientError, match="PriorityInUse"):
            order({first: 2})
        with pytest.raises(ClientError, match="RuleNotFound"):
            order({first: 3, f"{first}0": 4})
        assert orders() == {first: "1", second: "2"}
        order({first: 2, second: 1})
        assert orders() == {first: "2", second: "1"}

    def test_a_target_group_belongs_to_one_load_balancer(self, aws: Client, balancer: Balancer, https: str) -> None:
        elb = aws("elbv2")
        other = Balancer(aws, "temu-other")
        try:
            forward = {"Type": "forward", "TargetGroupArn": other.group}
            with pytest.raises(ClientError, match="TargetGroupAssociationLimit"):
                self.rule(aws, https, 1, "a.example", forward)
            with pytest.raises(ClientError, match="TargetGroupAssociationLimit"):
                elb.create_listener(LoadBalancerArn=balancer.arn, Protocol="HTTP", Port=81, DefaultActions=[forward])
            own = self.rule(aws, https, 2, "b.example", {"Type": "forward", "TargetGroupArn": balancer.group})
            weighted = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": other.group}]}}
            for action in (forward, weighted):
                with pytest.raises(ClientError, match="TargetGroupAssociationLimit"):
                    elb.modify_rule(RuleArn=own, Actions=[action])
                with pytest.raises(ClientError, match="TargetGroupAssociationLimit"):
                    elb.modify_listener(ListenerArn=https, DefaultActions=[action])
            with pytest.raises(ClientError, match="ResourceInUse"):
                elb.delete_target_group(TargetGroupArn=other.group)
            for one in elb.describe_listeners(LoadBalancerArn=other.arn)["Listeners"]:
                elb.delete_listener(ListenerArn=one["ListenerArn"])
            elb.modify_rule(RuleArn=own, Actions=[forward])
            elb.delete_rule(RuleArn=own)
            rule = self.rule(aws, https, 1, "a.example", forward)
            groups = elb.describe_target_groups(TargetGroupArns=[other.group])["TargetGroups"]
            assert groups[0]["LoadBalancerArns"] == [balancer.arn]
            with pytest.raises(ClientError, match="ResourceInUse"):
                elb.delete_target_group(TargetGroupArn=other.group)
            elb.delete_rule(RuleArn=rule)
        finally:
            other.remove()


def test_no_target(aws: Client, cloud: Settings, balancer: Balancer, backend: BackendServer) -> None:
    target = {"Id": "127.0.0.1", "Port": backend.server_address[1]}
    aws("elbv2").deregister_targets(TargetGroupArn=balancer.group, Targets=[target])
    status, _ = ask(cloud, balancer.dns_name)
    assert status == 503
    aws("elbv2").register_targets(TargetGroupArn=balancer.group, Targets=[target])


def test_load_balancer_is_in_the_network_of_its_subnets(aws: Client) -> None:
    ec2, elb = aws("ec2"), aws("elbv2")
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (90, 91)]
    subnets = {
        (vpc, zone): ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.{90 + vpcs.index(vpc)}.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for vpc in vpcs
        for number, zone in enumerate("ab")
    }
    for chosen, message in (
        (["subnet-none", subnets[vpcs[0], "b"]], "The subnet ID 'subnet-none' is not valid"),
        ([subnets[vpcs[0], "a"]], "At least two subnets in two different Availability Zones must be specified"),
        ([subnets[vpcs[0], "a"], subnets[vpcs[1], "b"]], "All subnets must belong to the same VPC"),
    ):
        with pytest.raises(ClientError, match=message):
            elb.create_load_balancer(Name="temu-place", Subnets=chosen)
    made = elb.create_load_balancer(Name="temu-place", Subnets=[subnets[vpcs[1], zone] for zone in "ab"])
    (balancer,) = made["LoadBalancers"]
    assert balancer["VpcId"] == vpcs[1]
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    for subnet in subnets.values():
        ec2.delete_subnet(SubnetId=subnet)
    for vpc in vpcs:
        ec2.delete_vpc(VpcId=vpc)
