"""Settings of an instance of Cloud SQL: their shape, what is refused, and what is filled in."""

from __future__ import annotations

import copy
import re

from slipway_emulator.google.api import Json, LegacyError
from slipway_emulator.google.messages import ANY, BOOL, INT32, INT64, STRING, Map, check

INTERNAL_CA, SHARED_CA = "GOOGLE_MANAGED_INTERNAL_CA", "GOOGLE_MANAGED_CAS_CA"
UNENCRYPTED, ENCRYPTED = "ALLOW_UNENCRYPTED_AND_ENCRYPTED", "ENCRYPTED_ONLY"

_IP_CONFIGURATION = {
    "ipv4Enabled": BOOL, "privateNetwork": STRING, "requireSsl": BOOL, "authorizedNetworks": [ANY], "sslMode": STRING,
    "allocatedIpRange": STRING, "enablePrivatePathForGoogleCloudServices": BOOL, "pscConfig": ANY,
    "serverCaMode": STRING, "serverCaPool": STRING, "customSubjectAlternativeNames": [STRING],
    "serverCertificateRotationMode": STRING,
}  # fmt: skip
_SETTINGS = {
    "kind": STRING, "settingsVersion": INT64, "tier": STRING, "edition": STRING, "availabilityType": STRING,
    "pricingPlan": STRING, "replicationType": STRING, "activationPolicy": STRING, "connectorEnforcement": STRING,
    "dataApiAccess": STRING, "dataDiskType": STRING, "dataDiskSizeGb": INT64, "storageAutoResize": BOOL,
    "storageAutoResizeLimit": INT64, "deletionProtectionEnabled": BOOL, "retainBackupsOnDelete": BOOL,
    "enableGoogleMlIntegration": BOOL, "enableDataplexIntegration": BOOL, "userLabels": Map(STRING),
    "ipConfiguration": _IP_CONFIGURATION,
    "backupConfiguration": {
        "kind": STRING, "enabled": BOOL, "binaryLogEnabled": BOOL, "startTime": STRING, "location": STRING,
        "pointInTimeRecoveryEnabled": BOOL, "transactionLogRetentionDays": INT32, "backupTier": STRING,
        "backupRetentionSettings": {"retainedBackups": INT32, "retentionUnit": STRING},
        "replicationLogArchivingEnabled": BOOL, "transactionalLogStorageState": STRING,
    },
    "finalBackupConfig": {"enabled": BOOL, "retentionDays": INT32},
    "maintenanceWindow": {"kind": STRING, "day": INT32, "hour": INT32, "updateTrack": STRING},
    "insightsConfig": {
        "queryInsightsEnabled": BOOL, "recordClientAddress": BOOL, "recordApplicationTags": BOOL,
        "queryStringLength": INT32, "queryPlansPerMinute": INT32, "enhancedQueryInsightsEnabled": BOOL,
    },
    "locationPreference": {"kind": STRING, "zone": STRING, "secondaryZone": STRING, "followGaeApplication": STRING},
    # What a rehearsal has no use for, and would have to act on.
    "databaseFlags": [ANY], "activeDirectoryConfig": ANY, "denyMaintenancePeriods": [ANY], "sqlServerAuditConfig": ANY,
    "passwordValidationPolicy": ANY, "collation": STRING, "timeZone": STRING, "advancedMachineFeatures": ANY,
    "connectionPoolConfig": ANY, "readPoolAutoScaleConfig": ANY, "entraidConfig": ANY, "autoUpgradeEnabled": BOOL,
    "dataDiskProvisionedIops": INT64, "dataDiskProvisionedThroughput": INT64, "replicationLagMaxSeconds": INT32,
    "dataCacheConfig": {"dataCacheEnabled": BOOL}, "databaseReplicationEnabled": BOOL,
}  # fmt: skip
_UNKNOWN = (
    "databaseFlags", "activeDirectoryConfig", "denyMaintenancePeriods", "sqlServerAuditConfig", "collation", "timeZone",
    "passwordValidationPolicy", "advancedMachineFeatures", "connectionPoolConfig", "readPoolAutoScaleConfig",
    "entraidConfig", "autoUpgradeEnabled", "dataDiskProvisionedIops", "dataDiskProvisionedThroughput",
    "replicationLagMaxSeconds",
)  # fmt: skip
INSTANCE = {
    "kind": STRING, "name": STRING, "project": STRING, "region": STRING, "databaseVersion": STRING,
    "rootPassword": STRING, "settings": _SETTINGS, "instanceType": STRING, "etag": STRING, "state": STRING,
    "masterInstanceName": STRING, "replicaConfiguration": ANY, "diskEncryptionConfiguration": ANY,
    "maintenanceVersion": STRING, "nodeCount": INT32, "replicationCluster": ANY, "pscServiceAttachmentLink": STRING,
    "backendType": STRING, "connectionName": STRING, "selfLink": STRING, "ipAddresses": ANY, "serverCaCert": ANY,
    "gceZone": STRING, "dnsName": STRING, "dnsNames": ANY, "createTime": STRING, "serviceAccountEmailAddress": STRING,
    "sqlNetworkArchitecture": STRING, "databaseInstalledVersion": STRING, "availableMaintenanceVersions": [STRING],
    "upgradableDatabaseVersions": ANY, "switchTransactionLogsToCloudStorageEnabled": BOOL,
    "includeReplicasForMajorVersionUpgrade": BOOL,
}  # fmt: skip

