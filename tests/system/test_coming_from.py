"""docs/coming-from-*.md: each right-hand side can be written where its heading says."""

import glob
import os
import re

import pytest
import yaml

from test_schema import ABOUT_FILES, ROOT, check, whole
from tidegate import release_binary

PLACES = {"the file": "file", "a site": "site", "a route": "route", "a backend": "backend", "a listener": "listener"}
NAMED = [{"name": name, "servers": ["127.0.0.1:1"]} for name in ("app", "api", "new", "static")]


def rows():
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "coming-from-*.md"))):
        place = None
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("## "):
                    place = PLACES.get(line[3:].strip().removeprefix("Of "))
                cells = re.split(r"(?<!\\)\|", line.rstrip("\n"))
                if place is None or len(cells) < 4 or "---" in cells[1] or "`" not in cells[2]:
                    continue
                texts = re.findall(r"`([^`]+)`", cells[2])
                yield pytest.param(place, texts[0].replace(r"\|", "|"), id=f"{os.path.basename(path)}:{number}")


@pytest.mark.parametrize("place, text", rows())
def test_what_it_is_here_can_be_written(folder, place, text):
    part = yaml.safe_load(text)
    if place == "backend":
        part = {"name": "one", **part}
    config = whole(place, part)
    if place == "site" and "passthrough" not in part and "sites" in config and "tcp" in part:
        config["sites"][0].setdefault("tls", {"certificate": "a.crt", "key": "a.key"})
    text = yaml.safe_dump(config)
    known = {backend["name"] for backend in config.get("backends", [])}
    config["backends"] = config.get("backends", []) + [
        backend for backend in NAMED if backend["name"] not in known and re.search(rf"\b{backend['name']}\b", text)]
    if not config["backends"]:
        del config["backends"]
    if "{client." in text:
        config["sites"][0]["tls"] = {"certificate": "a.crt", "key": "a.key", "clients": {"verify": "optional", "ca": "a.pem"}}
    done = check(folder, config, release_binary())
    errors = re.findall(r"error: (.*)", done.stderr)
    assert [error for error in errors if not ABOUT_FILES.search(error)] == [], done.stderr


def test_there_are_rows_for_each_place():
    places = [row.values[0] for row in rows()]
    assert all(places.count(place) > 20 for place in ("file", "site", "route", "backend"))
