"""The schema as it is read from the bindings: small modules in their language, and the whole as it was published."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from slipway_emulator.google_provider.bindings import UnreadableError, read_sources, read_wheel
from slipway_emulator.google_provider.schema import Attribute, Block, StoredSchema, write

# As CDK Terrain generates a resource; what does not bear on the schema is left out.
RESOURCE = """
export interface ThingConfig extends cdktn.TerraformMetaArguments {
  /**
  * What it does. Default value: "KEEP" Possible values: ["KEEP", "DELETE"]
  *
  * Docs at Terraform Registry: {@link https://example.org/docs/resources/thing#action Thing#action}
  */
  readonly action?: string;
  /**
  * Its name. Conflicts with name_prefix.
  *
  * Docs at Terraform Registry: {@link https://example.org/docs/resources/thing#name Thing#name}
  */
  readonly name: string;
  /**
  * rule block
  *
  * Docs at Terraform Registry: {@link https://example.org/docs/resources/thing#rule Thing#rule}
  */
  readonly rule?: ThingRule[] | cdktn.IResolvable;
}
export interface ThingRule {
  /**
  * Only one of days and hours may be set. Conflicts with somethingElse.
  *
  * Docs at Terraform Registry: {@link https://example.org/docs/resources/thing#days Thing#days}
  */
  readonly days?: number;
}

export function thingRuleToHclTerraform(struct?: ThingRule | cdktn.IResolvable): any {
  const attrs = {
    days: {
      value: cdktn.numberToHclTerraform(struct!.days),
      isBlock: false,
      type: "simple",
      storageClassType: "number",
    },
    hours: {
      value: cdktn.listMapperHcl(cdktn.numberToHclTerraform, false)(struct!.hours),
      isBlock: false,
      type: "list",
      storageClassType: "numberList",
    },
  };
}

export function thingTimeoutsToHclTerraform(struct?: ThingTimeouts | cdktn.IResolvable): any {
  const attrs = {
    create: {
      value: cdktn.stringToHclTerraform(struct!.create),
      isBlock: false,
      type: "simple",
      storageClassType: "string",
    },
  };
}

export class ThingStatesOutputReference extends cdktn.ComplexObject {
  // message - computed: true, optional: false, required: false
  public get message() {
    return this.getStringAttribute('message');
  }
  // hours_of_day - computed: true, optional: false, required: false
  public get hoursOfDay() {
    return this.getNumberListAttribute('hours_of_day');
  }
}
export class ThingStatesList extends cdktn.ComplexList {
  public get(index: number): ThingStatesOutputReference {
    return new ThingStatesOutputReference(this.terraformResource, this.terraformAttribute, index, this.wrapsSet);
  }
}
export class ThingRuleOutputReference extends cdktn.ComplexObject {
  // days - computed: false, optional: true, required: false
  private _days?: number;
  public get days() {
    return this.getNumberAttribute('days');
  }
  // hours - computed: true, optional: true, required: false
  private _hours?: number[];
  public get hours() {
    return this.getNumberListAttribute('hours');
  }
}
export class ThingTimeoutsOutputReference extends cdktn.ComplexObject {
  // create - computed: false, optional: true, required: false
  private _create?: string;
}

export class Thing extends cdktn.TerraformResource {
  public static readonly tfResourceType = "google_thing";

  // action - computed: false, optional: true, required: false
  private _action?: string;
  public get action() {
    return this.getStringAttribute('action');
  }

  // labels - computed: true, optional: false, required: false
  private _labels = new cdktn.StringMap(this, "labels");
  public get labels() {
    return this._labels;
  }

  // name - computed: false, optional: false, required: true
  private _name?: string;
  public get name() {
    return this.getStringAttribute('name');
  }

  // name_prefix - computed: true, optional: true, required: false
  private _namePrefix?: string;
  public get namePrefix() {
    return this.getStringAttribute('name_prefix');
  }

  // ready - computed: true, optional: false, required: false
  public get ready() {
    return this.getBooleanAttribute('ready');
  }

  // states - computed: true, optional: false, required: false
  private _states = new ThingStatesList(this, "states", true);
  public get states() {
    return this._states;
  }

  // tags - computed: false, optional: true, required: false
  private _tags?: string[];
  public get tags() {
    return cdktn.Fn.tolist(this.getListAttribute('tags'));
  }

  // urls - computed: true, optional: false, required: false
  public get urls() {
    return cdktn.Fn.tolist(this.getListAttribute('urls'));
  }

  // guard - computed: false, optional: false, required: true
  private _guard = new ThingRuleOutputReference(this, "guard");
  public get guard() {
    return this._guard;
  }

