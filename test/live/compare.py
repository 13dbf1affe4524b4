#!/usr/bin/env python3
"""compare.py FIRESTORM CAPTURES SAID: what watch said (SAID/NAME-FILE.said) against what read says of CAPTURES/NAME/FILE.pcap.

A finding is the same when code, parties, confidence and count are. Exit status 1: something differs, or came too late.
"""
import datetime
import glob
import json
import os
import subprocess
import sys

LATEST = 10.0  # seconds after a finding could be decided

firestorm, captures, said = sys.argv[1:]


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def what(f):
    parties = sorted((s.get("role", ""), s.get("addr", ""), s.get("port", 0)) for s in f.get("subjects", []))
    return json.dumps([f["code"], parties, f["confidence"], f["count"]])


settle = {}


def held(code):
    if code not in settle:
        out = subprocess.run([firestorm, "explain", code, "--json"], capture_output=True, text=True, check=True).stdout
        settle[code] = json.loads(out).get("settle_s", 0)
    return settle[code]


bad = False
for name in sorted(os.listdir(captures)):
    for pcap in sorted(glob.glob(os.path.join(captures, name, "*.pcap"))):
        log = os.path.join(said, f"{name}-{os.path.basename(pcap)[:-5]}.said")
        if not os.path.exists(log):
            continue
        out = subprocess.run([firestorm, "read", "--json", pcap], capture_output=True, text=True).stdout
        read = [json.loads(x) for x in out.splitlines()]
        read = {f["id"]: f for f in read if "code" in f}
        live, first, summary = {}, {}, {}
        for line in open(log):
            at, text = line.split(" ", 1)
            f = json.loads(text)
            if "code" not in f:
                summary = f
                continue
            live[f["id"]] = f
            first.setdefault(f["id"], (float(at), f))
        live = {k: f for k, f in live.items() if f["state"] != "absorbed"}
        a, b = sorted(map(what, read.values())), sorted(map(what, live.values()))
        late = []
        for k, f in live.items():
            at, g = first[k]
            late.append(at - when(g["last"]) - held(f["code"]))
        worst = max(late, default=0)
        ok = a == b and worst <= LATEST
        bad = bad or not ok
        lost = summary.get("capture", {}).get("dropped")
        print(f"{name:24} {os.path.basename(pcap):14} read {len(a)}, watch {len(b)}, {'the same' if a == b else 'DIFFERENT'}; "
              f"latest {worst:.1f} s after it could be decided; {summary.get('packets')} packets, {lost} dropped; "
              + ", ".join(sorted({f['code'] for f in live.values() if f['confidence'] in ('likely', 'certain')})))
        if a != b:
            for x in a:
                if x not in b:
                    print("    read alone: ", x)
            for x in b:
                if x not in a:
                    print("    watch alone:", x)
sys.exit(1 if bad else 0)
