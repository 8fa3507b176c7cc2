# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A drawing of what Terraform layers consist of. Graphviz lays it out, in this process (pygraphviz)."""

from __future__ import annotations

import html
import re
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import MissingLibraryError

Json = dict[str, Any]

# What is drawn, and what it is called; other resources are the small print of these.
DRAWN_TYPES = {
    "aws_apprunner_service": "service",
    "aws_autoscaling_group": "instances",
    "aws_db_instance": "database",
    "aws_ecr_repository": "images",
    "aws_ecs_service": "service",
    "aws_internet_gateway": "internet gateway",
    "aws_lb": "load balancer",
    "aws_nat_gateway": "NAT gateway",
    "aws_s3_bucket": "bucket",
    "aws_scheduler_schedule": "schedule",
    "aws_secretsmanager_secret": "secret",
    "aws_subnet": "subnet",
    "aws_vpc": "VPC",
    "google_artifact_registry_repository": "images",
    "google_cloud_run_v2_service": "service",
    "google_cloud_run_v2_worker_pool": "worker pool",
    "google_cloud_scheduler_job": "schedule",
    "google_compute_network": "VPC",
    "google_compute_subnetwork": "subnet",
    "google_secret_manager_secret": "secret",
    "google_sql_database_instance": "database",
}
_POINTS_OF_A_LETTER = 7
_POINTS_OF_AN_INCH = 72


def draw(identity: str, layers: list[Json], elsewhere: dict[str, str]) -> str:
    """A drawing in SVG, to be part of a page in HTML: a box for each layer, with its main resources.

    An arrow leads from a resource to what it needs, and from a layer to one whose outputs it takes. What follows from
    other arrows has none.

    Args:
        identity: what the identifiers of its elements begin with; another one for each drawing of a page.
        layers: `name`, `resources` and `upstream` of each, as the module state_resources_info returns them.
        elsewhere: what layers are called that `upstream` names and others have, by layer.

    Raises:
        MissingLibraryError: pygraphviz is not installed.
    """
    try:
        import pygraphviz
    except ImportError:
        raise MissingLibraryError("pygraphviz") from None
    graph = pygraphviz.AGraph(
        directed=True, compound=True, id=identity, bgcolor="transparent", ranksep=0.35, nodesep=0.15
    )
    graph.node_attr.update(shape="box", style="rounded", fontsize=12, fontname="Helvetica", height=0.45, fixedsize=True)
    graph.edge_attr.update(arrowsize=0.6)
    nodes: dict[str, list[str]] = {}
    for number, layer in enumerate(layers):
        main = {item["address"]: item for item in layer["resources"] if item["type"] in DRAWN_TYPES}
        names = {address: f"{number}.{address}" for address in main}
        for address, item in main.items():
            _add_node(graph, names[address], _words(item))
        arrows = _next({one: [it for it in item["needs"] if it in main] for one, item in main.items()})
        for address, needed in arrows:
            graph.add_edge(names[address], names[needed])
        if not main:
            names[""] = f"{number}."
            _add_node(graph, names[""], [f"{sum(item['instances'] for item in layer['resources'])} resources"])
        # Those that nothing needs come first, which is where they are drawn.
        nodes[layer["name"]] = sorted(names.values(), key=[names[needed] for _, needed in arrows].count)
        _add_box(graph, identity, layer["name"], nodes[layer["name"]])
    upstream = {layer["name"]: layer["upstream"] for layer in layers}
    for name in sorted({name for names in upstream.values() for name in names} - nodes.keys()):
        if name in elsewhere:
            nodes[name] = [f"elsewhere.{name}"]
            _add_node(graph, nodes[name][0], [elsewhere[name]])
            _add_box(graph, identity, name, nodes[name])
    for name, needed in _next(upstream):
        if needed in nodes:
            # An arrow is drawn from node to node and cut at the boxes: from the lowest to the highest.
            tail, head = nodes[name][-1], nodes[needed][0]
            graph.add_edge(tail, head, ltail=f"cluster_{name}", lhead=f"cluster_{needed}")
    return _embeddable(graph.draw(format="svg_inline", prog="dot").decode())


def _next(needs: dict[str, list[str]]) -> list[tuple[str, str]]:
    """The arrows that do not follow from others: to what is needed, but not to what that needs.

    Args:
        needs: what each needs, also by way of others.
    """
    return [
        (one, needed)
        for one, all_needed in needs.items()
        for needed in all_needed
        if not any(needed in needs.get(other, []) for other in all_needed)
    ]


def _words(item: Json) -> list[str]:
    """What is written on a resource: what it is, how many there are, and its name if it says anything."""
    count = f" \N{MULTIPLICATION SIGN} {item['instances']}" if item["instances"] > 1 else ""
    words = [DRAWN_TYPES[item["type"]] + count]
    return words if item["name"] == "this" else [*words, item["name"].replace("_", " ")]


def _add_node(graph: Any, name: str, lines: list[str]) -> None:
    # Widths are computed here: Graphviz would measure with fonts, and a machine may have none.
    width = (max(map(len, lines)) * _POINTS_OF_A_LETTER + 16) / _POINTS_OF_AN_INCH
    label = r"\n".join(_literal(line) for line in lines)
    graph.add_node(name, label=label, width=round(width, 2))


def _add_box(graph: Any, identity: str, layer: str, nodes: list[str]) -> None:
    box = f"cluster_{layer}"
    graph.add_subgraph(
        nodes, name=box, label=_literal(layer), id=f"{identity}_{layer}", style="rounded", labeljust="l", fontsize=12
    )


def _literal(text: str) -> str:
    """Text for a label, in which Graphviz reads entities and backslashes."""
    return html.escape(text, quote=False).replace("\\", "\\\\")


def _embeddable(svg: str) -> str:
    """A drawing of Graphviz without what a page has no use for: comments, and titles that repeat names of nodes."""
    svg = re.sub(r"<!--.*?-->|<title>.*?</title>|<\?xml.*?\?>|<!DOCTYPE.*?>", "", svg, flags=re.DOTALL)
    svg = svg.replace(' xml:space="preserve"', "").replace("<svg ", '<svg role="img" aria-label="drawing" ', 1)
    return re.sub(r"\n+", "\n", svg).strip()