_SHARED_CORE = ("db-f1-micro", "db-g1-small")
_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")
_PLUS = re.compile(r"db-(perf-optimized-N|c4a-highmem|c4-highmem|memory-optimized-N)-\d+(-lssd)?")
# "Create instances", custom machine types: MiB of memory that each CPU has at least and at most, and all have.
_LEAST_MIB_PER_CPU, _MOST_MIB_PER_CPU, _MEMORY_STEP_MIB, _LEAST_MEMORY_MIB = 0.9 * 1024, 6.5 * 1024, 256, 3840
_VERSION = re.compile(r"POSTGRES_(\d+)")
# "Cloud SQL for PostgreSQL versions"; editions by default since 16.
_VERSIONS = range(14, 19)
_PLUS_SINCE = 16
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_LOG_DAYS = {"ENTERPRISE": 7, "ENTERPRISE_PLUS": 35}


def invalid(text: str) -> LegacyError:
    """The refusal of a request that is not right."""
    return LegacyError(400, "invalid", f"Invalid request: {text}.")


def checked(body: Json) -> Json:
    """An instance as a caller gave it, with JSON's names and the right types.

    Raises:
        ApiError: a name is unknown or a value has another type.
    """
    found: Json = check(INSTANCE, body, "body")
    _keep_zeros(found, body)
    return found


def _keep_zeros(found: Json, given: Json) -> None:
    """Put back what is off or zero: a change says so, and most of what may be off is on where nothing is said."""
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(found.get(name), dict):
            _keep_zeros(found[name], value)
        elif isinstance(value, bool | int) and not value:
            found.setdefault(name, value)


def major_version(version: str) -> int:
    """The major version of PostgreSQL that a databaseVersion names.

    Raises:
        LegacyError: it names none that there is.
    """
    match = _VERSION.fullmatch(version)
    if not match or int(match[1]) not in _VERSIONS:
        raise invalid(
            f"Invalid database version {version}; the rehearsal has POSTGRES_{_VERSIONS[0]} to {_VERSIONS[-1]}"
        )
    return int(match[1])


