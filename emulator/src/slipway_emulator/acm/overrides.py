"""What of MiniStack is replaced for ACM."""

from slipway_emulator.acm import certificates
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "services.acm",
        "_request_certificate",
        "b447241a3602eb78",
        "issues a certificate before its names are proven",
        certificates.request,
    ),
    Override(
        "services.acm",
        "_delete_certificate",
        "6af6d9e181dd940f",
        "deletes a certificate that a listener has",
        certificates.delete,
    ),
    Override(
        "services.route53",
        "_change_resource_record_sets",
        "7f1952a63a6cee1f",
        "proves no name of a certificate",
        certificates.change_records,
    ),
)
