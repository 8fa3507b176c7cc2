"""What of MiniStack is replaced for Amazon RDS."""

from slipway_emulator.overrides import Override, Table
from slipway_emulator.rds import instances

TABLE: Table = (
    Override(
        "services.rds",
        "_create_db_instance",
        "6325013d15ca08c4",
        "takes versions, storage and what a free plan lacks, reports an instance available when the engine refused its "
        "container, and forgets which logs it exports",
        instances.create,
        operation="CreateDBInstance",
    ),
    Override(
        "services.rds",
        "_delete_db_instance",
        "285f683061376fda",
        "deletes an instance without its final snapshot where none is named, and overwrites one of the same name",
        instances.delete,
        operation="DeleteDBInstance",
    ),
    Override(
        "services.rds",
        "_create_snapshot_internal",
        "85e34b6cd577888a",
        "describes every snapshot with its instance's tags, and lists none of them",
        instances.create_snapshot,
    ),
    Override(
        "services.rds",
        "_modify_db_instance",
        "ff9823ee3122c86a",
        "takes versions, storage and what a free plan lacks, reports a master password changed when it was not, and "
        "forgets which logs an instance exports",
        instances.modify,
        operation="ModifyDBInstance",
    ),
    Override(
        "services.rds",
        "_run_rds_container",
        "2646405eb089bfa6",
        "lets plain connections in whatever rds.force_ssl says, and certifies any name but the endpoint's",
        instances.run_container,
    ),
    Override(
        "services.rds",
        "_try_database_connect",
        "890fca83ccb62e5a",
        "connects from this machine, which no security group allows",
        instances.try_connect,
    ),
    Override(
        "services.rds",
        "_rotate_instance_password",
        "8f9877f4a8ddc411",
        "connects from this machine, which no security group allows, and does not look whether the new password holds",
        instances.rotate,
    ),
    Override(
        "services.rds",
        "_modify_param_group",
        "f2d92f4b6bb053de",
        "tells no running database of a changed rds.force_ssl",
        instances.change_parameters,
        operation="ModifyDBParameterGroup",
    ),
    Override(
        "services.rds",
        "_reset_param_group",
        "68ee55a74b74eeca",
        "tells no running database of a changed rds.force_ssl",
        instances.change_parameters,
        operation="ResetDBParameterGroup",
    ),
    Override(
        "services.rds",
        "_instance_xml",
        "12a61a853c769cf7",
        "leaves out which logs an instance exports",
        instances.instance_xml,
    ),
    Override(
        "services.rds",
        "_apply_instance_filters",
        "875529b34c1e6579",
        "finds every instance by whatever dbi-resource-id, by which the provider looks whether a deleted one is gone",
        instances.apply_instance_filters,
    ),
)
