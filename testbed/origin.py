#!/usr/bin/env python3
"""Writes origin.json into a capture folder: where its files come from.

Called by lab_finish of lib.sh only. The script's hash lets check-manifest find
captures that are older than the script that claims to have made them.
"""
import hashlib
import json
import os
import sys

folder, name, script, synthetic, date, shows, findings, vantages = sys.argv[1:9]


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


origin = {
    "name": name,
    "script": "testbed/situations/" + os.path.basename(script),
    "script_sha256": sha256(script),
    "synthetic": synthetic == "true",
    "shows": shows,
    "findings": [dict(zip(("code", "role"), line.split())) for line in findings.splitlines()],
    "vantages": [dict(zip(("file", "where"), line.split("|", 1))) for line in vantages.splitlines()],
    "files": {f: sha256(os.path.join(folder, f)) for f in sorted(os.listdir(folder)) if f != "origin.json"},
    "date": date,
}
for v in origin["vantages"]:
    if v["file"] not in origin["files"]:
        sys.exit("origin: vantage names %s, which was not made" % v["file"])
with open(os.path.join(folder, "origin.json"), "w") as f:
    json.dump(origin, f, indent=2)
    f.write("\n")