  // rule - computed: false, optional: true, required: false
  private _rule = new ThingRuleList(this, "rule", true);
  public get rule() {
    return this._rule;
  }

  // timeouts - computed: false, optional: true, required: false
  private _timeouts = new ThingTimeoutsOutputReference(this, "timeouts");
  public get timeouts() {
    return this._timeouts;
  }

  // =========
  // SYNTHESIS
  // =========
  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      action: {
        value: cdktn.stringToHclTerraform(this._action),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
      name: {
        value: cdktn.stringToHclTerraform(this._name),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
      name_prefix: {
        value: cdktn.stringToHclTerraform(this._namePrefix),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
      tags: {
        value: cdktn.listMapperHcl(cdktn.stringToHclTerraform, false)(this._tags),
        isBlock: false,
        type: "set",
        storageClassType: "stringList",
      },
      guard: {
        value: thingRuleToHclTerraform(this._guard.internalValue),
        isBlock: true,
        type: "list",
        storageClassType: "ThingRuleList",
      },
      rule: {
        value: cdktn.listMapperHcl(thingRuleToHclTerraform, true)(this._rule.internalValue),
        isBlock: true,
        type: "set",
        storageClassType: "ThingRuleList",
      },
      timeouts: {
        value: thingTimeoutsToHclTerraform(this._timeouts.internalValue),
        isBlock: true,
        type: "struct",
        storageClassType: "ThingTimeouts",
      },
    };
  }
}
"""

PROVIDER = """
export interface GoogleProviderConfig {
}
export interface GoogleProviderBatching {
  /**
  * Docs at Terraform Registry: {@link https://example.org/docs#send_after GoogleProvider#send_after}
  */
  readonly sendAfter: string;
}
export function googleProviderBatchingToHclTerraform(struct?: GoogleProviderBatching | cdktn.IResolvable): any {
  const attrs = {
    send_after: {
      value: cdktn.stringToHclTerraform(struct!.sendAfter),
      isBlock: false,
      type: "simple",
      storageClassType: "string",
    },
  };
}
export class GoogleProvider extends cdktn.TerraformProvider {
  public static readonly tfResourceType = "google";

  // batching - computed: false, optional: true, required: false
  private _batching?: GoogleProviderBatching[] | cdktn.IResolvable;

  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      batching: {
        value: cdktn.listMapperHcl(googleProviderBatchingToHclTerraform, true)(this._batching),
        isBlock: true,
        type: "list",
        storageClassType: "GoogleProviderBatchingList",
      },
    };
  }
}
"""


@pytest.fixture(scope="module")
def thing() -> Block:
    """The resource above."""
    return read_sources({"thing": RESOURCE, "provider": PROVIDER}).resources["google_thing"]


@pytest.mark.parametrize(
    ("name", "of", "required", "optional", "computed"),
    [
        ("action", "string", False, True, False),
        ("labels", ["map", "string"], False, False, True),
        ("name", "string", True, False, False),
        ("name_prefix", "string", False, True, True),
        ("ready", "bool", False, False, True),
        ("states", ["set", ["object", {"message": "string", "hours_of_day": ["list", "number"]}]], False, False, True),
        ("tags", ["set", "string"], False, True, False),
        ("urls", ["set", "string"], False, False, True),
    ],
)
def test_attributes(thing: Block, name: str, of: object, required: bool, optional: bool, computed: bool) -> None:
    attribute = thing.attributes[name]
    assert attribute.type == of
    assert (attribute.required, attribute.optional, attribute.computed) == (required, optional, computed)


@pytest.mark.parametrize(
    ("name", "nesting", "min_items", "max_items"),
    [("guard", "list", 1, 1), ("rule", "set", 0, 0), ("timeouts", "single", 0, 0)],
)
def test_blocks(thing: Block, name: str, nesting: str, min_items: int, max_items: int) -> None:
    nested = thing.blocks[name]
    assert (nested.nesting, nested.min_items, nested.max_items) == (nesting, min_items, max_items)
    assert set(thing.attributes) & set(thing.blocks) == set()


def test_what_only_descriptions_say(thing: Block) -> None:
    assert thing.attributes["action"].choices == ("KEEP", "DELETE")
    assert thing.attributes["action"].default == "KEEP"
    assert thing.attributes["name"].conflicts == ("name_prefix",)
    assert thing.attributes["name_prefix"].conflicts == ("name",)
    rule = thing.blocks["rule"].block
    # Of what is no argument of the block, nothing is made.
    assert rule.attributes["days"].conflicts == ("hours",)


def test_provider_blocks_are_read_from_their_interface() -> None:
    provider = read_sources({"provider": PROVIDER}).provider
    assert provider.blocks["batching"].block.attributes == {"send_after": Attribute("string", required=True)}


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("getBooleanAttribute('ready')", "getAnyAttribute('ready')", "the type of Thing.ready is unknown"),
        ('storageClassType: "stringList"', 'storageClassType: "anyList"', "Thing.tags is written as anyList"),
        ('type: "set",\n        storageClassType: "ThingRuleList"',
         'type: "map",\n        storageClassType: "ThingRuleList"', "the block Thing.rule is nested as map"),
        ("      name_prefix: {", "      other: {", "Thing.name_prefix is an argument that is never written"),
        ("  // action - computed", "  // actions - computed", "Thing.actions is an argument that is never written"),
        ("class ThingStatesOutputReference", "class Other", "there is no class ThingStatesOutputReference"),
        ("export class Thing extends cdktn.TerraformResource", "export class Thing extends cdktn.Construct",
         "Thing extends Construct"),
    ],
)  # fmt: skip
def test_nothing_is_guessed(before: str, after: str, problem: str) -> None:
    assert before in RESOURCE
    with pytest.raises(UnreadableError, match=problem):
        read_sources({"thing": RESOURCE.replace(before, after, 1), "provider": PROVIDER})


def test_bindings_of_another_provider_are_refused() -> None:
    with pytest.raises(UnreadableError, match="not of google"):
        read_sources({"thing": RESOURCE})


def wheel(directory: Path, **files: str) -> Path:
    """A wheel with a jsii assembly of compiled modules; a text is the source of one."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, source in files.items():
            source_map = base64.b64encode(json.dumps({"sourcesContent": [source]}).encode()).decode()
            text = f'"use strict";\n//# sourceMappingURL=data:application/json;base64,{source_map}'.encode()
            member = tarfile.TarInfo(f"package/lib/{name.replace('__', '/')}.js")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    path = directory / "bindings.whl"
    with zipfile.ZipFile(path, "w") as archive_of_all:
        archive_of_all.writestr("bindings/_jsii/provider-google.jsii.tgz", content.getvalue())
    return path


