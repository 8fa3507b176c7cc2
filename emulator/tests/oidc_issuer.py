"""An identity provider of the tests: signs the tokens that GitHub would give a workflow."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.crypt import RSASigner

from emulator.tests.google_apis import ACCOUNTS, CREDENTIALS, Google
from emulator.tests.stack import Json

GITHUB = "https://token.actions.githubusercontent.com"


class Issuer:
    """Has a key, and says that it is GitHub."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._signer = RSASigner.from_string(pem, key_id="test")
        numbers = key.public_key().public_numbers()
        public = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "test"}
        self.jwks = json.dumps({"keys": [public | {"n": _base64(numbers.n), "e": _base64(numbers.e)}]})

    def token(self, provider: str, repository: str, environment: str = "", **claims: Any) -> str:
        """A token as a job of a workflow gets it.

        Args:
            provider: the name of the provider that it is for.
            repository: `owner/name`.
            environment: of the job, if it has one.
            claims: more of them, or others.
        """
        subject = f"repo:{repository}:environment:{environment}" if environment else f"repo:{repository}:pull_request"
        now = int(time.time())
        said = {
            "iss": GITHUB,
            "aud": f"https://iam.googleapis.com/{provider}",
            "sub": subject,
            "repository": repository,
        }
        return bytes(jwt.encode(self._signer, said | {"iat": now, "exp": now + 300} | claims)).decode()

    def trusted_by(self, google: Google, provider: str) -> None:
        """Have a provider take this issuer's key for GitHub's own, which the emulator does not fetch."""
        oidc = {"issuerUri": GITHUB, "jwksJson": self.jwks}
        google.call("PATCH", f"{ACCOUNTS}/{provider}", {"oidc": oidc}, updateMask="oidc")


def make_provider(google: Google, pool: str, repository: str = "my-organization/my-repository") -> str:
    """Make a pool with a provider for the workflows of a repository; the provider's name."""
    pools = f"{ACCOUNTS}/projects/{google.project}/locations/global/workloadIdentityPools"
    google.call("POST", pools, {}, workloadIdentityPoolId=pool)
    provider = {
        "attributeMapping": {"google.subject": "assertion.sub"},
        "attributeCondition": f"assertion.repository == '{repository}'",
        "oidc": {"issuerUri": GITHUB},
    }
    made = google.call("POST", f"{pools}/{pool}/providers", provider, workloadIdentityPoolProviderId="github")
    return str(made["response"]["name"])


def write_configuration(google: Google, folder: Path, provider: str, token: str, account: str = "") -> Path:
    """The file of credentials that google-github-actions/auth writes for a workflow ("external_account").

    Args:
        google: the project.
        folder: for it, and for the token.
        provider: the name of the provider.
        token: the workflow's.
        account: e-mail address of the account that it acts as, if any.
    """
    (folder / "oidc-token").write_text(token)
    content: Json = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{provider}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{google.cloud.google_url}/sts/v1/token",
        "credential_source": {"file": str(folder / "oidc-token")},
    }
    if account:
        address = f"{google.cloud.google_url}{CREDENTIALS}/{account}:generateAccessToken"
        content["service_account_impersonation_url"] = address
    file = folder / "external-account.json"
    file.write_text(json.dumps(content))
    return file


def _base64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
