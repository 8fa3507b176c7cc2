"""The authorities of Amazon RDS that this collection brings along."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509

from plugins.filter.rds_ca import rds_ca_file

FILES = sorted(Path(rds_ca_file("us-east-1")).parent.glob("*.pem"))


def test_regions_of_the_inventories_have_a_file() -> None:
    assert Path(rds_ca_file("us-east-1")) in FILES
    assert len(FILES) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_holds_the_roots_of_its_region(file: Path) -> None:
    """One for each kind of key that RDS has ("Certificate authorities", Amazon RDS user guide)."""
    now = datetime.datetime.now(datetime.UTC)
    names = set()
    for certificate in x509.load_pem_x509_certificates(file.read_bytes()):
        if certificate.subject == certificate.issuer and certificate.not_valid_after_utc > now:
            certificate.verify_directly_issued_by(certificate)
            (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            names.add(name.value)
    assert names == {f"Amazon RDS {file.stem} Root CA {key} G1" for key in ("RSA2048", "RSA4096", "ECC384")}
