#!/usr/bin/env python3
"""Computes the 17 frames of the founding case into a pcap file.

Known: the order, the times, the flags, the ports and the 1365 bytes of the
answer. Invented, and chosen plausible for its years: MAC addresses, options,
windows, request text, sequence numbers. The second ISN is numerically larger
than the old end but more than 2^31 away, so in serial arithmetic it is older.
"""
import struct
import sys

C, S = bytes([192, 168, 0, 1]), bytes([10, 0, 0, 254])
C_MAC, S_MAC = bytes.fromhex("001122aa0001"), bytes.fromhex("000c29bb00fe")
C_PORT, S_PORT = 2268, 80
EPOCH = 1118656800  # 2005-06-13 10:00:00 UTC
OLD_END = 161519517  # first sequence number after the client's first FIN
NEW_ISN = 3172654578
FIN, SYN, RST, PSH, ACK, CWR = 1, 2, 4, 8, 16, 128
OPTIONS = bytes.fromhex("020405b401010402")  # MSS 1460, NOP, NOP, SACK permitted

BODY = b"item=4711&count=2&name=A.+Customer&street=Example+Road+1&town=Exampleton&pay=invoice"
POST = (
    b"POST /shop/order.php HTTP/1.1\r\nHost: shop.example\r\n"
    b"User-Agent: Mozilla/5.0 (Windows; U; Windows NT 5.1; en-GB; rv:1.7.8) Gecko/20050511\r\n"
    b"Accept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)
TAIL = b"<p>Your order was taken down.</p>\n" * 20 + b"</body></html>\n"
HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 13 Jun 2005 10:00:00 GMT\r\nServer: Example/1.0\r\n"
    b"Content-Type: text/html\r\nContent-Length: %04d\r\nConnection: close\r\n\r\n"
)
FIRST = 1365 - len(HEAD % 0)
PAGE = (b"<html><head><title>Order</title></head><body>\n" + b"<!-- line of the page -->\n" * 60)[:FIRST]
OK = HEAD % (len(PAGE) + len(TAIL)) + PAGE
assert len(OK) == 1365


def checksum(b):
    if len(b) % 2:
        b += b"\0"
    n = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF


class Writer:
    def __init__(self, f):
        self.f = f
        self.ids = {C: 21840, S: 4096}
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))

    def frame(self, time, src, flags, seq, ack, data=b"", options=b""):
        dst = S if src == C else C
        sport, dport = (C_PORT, S_PORT) if src == C else (S_PORT, C_PORT)
        win = 65535 if src == C else 17520
        if flags & RST:
            win = 0
        off = (20 + len(options)) // 4
        tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, off << 4, flags, win, 0, 0)
        tcp += options + data
        ck = checksum(src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack("!H", ck) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), self.ids[src], 0x4000, 118 if src == C else 128, 6, 0) + src + dst
        self.ids[src] += 1
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        eth = (S_MAC + C_MAC if src == C else C_MAC + S_MAC) + b"\x08\x00"
        frame = eth + ip + tcp
        frame += b"\0" * (60 - len(frame))
        us = round(time * 100) * 10000
        self.f.write(struct.pack("<IIII", EPOCH + us // 1000000, us % 1000000, len(frame), len(frame)) + frame)


def main(path):
    c = OLD_END - 2 - len(POST) - len(BODY)  # client's first ISN
    s = 2890755000  # server's ISN
    c1, s1 = c + 1, s + 1
    c2 = c1 + len(POST)
    c3 = c2 + len(BODY)
    s2 = s1 + len(OK)
    s3 = s2 + len(TAIL)
    with open(path, "wb") as f:
        w = Writer(f)
        w.frame(0.00, C, SYN, c, 0, options=OPTIONS)
        w.frame(0.00, S, SYN | ACK, s, c1, options=OPTIONS)
        w.frame(0.01, C, ACK, c1, s1)
        w.frame(0.08, C, PSH | ACK, c1, s1, POST)
        w.frame(0.24, S, ACK, s1, c2)
        w.frame(0.23, C, PSH | ACK, c2, s1, BODY)
        w.frame(0.24, S, ACK, s1, c3, OK)
        w.frame(0.24, S, PSH | ACK, s2, c3, TAIL)
        w.frame(0.24, S, FIN | ACK, s3, c3)
        w.frame(0.29, C, ACK, c3, s3)
        w.frame(0.31, C, FIN | ACK, c3, s3 + 1)
        w.frame(0.31, S, ACK, s3 + 1, c3 + 1)
        w.frame(0.34, C, ACK, c3 + 1, s3 + 1)
        assert c3 + 1 == OLD_END
        for t in (68.26, 71.18, 77.13):
            w.frame(t, C, SYN, NEW_ISN, 0, options=OPTIONS)
        w.frame(98.25, C, RST | CWR, NEW_ISN + 1, 0)


main(sys.argv[1])
