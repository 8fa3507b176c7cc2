"""The certificate authority of the emulator: what AWS Certificate Manager is in AWS."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

COMMON_NAME = "Slipway rehearsal authority"

# The folders where Debian and Red Hat look for added authorities, and the command that reads them.
TRUST_STORES = (
    (Path("/usr/local/share/ca-certificates"), "update-ca-certificates"),
    (Path("/etc/pki/ca-trust/source/anchors"), "update-ca-trust"),
)


class TrustError(Exception):
    """The machine does not trust the authority and this process may not change that."""


class Authority:
    """A certificate authority kept in a folder that only its owner can read.

    Args:
        directory: folder of `ca.pem` and `ca.key`; both are made on first use.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificate_file = directory / "ca.pem"
        self._key_file = directory / "ca.key"
        self._contexts: dict[str, ssl.SSLContext] = {}
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone_in(directory):
            if not (self.certificate_file.exists() and self._key_file.exists()):
                self._create()
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._key_file} does not hold an elliptic curve key; remove {directory}")
        self._key = key

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_key_usage(certificate_signing=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._key_file, _private_pem(key), 0o600)
        _write(self.certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def server_context(self, name: str) -> ssl.SSLContext:
        """A TLS server context for one DNS name, TLS 1.2 or newer, signed by this authority.

        Args:
            name: the DNS name a client asks for.

        Returns:
            The same context for the same name, for as long as this process lives.
        """
        if name not in self._contexts:
            key = ec.generate_private_key(ec.SECP256R1())
            now = datetime.datetime.now(datetime.UTC)
            certificate = (
                x509.CertificateBuilder()
                .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
                .issuer_name(self._certificate.subject)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(hours=1))
                # ACM certificates are valid for 395 days ("Managed certificate renewal").
                .not_valid_after(now + datetime.timedelta(days=395))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
                )
                .add_extension(_key_usage(certificate_signing=False), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .sign(self._key, hashes.SHA256())
            )
            chain = self.directory / f"server-{os.getpid()}.pem"
            _write(chain, _private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM), 0o600)
            try:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                context.set_alpn_protocols(["h2", "http/1.1"])
                context.load_cert_chain(chain)
            finally:
                chain.unlink()
            self._contexts[name] = context
        return self._contexts[name]

    def is_trusted(self) -> bool:
        """Whether a TLS client of this machine with default settings accepts this authority."""
        wanted = self._certificate.public_bytes(serialization.Encoding.DER)
        return wanted in ssl.create_default_context().get_ca_certs(binary_form=True)

    def trust(self) -> bool:
        """Add the authority to the machine's trust store.

        Returns:
            Whether something was changed.

        Raises:
            TrustError: no known trust store, or not allowed to write it; names the commands to run.
        """
        if self.is_trusted():
            return False
        for folder, command in TRUST_STORES:
            if not folder.is_dir():
                continue
            # Each user of the machine has one of their own.
            target = folder / f"slipway-rehearsal-{self._certificate.fingerprint(hashes.SHA256()).hex()[:8]}.crt"
            if not os.access(folder, os.W_OK):
                raise TrustError(
                    "the machine does not trust the rehearsal's certificates yet. Run: "
                    f"sudo cp {self.certificate_file} {target} && sudo {command}"
                )
            # Of two emulators that start at once, one command would fail.
            with _alone_in(folder):
                if self.is_trusted():
                    return False
                _write(target, self.certificate_file.read_bytes(), 0o644)
                try:
                    subprocess.run([command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                except (OSError, subprocess.CalledProcessError) as error:
                    raise TrustError(f"{target} was written, but {command} failed: {error}") from None
            if not self.is_trusted():
                raise TrustError(
                    f"{target} was written and {command} ran, but Python still does not trust it: "
                    "does SSL_CERT_FILE or SSL_CERT_DIR name another trust store?"
                )
            return True
        folders = " or ".join(str(folder) for folder, _ in TRUST_STORES)
        raise TrustError(
            f"no trust store found ({folders}). Install the package ca-certificates, or add "
            f"{self.certificate_file} to the machine's trusted authorities by hand"
        )


def _key_usage(*, certificate_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificate_signing,
        key_cert_sign=certificate_signing,
        crl_sign=certificate_signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process of this machine is here, and keep others out."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
