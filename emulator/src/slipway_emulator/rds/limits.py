"""What RDS refuses of a database's settings, in its words."""

from __future__ import annotations

from typing import Any

from ministack.services import rds

Json = dict[str, Any]

# Major versions of PostgreSQL that a new instance can have, the oldest with Extended Support ("Release calendars for
# Amazon RDS for PostgreSQL").
_MAJOR_VERSIONS = range(11, 19)
# What accounts with the free plan can have ("AWS Free Tier": the free plan ends or is upgraded to the paid plan).
_FREE_CLASSES = ("db.t3.micro", "db.t4g.micro")
_FREE_BACKUP_DAYS = 1
_FREE_INSTANCES = 2
_MORE_STORAGE = 1.1


def refusal(request: Json, account_plan: str, instance: Json | None = None) -> tuple[str, str] | None:
    """Code and message of the error with which RDS refuses an instance of PostgreSQL; None where it takes it.

    Args:
        request: parameters of CreateDBInstance or ModifyDBInstance.
        account_plan: `paid` or `free`.
        instance: the one that is to be modified.
    """
    version = rds._p(request, "EngineVersion")
    if version and not _is_offered(version):
        return "InvalidParameterCombination", f"Cannot find version {version} for postgres"
    most = int(rds._p(request, "MaxAllocatedStorage") or 0)
    allocated = int(rds._p(request, "AllocatedStorage") or (instance or {}).get("AllocatedStorage", 0))
    # ModifyDBInstance turns auto-scaling off where the two are equal.
    if most and (most < allocated or (most == allocated and not instance)):
        return "InvalidParameterCombination", "Max storage size must be greater than storage size"
    if most > allocated and most < allocated * _MORE_STORAGE:
        message = "The maximum allocated storage must be increased by at least 10 percent."
        return "InvalidParameterCombination", message
    if account_plan == "free":
        if instance is None and len(rds._instances) >= _FREE_INSTANCES:
            return "InstanceQuotaExceeded", (
                "You reached the maximum number of instances available with free plan accounts. To remove all "
                "limitations, upgrade your account plan."
            )
        if int(rds._p(request, "BackupRetentionPeriod") or 0) > _FREE_BACKUP_DAYS:
            return "FreeTierRestrictionError", (
                "The specified backup retention period exceeds the maximum available to free tier customers. "
                "To remove all limitations, upgrade your account plan."
            )
        if (rds._p(request, "DBInstanceClass") or _FREE_CLASSES[0]) not in _FREE_CLASSES:
            return "FreeTierRestrictionError", "This instance size isn't available with free plan accounts."
    return None


def _is_offered(version: str) -> bool:
    major = version.partition(".")[0]
    return major.isdecimal() and int(major) in _MAJOR_VERSIONS