def test_modules_in_several_files_are_put_together(tmp_path: Path) -> None:
    structs, split, top = RESOURCE.partition("export class Thing extends")
    path = wheel(
        tmp_path, provider__index=PROVIDER, **{"thing__index-structs__structs0": structs, "thing__index": split + top}
    )
    assert (
        read_wheel(path).resources["google_thing"]
        == read_sources({"thing": RESOURCE, "provider": PROVIDER}).resources["google_thing"]
    )


def test_wheel_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("something.py", "")
    with pytest.raises(UnreadableError, match="0 jsii assemblies"):
        read_wheel(tmp_path / "other.whl")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    schema = read_sources({"thing": RESOURCE, "provider": PROVIDER})
    write(schema, tmp_path)
    stored = StoredSchema(tmp_path)
    assert stored.resource("google_thing") == schema.resources["google_thing"]
    assert stored.provider() == schema.provider


# The whole, as set-up has made it from the published bindings.


def test_everything_published_is_there(schema: StoredSchema) -> None:
    assert len(schema.response.resource_schemas) == 1344
    assert len(schema.response.data_source_schemas) == 463
    assert len(schema.provider().attributes) == 203
    for name in schema.response.resource_schemas:
        block = schema.resource(name)
        assert block.attributes or block.blocks, name
        assert "id" in block.attributes, name


def test_spot_checks_against_the_providers_documentation(schema: StoredSchema) -> None:
    service = schema.resource("google_cloud_run_v2_service")
    template = service.blocks["template"]
    assert (template.nesting, template.min_items, template.max_items) == ("list", 1, 1)
    containers = template.block.blocks["containers"]
    assert (containers.nesting, containers.min_items, containers.max_items) == ("list", 0, 0)
    assert containers.block.attributes["image"].required
    assert containers.block.blocks["resources"].block.attributes["limits"].type == ["map", "string"]
    assert template.block.blocks["volumes"].block.blocks["cloud_sql_instance"].block.attributes["instances"].type == [
        "set",
        "string",
    ]
    assert service.attributes["uri"].computed
    assert not service.attributes["uri"].optional
    assert service.attributes["ingress"].choices[0] == "INGRESS_TRAFFIC_ALL"
    repository = schema.resource("google_artifact_registry_repository")
    assert repository.blocks["cleanup_policies"].nesting == "set"
    assert repository.attributes["mode"].default == "STANDARD_REPOSITORY"
    cluster = schema.resource("google_container_cluster")
    assert cluster.blocks["addons_config"].block.blocks["dns_cache_config"].max_items == 1
    manager = schema.resource("google_compute_instance_group_manager").blocks["update_policy"].block
    assert manager.attributes["max_surge_fixed"].conflicts == ("max_surge_percent",)
