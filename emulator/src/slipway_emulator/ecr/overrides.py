"""What of MiniStack is replaced for Amazon ECR."""

from slipway_emulator.ecr import registry, repositories
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "services.ecr",
        "_repo_uri",
        "8f151a7794ee2a59",
        "gives addresses under amazonaws.com, which the engine does not reach",
        repositories.repository_uri,
    ),
    Override(
        "services.ecr",
        "_get_authorization_token",
        "7d8c6bd460639353",
        "gives everybody one password, and a proxy endpoint under amazonaws.com",
        registry.authorization_token,
    ),
    Override(
        "services.ecr",
        "handle_registry_request",
        "d241d6b5e4393055",
        "lets anybody push and pull",
        registry.handle_request,
    ),
    Override(
        "services.ecr",
        "_delete_repository",
        "e6985e65b7ab0389",
        "keeps the images of a deleted repository for the next one of its name",
        repositories.delete_repository,
    ),
)
