"""What of MiniStack is replaced for ACM."""

from slipway_emulator.acm import certificates
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "services.acm",
        "_request_certificate",
        "8fb1d8187af51a58",
        "issues a certificate before its names are proven",
        certificates.request,
    ),
    Override(
        "services.acm",
        "_delete_certificate",
        "4358074f027378af",
        "deletes a certificate that a listener has",
        certificates.delete,
    ),
    Override(
        "services.route53",
        "_change_resource_record_sets",
        "d67bda7a044b56ac",
        "proves no name of a certificate",
        certificates.change_records,
    ),
)
