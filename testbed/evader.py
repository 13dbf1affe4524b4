#!/usr/bin/env python3
"""A client with a TCP of its own, which cuts its request into segments as it is told.

evader.py [--port N] [--fin] ADDRESS PORT SEGMENT...

A SEGMENT is OFFSET:TEXT: TEXT (with \\r and \\n) is sent as the bytes that begin OFFSET bytes behind the
SYN. They go out in the given order, at once. What the server sends is acknowledged; the first line of its
answer and the begin of its body are printed. With --fin the segments at the end of the request carry FIN. IPv4 and IPv6. The kernel must not answer for the port: a filter drops its resets.
"""
import argparse
import socket
import struct
import time

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, default=4100)
p.add_argument("--fin", action="store_true")
p.add_argument("address")
p.add_argument("to", type=int)
p.add_argument("segment", nargs="+")
o = p.parse_args()
six = ":" in o.address
family = socket.AF_INET6 if six else socket.AF_INET
probe = socket.socket(family, socket.SOCK_DGRAM)
probe.connect((o.address, o.to))
pack = lambda a: socket.inet_pton(family, a)
src, dst = pack(probe.getsockname()[0]), pack(o.address)
# A raw socket for TCP: the kernel writes the IP header and hands over what comes.
raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
raw.settimeout(0.2)
FIN, SYN, PSH, ACK = 1, 2, 8, 16
isn = 0x01020304 + o.port * 65536


def checksum(segment):
    b = src + dst + (struct.pack("!IHBB", len(segment), 0, 0, 6) if six else struct.pack("!BBH", 0, 6, len(segment))) + segment
    s = sum(struct.unpack("!%dH" % (len(b + b"\0") // 2), (b + b"\0")[: (len(b) + 1) // 2 * 2]))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def send(seq, ack, flags, data=b""):
    t = lambda s: struct.pack("!HHIIBBHHH", o.port, o.to, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 64240, s, 0) + data
    raw.sendto(t(checksum(t(0))), (o.address, 0))


def receive():
    try:
        b, who = raw.recvfrom(65535)
    except socket.timeout:
        return None
    b = b if six else b[(b[0] & 15) * 4 :]
    sport, dport, seq, ack, off, flags = struct.unpack("!HHIIBB", b[:14])
    if (sport, dport) != (o.to, o.port):
        return None
    return seq, ack, flags, b[(off >> 4) * 4 :]


def until(good, seconds=3):
    end = time.time() + seconds
    while time.time() < end:
        r = receive()
        if r and good(r):
            return r
    raise SystemExit("no answer on port %d" % o.port)


send(isn, 0, SYN)
r = until(lambda r: r[2] & (SYN | ACK) == SYN | ACK)
ack = r[0] + 1
send(isn + 1, ack, ACK)
cut = []
for s in o.segment:
    off, text = s.split(":", 1)
    cut.append((int(off), text.encode().decode("unicode_escape").encode("latin-1")))
top = max(off + len(data) for off, data in cut)
for off, data in cut:
    send(isn + 1 + off, ack, ACK | PSH | (FIN if o.fin and off + len(data) == top else 0), data)
end = isn + 1 + top + (1 if o.fin else 0)
heard, quiet = b"", 0
while quiet < 3:
    r = receive()
    if r is None:
        quiet += 1
        continue
    seq, _, flags, data = r
    if seq == ack & 0xFFFFFFFF and (data or flags & FIN):
        heard += data
        ack += len(data) + (flags & FIN)
        send(end, ack, ACK)
    if flags & FIN:
        if not o.fin:
            send(end, ack, ACK | FIN)
        break
head, _, body = heard.partition(b"\r\n\r\n")
print("port %d: %s: %s" % (o.port, head.split(b"\r\n")[0].decode("latin-1"), body[:40].decode("latin-1").strip()))
