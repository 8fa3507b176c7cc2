"""The process Terraform starts: go-plugin's handshake, and the services it expects.

See hashicorp/go-plugin, "Writing Plugins Without Go". The generated gRPC code is that of the package `tf`; its own
runner serves its own resource classes only.
"""

from __future__ import annotations

import base64
import datetime
import os
import tempfile
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc, tfplugin_pb2_grpc

from slipway_emulator.google_provider import ephemeral
from slipway_emulator.google_provider.servicer import Servicer

_COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
_CORE_PROTOCOL, _TERRAFORM_PROTOCOL = 1, 6
_WORKERS = 10


class NotStartedByTerraformError(Exception):
    """Somebody ran the plugin by hand."""


def serve(provider: Servicer) -> None:
    """Answer Terraform until it says to stop.

    Args:
        provider: a servicer of Terraform's plugin protocol 6.

    Raises:
        NotStartedByTerraformError: Terraform's mark is missing from the environment.
    """
    if os.environ.get(_COOKIE[0]) != _COOKIE[1]:
        raise NotStartedByTerraformError("this is a plugin: Terraform starts it, by itself it does nothing")
    server = grpc.server(
        futures.ThreadPoolExecutor(_WORKERS),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    stopping = threading.Event()
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(provider, server)
    ephemeral.serve(server, lambda: provider.configuration)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(_Controller(stopping), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(_Stdio(), server)
    with tempfile.TemporaryDirectory(prefix="provider-") as directory:
        socket = Path(directory) / "socket"
        certificate, credentials = _identity()
        server.add_secure_port(f"unix://{socket}", credentials)
        server.start()
        encoded = base64.b64encode(certificate).decode().rstrip("=")
        # go-plugin reads this line, and nothing after it.
        os.write(1, f"{_CORE_PROTOCOL}|{_TERRAFORM_PROTOCOL}|unix|{socket}|grpc|{encoded}\n".encode())
        stopping.wait()
        server.stop(grace=1).wait()


class _Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):
    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def Shutdown(self, request: Any, context: Any) -> Any:
        context.add_callback(self._stopping.set)
        return grpc_controller_pb2.Empty()


class _Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):
    def StreamStdio(self, request: Any, context: Any) -> Any:
        return iter(())


def _identity() -> tuple[bytes, Any]:
    """A certificate of this process alone, as DER, and the server's credentials.

    Terraform's own certificate is not asked for: its key is on P-521, which gRPC's TLS library does not accept. The
    socket is in a folder that only this user can enter.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pair = (private, certificate.public_bytes(serialization.Encoding.PEM))
    credentials = grpc.ssl_server_credentials([pair])
    return certificate.public_bytes(serialization.Encoding.DER), credentials
