"""The rules in `variables.tf` of every layer: what they let through, and what they refuse."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from plugins.plugin_utils.inventory import LAYERS
from plugins.plugin_utils.terraform_files import declared_variables, read_terraform
from plugins.plugin_utils.terraform_rules import UNKNOWN, Call, broken_rules
from tests.inventory.example import PROJECT, Json

_IMAGE = "registry.example.org/app@sha256:" + "0" * 64
# What the project adds to an application's environment where there are no data.
_PLATFORM = {"APP_NAME": "tasks", "IMAGE_DIGEST": "sha256:" + "0" * 64}
_LAYERS = PROJECT / "terraform/layers"
ROOTS = sorted(str(file.parent.relative_to(_LAYERS)) for file in _LAYERS.glob("*/*/variables.tf"))


def _variables(count: int) -> Json:
    return {f"A{number}": "x" for number in range(count)}


_DAYS = ([1, 7, 3653], [0, 2, 8])
_SUBNET_CASES: tuple[list[Any], list[Any]] = (
    [["10.0.100.0/24", "10.0.101.0/28"]],
    [
        ["10.0.100.0/24"],
        ["10.0.100.0/24", "10.0.101.1/24"],
        ["10.0.100.0/24", "10.0.101.0/29"],
        ["10.0.100.0/24", "10.1.0.0/24"],
        ["10.0.100.0/24", "fd00::/24"],
        ["10.0.100.0/24", "10.0.101.0"],
    ],
)
_ENVIRONMENTS: tuple[list[Any], list[Any]] = (
    [
        {},
        {"A": 'it\'s "$HOME" 100 % ${x} %{y}'},
        {"A_SECRET_ID": "arn"},
        {"URL": "https://u@h/a:b@c"},
    ],
    [{"PASSWORD": "x"}, {"my_token": "x"}, {"A_API_KEY": "x"}, {"URL": "postgresql://u:p@h/d"}],
)
_CODES = (
    [None, "200", 200, "200,301", "200-399", "200-299,404", "499"],
    ["199", "500", "200-599", "300-200", "200, 301", "200-", "2xx", ""],
)
_GRACE = ([None, 0, 3600], [-1, 3601])
_IDLE = ([1, 60, 4000], [0, 4001, 60.5])
_LEAST = ([1, 10], [0, 1.5])
_MOST = ([2, 100], [1, 2.5])
_PATHS = ([None, "/", "/health", "/a/b"], ["health", "/a?b", "/a b", "/a#b", ""])
_PERCENT = ([10, 95, 70.5], [9, 96])
_PORTS = ([1024, 65535], [1023, 65536, 80, 8000.5])
_SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:a/b_+=.@-AbCdEf"
_START = ([0, 300], [-1, 301])
_STOP = ([2, 120], [1, 121])
_TMP = ([1, 511], [0, 512])
_USERS = (["10001", "1:1", 5], ["0", "root", "10001:", "-1", ""])
_IN_GOOGLE_CLOUD: dict[str, tuple[list[Any], list[Any]]] = {
    "project": (
        ["slipway-rehearsal", "a12345"],
        ["Example", "an example", "123456789012", "short", "a" * 31, "ends-with-", "", "example.com:app"],
    ),
    "region": (["us-central1", "northamerica-northeast1"], ["us-east-1", "us-central", "US-CENTRAL1", ""]),
    "tags": (
        [
            {"Environment": "development", "Project": "Example of Köln & others"},
            {"Environment": "e" * 63, "Project": "p" * 63},
        ],
        [
            {"Environment": "", "Project": "hello"},
            {"Environment": "development", "Project": "  "},
            {"Environment": "e" * 64, "Project": "hello"},
            {"Environment": "development", "Project": "p" * 64},
        ],
    ),
}
_Cases = dict[str, tuple[list[Any], list[Any]]]
_ALARMS: _Cases = {
    "database_connections_threshold": ([1, 4000], [0, 70.5]),
    "alarm_action_arns": (
        [[], ["arn:aws:sns:us-east-1:111122223333:x"], ["arn:aws-us-gov:sns:us-gov-west-1:111122223333:x"]],
        [["x"], ["sns:arn:aws:"]],
    ),
}
# With the name that it holds for, in the terraform tests of the layers.
_CERTIFICATES: tuple[list[Any], list[Any]] = (
    [None],
    [
        "arn:aws:acm:us-east-1:111122223333:certificate/*",
        "arn:aws:acm:eu-west-1:111122223333:certificate/0a",
        "arn:aws:acm:us-east-1:444455556666:certificate/0a",
        "arn:aws:iam::111122223333:server-certificate/a",
        "",
    ],
)
_LOAD_BALANCER: _Cases = {
    "certificate_arn": _CERTIFICATES,
    "domain_name": ([None], ["Example.org", "example", "-a.example.org", "a..org"]),
    "health_check_codes": _CODES,
    "health_check_path": _PATHS,
    "load_balancer_idle_timeout_seconds": _IDLE,
    "ssl_policy": (
        ["ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"],
        ["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-1-2021-06", ""],
    ),
    "shared_load_balancer": ([False], [True]),
    "zone_name": ([None, "example.org"], []),
}
_IMAGES: tuple[list[Any], list[Any]] = (
    [_IMAGE],
    ["dev-tasks:latest", "dev-tasks@sha256:0123", f"{_IMAGE}0", ""],
)
_WORKER: Json = {"command": ["celery", "worker"]}
_PROCESSES: tuple[list[Any], list[Any]] = (
    [
        {
            "a-1": {"command": ["sh", "-c", ""], "min_count": 2, "max_count": 4, "stop_timeout_seconds": 2},
            "p" * 30: _WORKER | {"max_count": None, "cpu_units": 512, "memory_mib": 4096},
            "b": _WORKER | {"health_check_command": ["CMD", "celery", "inspect", "ping"], "stop_timeout_seconds": 120},
        }
    ],
    [
        *({name: _WORKER} for name in ("web", "task", "a_b", "a-", "p" * 31)),
        *({"worker": {"command": command}} for command in ([], [" "])),
        *({"worker": _WORKER | {"min_count": count}} for count in (0, 1.5)),
        {"worker": _WORKER | {"min_count": 2, "max_count": 1}},
        *({"worker": _WORKER | {"cpu_units": units}} for units in (100, 512)),
        {"worker": _WORKER | {"memory_mib": 4096}},
        {"worker": _WORKER | {"stop_timeout_seconds": 121}},
        {"worker": _WORKER | {"health_check_command": ["true", "true"]}},
    ],
)
_CRONS = (
    [
        "rate(1 minute)",
        "rate(12 hours)",
        "cron(0 3 * * ? *)",
        "cron(0/15 8-17 ? JAN,jul mon-FRI 2026-2199)",
        "cron(5,7 0,23 LW 2/3 ? *)",
        "cron(59 1 31W 12 ? *)",
        "cron(0 0 ? * 6L *)",
        "cron(0 0 ? * 2#1 1970)",
    ],
    [
        "0 3 * * *",
        "rate(0 days)",
        "rate(5 seconds)",
        "at(2026-11-30T12:00:00)",
        "cron(0 3 * * *)",
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "cron(60 3 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 3 32 * ? *)",
        "cron(0 3 * 13 ? *)",
        "cron(0 3 ? * 0 *)",
        "cron(0 3 * * ? 1969)",
        "cron(0 3 * * ? * *)",
    ],
)
_CLEANUP: Json = {"command": ["flask", "cleanup"], "schedule": "rate(1 day)"}
_SCHEDULES: tuple[list[Any], list[Any]] = (
    [
        {f"c{number}": _CLEANUP | {"schedule": cron} for number, cron in enumerate(_CRONS[0])}
        | {
            f"z{number}": _CLEANUP | {"timezone": zone}
            for number, zone in enumerate(("UTC", "Etc/GMT+3", "America/Argentina/Buenos_Aires"))
        }
        | {"a-1": _CLEANUP | {"cpu_units": 512, "memory_mib": 4096}}
    ],
    [
        *({"cleanup": _CLEANUP | {"schedule": cron}} for cron in _CRONS[1]),
        *({name: _CLEANUP} for name in ("web", "a_b")),
        {"cleanup": _CLEANUP | {"command": []}},
        {"cleanup": _CLEANUP | {"timezone": "CET+1"}},
        {"cleanup": _CLEANUP | {"memory_mib": 4096}},
    ],
)
# Tasks have a size of their own there, and streams of instances begin with instance.
_SCHEDULES_OF_EC2: tuple[list[Any], list[Any]] = (
    [*_SCHEDULES[0], {"task": _CLEANUP}],
    [*_SCHEDULES[1], {"instance": _CLEANUP}, {"cleanup": _CLEANUP | {"cpu_units": 100}}],
)
_FARGATE: _Cases = {
    "image": _IMAGES,
    "container_port": _PORTS,
    "cpu_architecture": (["X86_64", "ARM64"], ["x86_64", "RISC", ""]),
    "cpu_units": ([256], [128, 300, 8192]),
    "environment_variables": _ENVIRONMENTS,
    "health_check_command": (
        [None, ["CMD", "true"], ["CMD-SHELL", "exit 0"]],
        [["true"], ["CMD"], ["curl", "-f"], []],
    ),
    "memory_mib": ([512, 1024, 2048], [256, 513, 3072, 4096]),
    "processes": _PROCESSES,
    "schedules": _SCHEDULES,
    "start_period_seconds": _START,
    "stop_timeout_seconds": _STOP,
    "tmp_size_mib": _TMP,
    "user": _USERS,
    "log_retention_days": _DAYS,
}
# By root and variable: values that are accepted, and values that are refused because of that variable.
CASES: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "aws/bootstrap": {
        "budget_email_addresses": (
            # With an address, there has to be a budget: tests/bootstrap.tftest.hcl.
            [[]],
            [["a"], ["a@b"], ["a b@c.org"], [f"a{n}@b.org" for n in range(11)]],
        ),
        "bucket_names": ([[], ["a-b"]], [["*"], ["arn:aws:s3:::a-b"]]),
        "budget_monthly_usd": ([1, 110, 2500.5], [0, -1, 0.5]),
        "github_repository": ([None, "a/b", "example-org/shop.web_1"], ["shop", "/shop", "-a/b", "a/b/c", "a/b*", ""]),
        "name": (
            ["dev-bootstrap", "a1-b-bootstrap"],
            ["dev", "bootstrap", "dev--bootstrap", "1-bootstrap", "dev-bootstrap-x"],
        ),
        "secret_arns": (
            [[], ["arn:aws:secretsmanager:us-east-1:111122223333:secret:a/b-AbCdEf"]],
            [
                ["generated"],
                ["arn:aws:secretsmanager:us-east-1:111122223333:secret:a-*"],
                ["arn:aws:secretsmanager:us-east-1:111122223333:secret:a-AbCdEf:key::"],
                ["arn:aws:secretsmanager:us-east-1:1:secret:a-AbCdEf"],
            ],
        ),
        "listener_arns": (
            [[], ["arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:111122223333:listener/app/a-b/0a/0b"]],
            [["*"], ["arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/a/0a/*"]],
        ),
        "trusted_principal_arns": (
            [[], ["arn:aws:iam::111122223333:root", "arn:aws-us-gov:iam::111122223333:user/a/b"]],
            [
                ["*"],
                ["arn:aws:iam::111122223333:role/*"],
                ["arn:aws:iam::1:role/a"],
                ["arn:aws:sts::111122223333:role/a"],
            ],
        ),
    },
    "aws/network": {
        "access_log_expiration_days": ([1, 365], [0, 1.5]),
        "alarm_action_arns": _ALARMS["alarm_action_arns"],
        "availability_zones": (
            [["us-east-1a", "us-east-1f"]],
            [["us-east-1a", "us-east-1a"], ["us-east-1a", "eu-west-1b"], ["us-east-1a", "b"]],
        ),
        "cidr_block": (
            ["10.0.0.0/16"],
            ["10.0.0.0", "10.0.0.0/15", "10.0.0.1/16", "10.0.0.0/29", "", "10.0.0.0/255.255.0.0"],
        ),
        "flow_log_retention_days": _DAYS,
        "flow_log_traffic_type": ([None, "ACCEPT", "ALL", "REJECT"], ["all", "", "NONE"]),
        "load_balancer_certificate_arn": _CERTIFICATES,
        # With the VPC that it is in, in tests/existing.tftest.hcl.
        "load_balancer_https_listener_arn": (
            [None],
            ["arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/a/0a", "a", ""],
        ),
        "load_balancer_idle_timeout_seconds": _IDLE,
        "load_balancer_ssl_policy": _LOAD_BALANCER["ssl_policy"],
        "load_balancer_zone_create": ([False], [True]),
        "load_balancer_zone_name": ([None, "a.example.org"], ["Example.org", "example", "*.example.org", ""]),
        "nat_gateway_mode": (["single", "per_availability_zone", "none"], ["both", "", "None"]),
        "private_subnet_cidr_blocks": (
            _SUBNET_CASES[0],
            [*_SUBNET_CASES[1], ["10.0.1.0/25", "10.0.101.0/24"], ["10.0.100.0/24", "10.0.100.0/23"]],
        ),
        "public_subnet_cidr_blocks": _SUBNET_CASES,
        # Without a VPC that exists there are none; with one, tests/existing.tftest.hcl.
        "private_subnet_ids": ([[]], [["subnet-0a", "subnet-0b"], ["a"]]),
        "public_subnet_ids": ([[]], [["subnet-0a", "subnet-0b"], ["a"]]),
        "vpc_id": ([None], ["main", ""]),
    },
    "aws/registry": {"retained_image_count": ([2, 1000], [1, 1001, 2.5])},
    "aws/data": {
        "allocated_storage_gb": ([20, 90, "30"], [19, 65537, 20.5]),
        "archive_expiration_days": ([1, 9999], [0, 1.5]),
        "backup_retention_days": ([1, 35], [0, 36, 7.5]),
        "bucket_name": ([None, "a-b"], ["A-b", "a.b", "-ab", ""]),
        "credentials_version": ([1, 2], [0, 1.5]),
        "database_name": (
            ["a", "taskdb", "t_1", "t" * 54, None],
            ["", "1a", "_a", "A", "a-b", "t" * 55, "postgres", "rdsadmin", "template0", "template1"],
        ),
        # With the name of the database and the secret of the master, in tests/data.tftest.hcl.
        "database_instance_identifier": ([None], ["A", "a--b", "a-", "1a", ""]),
        "database_master_secret_arn": (
            [None],
            [
                "arn:aws:secretsmanager:us-east-1:111122223333:secret:*",
                "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf",
                "arn:aws:secretsmanager:us-east-1:444455556666:secret:a-AbCdEf",
            ],
        ),
        # Without a database, there is no URL: tests/data.tftest.hcl.
        "database_url_enabled": ([False], [True]),
        "database_url_scheme": (
            ["postgresql", "postgres", "postgresql+psycopg2"],
            ["mysql", "postgresql+", "postgresql://", "Postgresql", ""],
        ),
        "enhanced_monitoring_interval_seconds": ([0, 1, 60], [-1, 2, 61]),
        "engine_version": (["14", "18", 15, 15.8], ["13", "13.22", "19", "15.", "15.x", "latest"]),
        "log_retention_days": _DAYS,
        "instance_class": (["db.t3.micro", "db.r6gd.2xlarge"], ["t3.micro", "db.t3", "db.T3.micro"]),
        "max_allocated_storage_gb": ([None, 22, 65536], [21, 65537, 30.5]),
        "master_username": (["postgres", "a_1"], ["", "1a", "pg_me", "admin", "rdsadmin", "Me", "m" * 64]),
        "noncurrent_version_expiration_days": ([1], [0, 1.5]),
        "secret_recovery_days": ([0, 7, 30], [1, 6, 31, -1]),
        "secrets": (
            [{}, {"A": "generated", "b_1": _SECRET}, {"A": f"{_SECRET}:a.b-c_1::"}],
            [
                {"A": ""},
                {"A": "Generated"},
                {"A-B": "generated"},
                {"A": _SECRET.removesuffix("-AbCdEf")},
                {"A": f"{_SECRET}:key"},
                {"A": f"{_SECRET}::AWSCURRENT:"},
                {"A": _SECRET.replace("us-east-1", "us-east-2")},
                {"A": _SECRET.replace("111122223333", "444455556666")},
            ],
        ),
    },
    "aws/service_ec2": {
        "image": _IMAGES,
        **_ALARMS,
        **_LOAD_BALANCER,
        "ami_id": ([None, "ami-0123456789abcdef0"], ["al2023", "ami-", "ami-0123456789ABCDEF0"]),
        "container_port": _PORTS,
        "cpu_architecture": (["X86_64"], ["x86_64", ""]),
        "cpu_target_percent": _PERCENT,
        "environment_variables": (
            _ENVIRONMENTS[0],
            [*_ENVIRONMENTS[1], {"GREETING": "two\nlines"}],
        ),
        "health_check_grace_period_seconds": _GRACE,
        "instance_type": (["t3.micro", "m7i-flex.large", "u-6tb1.56xlarge"], ["micro", "t4g.micro", "T3.micro", "t3"]),
        "log_retention_days": _DAYS,
        "max_count": _MOST,
        "memory_mib": ([129, 768], [769, 63, 512.5]),
        "min_count": _LEAST,
        "processes": (
            [
                {
                    "a-1": {"command": ["sh", "-c", ""], "min_count": 2, "max_count": 4, "stop_timeout_seconds": 2},
                    "task": _WORKER | {"max_count": None, "instance_type": "t3.small", "memory_mib": 1792},
                    "p" * 30: _WORKER | {"instance_type": "m7i-flex.large", "memory_mib": 4096},
                }
            ],
            [
                *({name: _WORKER} for name in ("web", "instance", "a_b", "a-", "p" * 31)),
                *({"worker": {"command": command}} for command in ([], [" "])),
                *({"worker": _WORKER | {"min_count": count}} for count in (0, 1.5)),
                {"worker": _WORKER | {"min_count": 2, "max_count": 1}},
                *({"worker": _WORKER | {"instance_type": kind}} for kind in ("small", "t4g.small")),
                *({"worker": _WORKER | {"memory_mib": memory}} for memory in (63, 128, 512.5, 769)),
                {"worker": _WORKER | {"instance_type": "t3.nano"}},
                {"worker": _WORKER | {"stop_timeout_seconds": 121}},
            ],
        ),
        "schedules": _SCHEDULES_OF_EC2,
        "root_device_name": (["/dev/xvda", "/dev/sda1"], ["xvda", "/dev/", "/dev/disk/by-id"]),
        "root_volume_gb": ([8, 16384], [7, 16385, 8.5]),
        "start_period_seconds": _START,
        "stop_timeout_seconds": _STOP,
        "tmp_size_mib": _TMP,
        "user": _USERS,
    },
    "aws/service_ecs": {
        **_ALARMS,
        **_FARGATE,
        **_LOAD_BALANCER,
        "capacity_provider": (["FARGATE", "FARGATE_SPOT"], ["fargate", "EC2", ""]),
        "cpu_target_percent": _PERCENT,
        "health_check_grace_period_seconds": _GRACE,
        "max_count": _MOST,
        "min_count": _LEAST,
    },
    "aws/service_ecs_public": {
        **_FARGATE,
        # Their rules are those of service_ecs.
        "processes": ([{}], [{"web": _WORKER}]),
        "schedules": ([{}], [{"web": _CLEANUP}]),
        "alarm_action_arns": _ALARMS["alarm_action_arns"],
        "allowed_cidr_blocks": (
            [["0.0.0.0/0"], ["203.0.113.0/24", "198.51.100.7/32"]],
            [[], ["203.0.113.1/24"], ["203.0.113.0"], ["everyone"], ["::/0"]],
        ),
        "desired_count": ([1, 5], [0, 1.5]),
        # It becomes a part of a line of Python.
        "health_check_path": (_PATHS[0], [*_PATHS[1], "/it's", "/a\\b", "/ä"]),
    },
    "aws/service_app_runner": {
        "image": _IMAGES,
        "container_port": ([1024, 65535], [1023, 65536, 80, 8000.5]),
        "cpu_units": ([256], [128, 300, 8192]),
        "environment_variables": (
            [*_ENVIRONMENTS[0], {"MY_AWSAPPRUNNER": "x"}, _variables(46)],
            [*_ENVIRONMENTS[1], {"AWSAPPRUNNER": "x"}, {"AWSAPPRUNNER_X": "x"}, {"PORT": "x"}, _variables(47)],
        ),
        "health_check_path": _PATHS,
        "max_concurrent_requests": ([1, 200], [0, 201, 1.5]),
        "max_count": ([2, 25], [1, 26, 2.5]),
        "memory_mib": ([512, 1024], [256, 2048, 4096]),
        "min_count": ([1, 10], [0, 26, 1.5]),
        "start_period_seconds": ([5, 25, 400], [4, 401]),
    },
    "gcp/bootstrap": {
        "github_repository": ([None, "a/b", "example-org/shop.web_1"], ["shop", "-a/b", "a/b/c", "a/b' || true", ""]),
        "name": (["dev-bootstrap", "a1-b-bootstrap"], ["dev", "dev--bootstrap", "1-bootstrap", "dev-bootstrap-x"]),
        "project": (["my-project-123456"], ["123456789012", "My-Project", "short"]),
        "secret_names": (
            [[], ["projects/my-project-123456/secrets/Some_secret-1"]],
            [["stripe"], ["projects/another/secrets/a"], ["projects/my-project-123456/secrets/a/versions/1"]],
        ),
        "trusted_members": (
            [[], ["user:me@example.org", "group:a@b.org", "serviceAccount:a@p.iam.gserviceaccount.com"]],
            [["allUsers"], ["me@example.org"], ["user:me"], ["domain:example.org"], ["user:a b@example.org"]],
        ),
    },
    "gcp/registry": {
        **_IN_GOOGLE_CLOUD,
        "host": (
            [None, "127.0.0.1:4567", "us-central1-docker.pkg.dev", "registry"],
            ["http://127.0.0.1", "Registry.example.org", "127.0.0.1:", "a/b", "-a", ""],
        ),
        "retained_image_count": ([2, 1000], [1, 1001, 2.5]),
    },
    "gcp/network": {
        **_IN_GOOGLE_CLOUD,
        "cidr_block": (
            ["10.8.0.0/16", "172.16.0.0/24", "192.168.0.0/26"],
            ["10.8.0.0/27", "10.8.0.1/24", "10.8.0.0", "11.0.0.0/24", "a", ""],
        ),
        "database_cidr_block": (
            ["10.0.16.0/20", "172.31.0.0/24"],
            ["10.0.16.0/25", "10.0.16.1/24", "10.0.16.0", "8.8.0.0/16", "a", ""],
        ),
    },
    "gcp/data": {
        **_IN_GOOGLE_CLOUD,
        "allocated_storage_gb": ([10, 90, "30"], [9, 65537, 20.5]),
        "backup_retention_days": ([1, 365], [0, 366, 1.5]),
        "database_name": (
            [None, "taskdb", "a", "x" * 54],
            ["", "Taskdb", "1db", "task-db", "x" * 55, "postgres", "cloudsqladmin", "template0"],
        ),
        "database_url_enabled": ([False], [True]),
        "database_url_scheme": (
            ["postgresql", "postgres", "postgresql+psycopg2"],
            ["mysql", "postgresql+", "", "jdbc:a"],
        ),
        "engine_version": (["14", "18"], ["13", "15.8", "19", ""]),
        "master_username": (["postgres", "boss_1"], ["cloudsqladmin", "cloudsqlsuperuser", "pg_a", "1a", "A", ""]),
        "max_allocated_storage_gb": ([None, 91, 65536], [9, 65537, 130.5]),
        "tier": (
            ["db-f1-micro", "db-g1-small", "db-custom-1-3840", "db-custom-2-7680", "db-custom-96-638976"],
            [
                "db.t3.micro",
                "db-custom-3-7680",
                "db-custom-2-7600",
                "db-custom-1-3584",
                "db-custom-1-6912",
                "db-custom-2",
            ],
        ),
        "credentials_version": ([1, 2], [0, 1.5]),
        "secrets": (
            [{}, {"KEY": "generated"}, {"_k1": "projects/my-project-123456/secrets/Some_secret-1"}],
            [
                {"1ST": "generated"},
                {"A-B": "generated"},
                *({name: "generated"} for name in ("PORT", "K_SERVICE", "X_GOOGLE_A")),
                *(
                    {"KEY": source}
                    for source in (
                        "",
                        "x",
                        "projects/another-project/secrets/a",
                        "projects/my-project-123456/secrets/",
                        "projects/my-project-123456/secrets/a:key::",
                        "projects/my-project-123456/secrets/a/versions/latest",
                        f"projects/my-project-123456/secrets/{'x' * 256}",
                        "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf",
                    )
                ),
            ],
        ),
    },
    "gcp/service_cloud_run": {
        "image": _IMAGES,
        **_IN_GOOGLE_CLOUD,
        "container_port": _PORTS,
        "cpu_units": ([1024, 2048], [256, 512, 3072, 8192]),
        "environment_variables": (
            [
                *_ENVIRONMENTS[0],
                {"K_SERVICES": "x", "MY_K_SERVICE": "x", "GOOGLE_X": "x", "k_service": "x"},
                _variables(998),
            ],
            [
                *_ENVIRONMENTS[1],
                *(
                    {name: "x"}
                    for name in ("PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "X_GOOGLE_", "X_GOOGLE_A")
                ),
                _variables(999),
            ],
        ),
        "health_check_path": _PATHS,
        "ingress": (
            ["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"],
            ["INGRESS_TRAFFIC_NONE", "all", ""],
        ),
        "max_concurrent_requests": ([1, 1000], [0, 1001, 1.5]),
        "max_count": ([2, 100], [0, 1, 2.5]),
        "memory_mib": ([512, 4096], [511, 4097, 512.5]),
        "min_count": ([0, 1, 10], [-1, 1.5]),
        "processes": (
            [
                {},
                {"worker": _WORKER, "beat": _WORKER | {"min_count": 3, "max_count": 3, "memory_mib": 1024}},
                {"worker": _WORKER | {"cpu_units": 4096, "memory_mib": 16384}},
            ],
            [
                {"web": _WORKER},
                {"Worker": _WORKER},
                {"worker": {"command": []}},
                {"worker": {"command": [" "]}},
                {"worker": _WORKER | {"min_count": 0}},
                {"worker": _WORKER | {"min_count": 1.5}},
                # Nothing scales a worker pool.
                {"worker": _WORKER | {"max_count": 2}},
                {"worker": _WORKER | {"cpu_units": 256}},
                {"worker": _WORKER | {"memory_mib": 511}},
                {"worker": _WORKER | {"cpu_units": 4096, "memory_mib": 2047}},
            ],
        ),
        "schedules": (
            [
                {},
                *(
                    {"cleanup": {"command": ["flask", "cleanup"], "schedule": schedule}}
                    for schedule in (
                        "cron(0 3 * * ? *)",
                        "cron(0/15 8-18 ? * MON-FRI *)",
                        "cron(5,35 */2 1,15 JAN-MAR ? *)",
                        "cron(0 0 ? * 7 *)",
                        "rate(1 minute)",
                        "rate(30 minutes)",
                        "rate(12 hours)",
                        "rate(1 day)",
                    )
                ),
                {"cleanup": {"command": ["x"], "schedule": "rate(1 day)", "timezone": "America/Argentina/Salta"}},
            ],
            [
                *(
                    {"cleanup": {"command": ["flask", "cleanup"], "schedule": schedule}}
                    for schedule in (
                        # What crontab cannot say: years, the last or nearest day, the second Friday, and a rate that
                        # does not divide an hour or a day.
                        "cron(0 3 * * ? 2027)",
                        "cron(0 3 L * ? *)",
                        "cron(0 3 15W * ? *)",
                        "cron(0 3 ? * 6L *)",
                        "cron(0 3 ? * FRI#2 *)",
                        "rate(7 minutes)",
                        "rate(90 minutes)",
                        "rate(5 hours)",
                        "rate(2 days)",
                        "cron(0 3 ? * FRI-MON *)",
                        "cron(0 20-4 * * ? *)",
                        "cron(0 3 ? * MON-6 *)",
                        "cron(0/0 3 * * ? *)",
                        # And what EventBridge Scheduler has not either.
                        "0 3 * * *",
                        "cron(0 3 * * * *)",
                        "cron(60 3 * * ? *)",
                        "cron(0 3 ? * 0 *)",
                        "at(2027-01-01T00:00:00)",
                    )
                ),
                {"web": {"command": ["x"], "schedule": "rate(1 day)"}},
                {"cleanup": {"command": [], "schedule": "rate(1 day)"}},
                {"cleanup": {"command": ["x"], "schedule": "rate(1 day)", "timezone": "Berlin time"}},
                {"cleanup": {"command": ["x"], "schedule": "rate(1 day)", "memory_mib": 256}},
            ],
        ),
        "start_period_seconds": ([1, 240], [0, 241, 1.5]),
    },
}


# Memory in MiB by CPU units: the least and the most that a platform takes, and what it refuses between or beside them.
_FARGATE_SIZES = {
    256: ([512, 2048], [256, 1536, 3072]),
    512: ([1024, 4096], [512, 1536, 5120]),
    1024: ([2048, 8192], [1024, 9216]),
    2048: ([4096, 16384], [3072, 17408]),
    4096: ([8192, 30720], [7168, 31744]),
}
SIZES: dict[str, dict[int, tuple[list[int], list[int]]]] = {
    "aws/service_app_runner": {
        256: ([512, 1024], [2048]),
        512: ([1024], [512, 2048]),
        1024: ([2048, 3072, 4096], [1024, 5120]),
        2048: ([4096, 6144], [2048, 5120]),
        4096: ([8192, 10240, 12288], [6144, 9216]),
    },
    "aws/service_ecs": _FARGATE_SIZES,
    "aws/service_ecs_public": _FARGATE_SIZES,
    "gcp/service_cloud_run": {
        1024: ([512, 4096], [511, 4097]),
        2048: ([512, 8192], [511, 8193]),
        4096: ([2048, 16384], [2047, 16385]),
    },
}


@pytest.mark.parametrize("root", ROOTS)
def test_every_rule_has_a_case(root: str) -> None:
    blocks = read_terraform(_folder(root) / "variables.tf")["variable"]
    validated = {name for block in blocks for name, body in block.items() if "validation" in body}
    given_by_the_project = {
        *("account_id", "name", "permissions_boundary_arn", "region", "tags", "readable_secret_arns"),
        "readable_secret_names",
        *(name for name in validated if name.partition("_")[0] in LAYERS),
    }
    assert validated - given_by_the_project <= set(CASES.get(root, {})) <= validated


@pytest.mark.parametrize("root", ROOTS)
def test_accepted_and_refused(root: str) -> None:
    related = _related(root)
    # Inputs with the variables that are refused of them; the n-th values of all variables that are judged by themselves
    # are in one.
    alone: list[tuple[Json, set[str]]] = []
    together: dict[int, tuple[Json, set[str]]] = defaultdict(lambda: ({}, set()))
    for variable, (accepted, refused) in CASES.get(root, {}).items():
        for number, value in enumerate([*accepted, *refused]):
            given = value | _PLATFORM if variable == "environment_variables" else value
            if variable in related:
                alone.append(({}, set()))
            case, expected = alone[-1] if variable in related else together[number]
            case[variable] = given
            if number >= len(accepted):
                expected.add(variable)
    cases = [*alone, *together.values()]
    for (case, expected), broken in zip(cases, _broken(root, [case for case, _ in cases]), strict=True):
        # A refused value may break the rule of a variable that is related to it, too.
        assert expected <= set(broken), (case, broken)
        assert expected & related or set(broken) <= expected, (case, broken)


def test_processes_and_schedules_have_the_same_rules_everywhere() -> None:
    one, other = (
        {name: body for block in read_terraform(file)["variable"] for name, body in block.items()}
        for file in (_folder(f"aws/{root}") / "variables.tf" for root in ("service_ecs", "service_ecs_public"))
    )
    for name in ("processes", "schedules"):
        assert one[name] == other[name]


def test_times_of_schedules_have_the_same_rule_everywhere() -> None:
    rules = [
        [
            rule["condition"]
            for block in read_terraform(_folder(f"aws/{root}") / "variables.tf")["variable"]
            for rule in block.get("schedules", {}).get("validation", [])
            if "rate" in rule["condition"] or "timezone" in rule["condition"]
        ]
        for root in ("service_ecs", "service_ec2")
    ]
    assert rules[0] == rules[1]
    assert len(rules[0]) == 2


@pytest.mark.parametrize("root", SIZES)
def test_memory_that_goes_with_a_cpu(root: str) -> None:
    cases = [
        (cpu, memory, number >= len(accepted))
        for cpu, (accepted, refused) in SIZES[root].items()
        for number, memory in enumerate([*accepted, *refused])
    ]
    found = _broken(root, [{"cpu_units": cpu, "memory_mib": memory} for cpu, memory, _ in cases])
    for (cpu, memory, is_refused), broken in zip(cases, found, strict=True):
        assert broken == (["memory_mib"] if is_refused else []), (cpu, memory)


@pytest.mark.parametrize("root", ["aws/service_ec2", "aws/service_ecs"])
def test_domain_and_zone(root: str) -> None:
    cases: list[tuple[Json, list[str]]] = [
        ({"domain_name": "example.org", "zone_name": "example.org"}, []),
        ({"domain_name": "a.b.example.org", "zone_name": "example.org"}, []),
        ({"domain_name": "example.org"}, ["zone_name"]),
        ({"domain_name": "badexample.org", "zone_name": "example.org"}, ["zone_name"]),
        ({"zone_create": True}, ["zone_name"]),
        ({"zone_create": True, "zone_name": "example.org"}, []),
    ]
    assert _broken(root, [case for case, _ in cases]) == [variables for _, variables in cases]


@pytest.mark.parametrize("root", ["aws/service_ec2", "aws/service_ecs"])
def test_load_balancer_of_the_network(root: str) -> None:
    found = {"domain_name": "example.org", "https_listener_arn": "arn"}
    shared = {"shared_load_balancer": True, "domain_name": "a.example.org", "network_load_balancer": found}
    cases: list[tuple[Json, list[str]]] = [
        (shared, []),
        # Whether it is there is not known before a run.
        (shared | {"network_load_balancer": UNKNOWN}, []),
        (shared | {"network_load_balancer": {}}, ["shared_load_balancer"]),
        (shared | {"domain_name": "a.b.example.org"}, ["shared_load_balancer"]),
        (shared | {"domain_name": "a.example-org"}, ["shared_load_balancer"]),
        (shared | {"domain_name": "example.org"}, ["shared_load_balancer"]),
        (shared | {"zone_name": "example.org"}, ["zone_name"]),
        (shared | {"load_balancer_deletion_protection": True}, ["shared_load_balancer"]),
        (shared | {"load_balancer_idle_timeout_seconds": 61}, ["shared_load_balancer"]),
    ]
    assert _broken(root, [case for case, _ in cases]) == [variables for _, variables in cases]


def _related(root: str) -> set[str]:
    """Variables that share a rule with another one."""
    related: set[str] = set()
    for block in read_terraform(_folder(root) / "variables.tf")["variable"]:
        for name, body in block.items():
            for rule in body.get("validation", []):
                read = set(re.findall(r"\bvar\.(\w+)", rule["condition"])) | {name}
                related |= read if len(read) > 1 else set()
    return related


def _broken(root: str, cases: list[Json]) -> list[list[str]]:
    """Names of the variables whose rules each case breaks."""
    example = read_terraform(_folder(root) / "terraform.tfvars.example")
    inputs = {
        name: example[name] if variable.required else variable.default
        for name, variable in declared_variables(_folder(root)).items()
    }
    findings = broken_rules([Call(_folder(root), inputs | case) for case in cases])
    return [[finding.variable for finding in findings if finding.call == number] for number in range(len(cases))]


def _folder(root: str) -> Path:
    return _LAYERS / root