def complete(settings: Json, version: str, before: Json | None = None) -> Json:
    """Settings with what Cloud SQL fills in, once nothing is wrong with them.

    Args:
        settings: the caller's.
        version: the databaseVersion.
        before: the settings of the instance that is to be changed.

    Raises:
        LegacyError: something is wrong; the message says what.
    """
    whole = copy.deepcopy(settings)
    for field in _UNKNOWN:
        if whole.get(field):
            raise invalid(f"the rehearsal knows no {field}")
    whole["edition"] = whole.get("edition") or (
        "ENTERPRISE_PLUS" if major_version(version) >= _PLUS_SINCE else "ENTERPRISE"
    )
    _check_tier(whole.get("tier", ""), whole["edition"])
    _check_labels(whole.setdefault("userLabels", {}))
    if whole.setdefault("availabilityType", "ZONAL") not in ("ZONAL", "REGIONAL"):
        raise invalid(f"Invalid availability type {whole['availabilityType']}")
    if whole.setdefault("activationPolicy", "ALWAYS") != "ALWAYS":
        raise invalid("the rehearsal knows the activation policy ALWAYS alone")
    whole |= {"kind": "sql#settings", "pricingPlan": "PER_USE", "replicationType": "SYNCHRONOUS"}
    whole.setdefault("connectorEnforcement", "NOT_REQUIRED")
    if whole["connectorEnforcement"] != "NOT_REQUIRED":
        raise invalid("the rehearsal knows no connectors, which connectorEnforcement requires")
    _complete_storage(whole, before)
    _complete_backups(whole)
    _complete_window(whole)
    _complete_insights(whole.get("insightsConfig"))
    _complete_addresses(whole.setdefault("ipConfiguration", {}), (before or {}).get("ipConfiguration"))
    final = whole.get("finalBackupConfig", {})
    if final.get("enabled") and not 1 <= final.setdefault("retentionDays", 30) <= 365:
        raise invalid("Final backup retention days must be from 1 to 365")
    return whole


def _check_tier(tier: str, edition: str) -> None:
    match = _CUSTOM.fullmatch(tier)
    wrong = f"Invalid Tier ({tier}) for ({edition}) Edition. Use a predefined Tier like"
    if edition == "ENTERPRISE_PLUS":
        if not _PLUS.fullmatch(tier):
            raise invalid(f"{wrong} db-perf-optimized-N-2 instead")
        return
    if edition != "ENTERPRISE":
        raise invalid(f"Invalid edition {edition}")
    if tier in _SHARED_CORE:
        return
    if not match:
        raise invalid(f"{wrong} db-custom-2-7680 instead")
    cpus, memory = int(match[1]), int(match[2])
    if not (cpus == 1 or (cpus % 2 == 0 and 2 <= cpus <= 96)):
        raise invalid(f"Custom Machine type {tier} has {cpus} CPUs; it must be 1 or an even number from 2 to 96")
    least = max(_LEAST_MEMORY_MIB, _LEAST_MIB_PER_CPU * cpus)
    if memory % _MEMORY_STEP_MIB or not least <= memory <= _MOST_MIB_PER_CPU * cpus:
        raise invalid(
            f"Custom Machine type {tier} has {memory} MiB; it must be a multiple of {_MEMORY_STEP_MIB} from "
            f"{least:g} to {_MOST_MIB_PER_CPU * cpus:g}"
        )


def _check_labels(labels: Json) -> None:
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Invalid user label {key}={value}")


def _complete_storage(settings: Json, before: Json | None) -> None:
    if settings.setdefault("dataDiskType", "PD_SSD") not in ("PD_SSD", "PD_HDD"):
        raise invalid(f"Invalid data disk type {settings['dataDiskType']}")
    size = settings.setdefault("dataDiskSizeGb", int((before or {}).get("dataDiskSizeGb", 10)))
    if not 10 <= size <= 65536:
        raise invalid(f"Disk size must be from 10 to 65536 GB, it is {size}")
    if before and size < int(before["dataDiskSizeGb"]):
        raise invalid("Disk size cannot be decreased")
    limit = settings.get("storageAutoResizeLimit", 0)
    if limit and limit < size:
        raise invalid("Storage auto-resize limit must be at least the size of the disk")
    settings["dataDiskSizeGb"], settings["storageAutoResizeLimit"] = str(size), str(limit)
    settings.setdefault("storageAutoResize", True)


