"""An image's tag: the same for the same content, another for any other."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from plugins.plugin_utils.image_source import EPOCH, ImageSource, SourceError, base_digest

BASE = "python:3.11-slim-bookworm"


@pytest.fixture(scope="module")
def engine() -> Any:
    return docker.from_env()


@pytest.fixture
def source(tmp_path: Path) -> ImageSource:
    folder = tmp_path / "app"
    (folder / "static").mkdir(parents=True)
    (folder / "app.py").write_text("one")
    (folder / "static" / "dist.js").write_text("one")
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . .\n")
    return ImageSource(folder, folder / "Dockerfile", {"VERSION": "1"}, "linux/amd64")


def members(source: ImageSource) -> dict[str, tarfile.TarInfo]:
    """What the engine is sent."""
    output = io.BytesIO()
    source.write_context(output.write)
    output.seek(0)
    return {entry.name: entry for entry in tarfile.open(fileobj=output, errors="surrogateescape")}


@pytest.mark.engine
def test_tag_is_a_tag_and_another_checkout_has_the_same(source: ImageSource, engine: Any, tmp_path: Path) -> None:
    tag = source.tag(engine)
    assert len(tag) == 32
    assert int(tag, 16)
    other = tmp_path / "elsewhere" / "checkout"
    # Without times; a copy has other inodes and another order in its folder.
    shutil.copytree(source.context, other, copy_function=shutil.copyfile)
    for path in [other, *other.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    (other / "app.py").unlink()
    os.link(other / "static" / "dist.js", other / "app.py")
    assert ImageSource(other, other / "Dockerfile", source.arguments, source.platform).tag(engine) == tag


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app.py").write_text("two"),
        lambda folder: (folder / "static" / "dist.js").write_text("two"),
        lambda folder: (folder / "app.py").chmod(0o755),
        lambda folder: (folder / "app.py").rename(folder / "main.py"),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: (folder / "link").symlink_to("app.py"),
        lambda folder: (folder / "Dockerfile").write_text("FROM scratch\nCOPY . .\n"),
        lambda folder: (folder / ".dockerignore").write_text("static"),
    ],
)
@pytest.mark.engine
def test_whatever_the_build_sees_changes_the_tag(source: ImageSource, engine: Any, change: Any) -> None:
    before = source.tag(engine)
    change(source.context)
    assert source.tag(engine) != before


@pytest.mark.engine
def test_arguments_version_and_platform_change_the_tag(source: ImageSource, engine: Any) -> None:
    others = [
        replace(source, arguments={"VERSION": "2"}),
        replace(source, arguments={"VERSION": "1", "WSGI_APP": "nosuch:app"}),
        replace(source, platform="linux/arm64"),
    ]
    assert len({one.tag(engine) for one in [source, *others]}) == 4


@pytest.mark.engine
def test_added_files_change_the_tag_by_what_they_hold(source: ImageSource, engine: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    one.write_text("authority")
    two.write_text("authority")
    tag = replace(source, added={"/ca.pem": one}).tag(engine)
    assert tag != source.tag(engine)
    assert tag == replace(source, added={"/ca.pem": two}).tag(engine)
    assert tag != replace(source, added={"/other.pem": one}).tag(engine)
    two.write_text("another")
    assert tag != replace(source, added={"/ca.pem": two}).tag(engine)
    with pytest.raises(SourceError, match=f"{tmp_path / 'no.pem'}, which the image is to have, cannot be read"):
        replace(source, added={"/ca.pem": tmp_path / "no.pem"}).tag(engine)


@pytest.mark.engine
def test_base_image_changes_the_tag_and_its_name_does_not_matter(source: ImageSource, engine: Any) -> None:
    source = replace(source, dockerfile=source.context.parent / "Dockerfile")
    source.dockerfile.write_text("ARG BASE\nFROM ${BASE}\n")
    image, name = engine.images.get(BASE), "slipway-unit-test"
    try:
        image.tag(name, "base")
        before = replace(source, arguments={"BASE": f"{name}:base"}).tag(engine)
        other, _ = engine.images.build(fileobj=io.BytesIO(f"FROM {BASE}\nLABEL other=1\n".encode()), tag=f"{name}:base")
        assert other.id != image.id
        assert replace(source, arguments={"BASE": f"{name}:base"}).tag(engine) != before
    finally:
        engine.images.remove(f"{name}:base")


@pytest.mark.engine
def test_base_image_that_is_nowhere_is_an_error(engine: Any) -> None:
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:9/nowhere is neither on this machine nor to be had"):
        base_digest(engine, "127.0.0.1:9/nowhere")
    assert base_digest(engine, f"127.0.0.1:9/nowhere@sha256:{'1' * 64}") == f"sha256:{'1' * 64}"


@pytest.mark.engine
def test_what_dockerignore_names_stays_out(source: ImageSource, engine: Any) -> None:
    (source.context / ".dockerignore").write_text("# a comment\nstatic\n!static/keep.js\n\n*.log\n")
    (source.context / "static" / "keep.js").write_text("kept")
    tag = source.tag(engine)
    (source.context / "static" / "dist.js").write_text("two")
    (source.context / "run.log").write_text("two")
    (source.context / ".git").mkdir()
    (source.context / ".git" / "index").write_text("two")
    assert source.tag(engine) == tag
    assert set(source.files()) == {"Dockerfile", "app.py", "static/keep.js"}
    (source.context / ".dockerignore").write_text("!.git\n")
    assert ".git/index" in source.files()


def test_dockerignore_of_the_dockerfile_goes_first(source: ImageSource) -> None:
    (source.context / ".dockerignore").write_text("app.py\n")
    (source.context / "Dockerfile.dockerignore").write_text("static\nDockerfile*\n")
    assert source.files() == ["app.py"]
    # The engine has it all the same, under another name.
    assert {".dockerignore", ".slipway.Dockerfile"} < members(source).keys()


@pytest.mark.engine
def test_files_of_any_name_go_into_the_build(source: ImageSource, engine: Any) -> None:
    names = [b"with\nnewline", b"latin-\xe9", "ünïcode".encode(), b"-x", b"n" * 200]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(source.context), name))).write_text("x")  # noqa: PTH118 (bytes)
    assert {os.fsencode(name) for name in members(source)} >= set(names)
    assert source.tag(engine)


def test_owners_times_and_umask_are_not_sent(source: ImageSource) -> None:
    (source.context / "run").write_text("#!/bin/sh")
    (source.context / "run").chmod(0o700)
    (source.context / "app.py").chmod(0o600)
    sent = members(source)
    assert {entry.mtime for entry in sent.values()} == {EPOCH}
    assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in sent.values()} == {(0, 0, "", "")}
    assert [oct(sent[name].mode) for name in ("app.py", "run", "static")] == ["0o644", "0o755", "0o755"]


def test_links_are_sent_as_links(source: ImageSource) -> None:
    (source.context / "nowhere").symlink_to("/nowhere")
    (source.context / "folder").symlink_to("static")
    sent = members(source)
    assert (sent["nowhere"].linkname, sent["folder"].linkname) == ("/nowhere", "static")
    assert "folder/dist.js" not in sent


@pytest.mark.parametrize("name", ["app.py", "static"])
def test_unreadable_file_is_named(source: ImageSource, name: str) -> None:
    (source.context / name).chmod(0)
    for folder in [source.context, *list(source.context.parents)[:-2]]:
        folder.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        # Nothing is unreadable for root.
        os.seteuid(65534)
    try:
        with pytest.raises(SourceError, match=rf"app/{name} cannot be read: Permission denied. .* \.dockerignore"):
            source.write_context(io.BytesIO().write)
    finally:
        os.seteuid(user)
        (source.context / name).chmod(0o755)


@pytest.mark.parametrize(
    ("text", "arguments", "images"),
    [
        ("FROM a", {}, ["a"]),
        ("FROM scratch\nCOPY . .", {}, []),
        ("from --platform=linux/amd64 a:1 as Build\nFROM build\nCOPY --from=build /x /x", {}, ["a:1"]),
        ("FROM a\nCOPY --chown=1 --from=b:2 /x /x\nFROM a\nCOPY --from=0 /x /x", {}, ["a", "b:2"]),
        ("ARG X=a\nARG Y=${X}:1\nFROM $Y", {}, ["a:1"]),
        ('ARG X="a"\nFROM ${X}', {"X": "b"}, ["b"]),
        ("ARG X\nFROM ${X:-a}:${T:-1}${X:+x}", {}, ["a:1"]),
        ("ARG X\nFROM ${X:-a}${X:+x}", {"X": "b"}, ["bx"]),
        ("# FROM x\nFROM \\\n  # a comment\n  a \\\n  AS b", {}, ["a"]),
        ("# escape=`\nFROM `\n  a", {}, ["a"]),
        ("FROM a\nARG X=1\nRUN echo \\\n FROM b", {}, ["a"]),
    ],
)
def test_base_images(source: ImageSource, text: str, arguments: dict[str, str], images: list[str]) -> None:
    source.dockerfile.write_text(text)
    assert replace(source, arguments=arguments).base_images() == images


def test_from_without_an_image_is_an_error(source: ImageSource) -> None:
    source.dockerfile.write_text("ARG X\nFROM ${X}")
    with pytest.raises(SourceError, match=r"FROM \$\{X\} in .*Dockerfile names no image\. Give the ARG"):
        source.base_images()
