"""Certificates that ACM issues when their names are proven by records, and keeps while a listener has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import acm, alb, route53

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Response = tuple[int, Json, Any]
Function = Callable[..., Any]

PENDING, ISSUED = "PENDING_VALIDATION", "ISSUED"


def request(original: Function, _: Parts) -> Function:
    def request_certificate(data: Json) -> Response:
        known = set(acm._certificates.keys())
        response: Response = original(data)
        for arn in set(acm._certificates.keys()) - known:
            certificate = acm._certificates[arn]
            certificate["Status"] = PENDING
            for option in certificate["DomainValidationOptions"]:
                option["ValidationStatus"] = PENDING
        # The record of another certificate for the same name proves this one, too.
        _issue_what_is_proven()
        return response

    return request_certificate


def delete(original: Function, _: Parts) -> Function:
    def delete_certificate(data: Json) -> Response:
        arn = data.get("CertificateArn", "")
        if arn in acm._certificates and any(
            arn in listener.get("Certificates", [])
            for listener in alb._listeners.values()
            # A load balancer takes its listeners along; MiniStack keeps their records.
            if listener["LoadBalancerArn"] in alb._lbs
        ):
            text = f"Certificate {arn} in account {acm.get_account_id()} is in use."
            refused: Response = acm.error_response_json("ResourceInUseException", text, 400)
            return refused
        response: Response = original(data)
        return response

    return delete_certificate


def change_records(original: Function, _: Parts) -> Function:
    def change_resource_record_sets(zone_id: str, body: bytes) -> Any:
        response = original(zone_id, body)
        _issue_what_is_proven()
        return response

    return change_resource_record_sets


def _issue_what_is_proven() -> None:
    """Issue each certificate all of whose names have their record: some minutes later on AWS, where no zone has to be
    in Route 53."""
    values = {
        (record["Name"], value.removesuffix("."))
        for records in route53._records._data.values()
        for record in records
        if record["Type"] == "CNAME"
        for value in record.get("ResourceRecords", [])
    }
    for _, certificate in acm._certificates.all_items():
        if certificate["Status"] != PENDING:
            continue
        for option in certificate["DomainValidationOptions"]:
            record = option["ResourceRecord"]
            if (record["Name"], record["Value"].removesuffix(".")) in values:
                option["ValidationStatus"] = "SUCCESS"
        if all(option["ValidationStatus"] == "SUCCESS" for option in certificate["DomainValidationOptions"]):
            certificate["Status"] = ISSUED
