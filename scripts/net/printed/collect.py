"""What findings tell people to type, from all captures: one JSON object, written for run.py.

usage: collect.py FIRESTORM CAPTURES

Of lines that differ in addresses and numbers alone, each code has the first. The lines of one step of a remedy stay together:
they may build on each other.
"""
import glob
import json
import os
import re
import subprocess
import sys


def shape(line):
    """A line without what differs from capture to capture."""
    line = re.sub(r"\b[0-9a-f]{2}([:-][0-9a-f]{2}){5}\b|\b[0-9a-f]{4}(\.[0-9a-f]{4}){2}\b", "MAC", line)
    line = re.sub(r"\b(fd00|fe80|2001)[0-9a-f:]*:[0-9a-f:]*", "V6", line)
    line = re.sub(r"\d+(\.\d+){3}", "V4", line)
    line = re.sub(r"[\w-]+(\.[\w-]+)*\.example\b", "NAME", line)
    return re.sub(r"\d+", "N", line)


def main():
    firestorm, captures = sys.argv[1:]
    seen, groups, codes, read = set(), [], set(), 0
    for origin in sorted(glob.glob(os.path.join(captures, "*", "origin.json"))):
        folder = os.path.dirname(origin)
        with open(origin) as f:
            files = [v["file"] for v in json.load(f)["vantages"]]
        # All vantages together: some findings need both sides.
        got = subprocess.run([firestorm, "read", "--json", "--min-confidence", "cannot-tell", "--progress", "never", *files],
                             cwd=folder, capture_output=True, text=True)
        if got.returncode != 0 and got.returncode != 3:
            sys.exit(f"{folder}: {got.stderr}")
        read += 1
        for text in got.stdout.splitlines():
            f = json.loads(text)
            if f.get("type") != "finding":
                continue
            codes.add(f["code"])
            steps = []
            if f.get("check", {}).get("command"):
                steps.append([("check", f["check"]["command"])])
            for part in f.get("remedy") or []:
                for s in part["steps"]:
                    if s["run"]:
                        steps.append([(r.get("on") or "", r["line"]) for r in s["run"]])
            for step in steps:
                if all((f["code"], on, shape(line)) in seen for on, line in step):
                    continue
                seen.update((f["code"], on, shape(line)) for on, line in step)
                groups.append({"code": f["code"], "capture": os.path.basename(folder), "lines": step})
    if not groups:
        sys.exit("no finding prints a command")
    json.dump({"captures": read, "codes": sorted(codes), "groups": groups}, sys.stdout)


main()