def _complete_backups(settings: Json) -> None:
    backups = settings.setdefault("backupConfiguration", {})
    backups["kind"] = "sql#backupConfiguration"
    enabled = backups.setdefault("enabled", False)
    recovery = backups.setdefault("pointInTimeRecoveryEnabled", False)
    if backups.get("binaryLogEnabled"):
        raise invalid("Binary log can be enabled for MySQL alone")
    if recovery and not enabled:
        raise invalid("Point in time recovery must be disabled when backup is disabled")
    if settings["availabilityType"] == "REGIONAL" and not (enabled and recovery):
        raise invalid("High availability requires backups and point in time recovery to be enabled")
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", backups.setdefault("startTime", "03:00")):
        raise invalid(f"Invalid backup start time {backups['startTime']}")
    most = _LOG_DAYS[settings["edition"]]
    if not 1 <= backups.setdefault("transactionLogRetentionDays", 7) <= most:
        raise invalid(f"Transaction log retention days must be from 1 to {most}")
    kept = backups.setdefault("backupRetentionSettings", {})
    kept.setdefault("retentionUnit", "COUNT")
    if not 1 <= kept.setdefault("retainedBackups", 7) <= 365:
        raise invalid("Retained backups must be from 1 to 365")
    # "Transaction log retention": of no more days than there are backups.
    if recovery and backups["transactionLogRetentionDays"] > kept["retainedBackups"]:
        raise invalid("Retained backups must be at least the transaction log retention days")
    backups.setdefault("backupTier", "STANDARD")


def _complete_window(settings: Json) -> None:
    window = settings.get("maintenanceWindow")
    if not window:
        return
    if not 1 <= window.get("day", 0) <= 7 or not 0 <= window.setdefault("hour", 0) <= 23:
        raise invalid("Maintenance window must have a day from 1 (Monday) to 7 and an hour from 0 to 23")
    if window.get("updateTrack", "stable") not in ("canary", "stable", "week5"):
        raise invalid(f"Invalid update track {window['updateTrack']}")
    window["kind"] = "sql#maintenanceWindow"


def _complete_insights(insights: Json | None) -> None:
    if not insights or not insights.get("queryInsightsEnabled"):
        return
    if not 256 <= insights.setdefault("queryStringLength", 1024) <= 4500:
        raise invalid("Query string length must be from 256 to 4500")
    if not 0 <= insights.setdefault("queryPlansPerMinute", 5) <= 20:
        raise invalid("Query plans per minute must be from 0 to 20")


def _complete_addresses(addresses: Json, before: Json | None) -> None:
    for field in ("authorizedNetworks", "pscConfig", "serverCaPool", "customSubjectAlternativeNames", "requireSsl"):
        if addresses.get(field):
            raise invalid(f"the rehearsal knows no {field}")
    network = addresses.get("privateNetwork", "")
    if not addresses.setdefault("ipv4Enabled", True) and not network:
        raise invalid("At least one of Public IP, Private IP or PSC connectivity must be enabled")
    if addresses["ipv4Enabled"]:
        raise invalid("the rehearsal has no public addresses: ipv4Enabled must be false")
    if before and network != before["privateNetwork"]:
        raise invalid("the rehearsal moves no instance to another network")
    if addresses.setdefault("sslMode", UNENCRYPTED) not in (UNENCRYPTED, ENCRYPTED):
        raise invalid(f"the rehearsal knows no {addresses['sslMode']}: it gives no certificates to clients")
    mode = addresses.setdefault("serverCaMode", (before or {}).get("serverCaMode", INTERNAL_CA))
    if mode not in (INTERNAL_CA, SHARED_CA):
        raise invalid(f"the rehearsal knows no {mode}")
    if before and mode != before["serverCaMode"]:
        raise invalid("the rehearsal changes no server CA mode")
    rotation = addresses.get("serverCertificateRotationMode")
    if rotation == "AUTOMATIC_ROTATION_DURING_MAINTENANCE" and mode == INTERNAL_CA:
        raise invalid("Automatic rotation of server certificates requires a CA of Certificate Authority Service")
