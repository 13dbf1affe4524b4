"""Runs in the box that printed.sh boots: every line that findings print, each judged by the table below.

Two network namespaces: this machine, with eth0, and "peer", which has every address that the lines name, and what listens there.
"""
import ctypes
import json
import os
import pty
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

WORK = sys.argv[1]
LAB = "/var/lib/lab"
BASH = "/bin/bash"

# --- the table ---------------------------------------------------------------
# What is not a line for a shell of this machine: who it is for, which lines, why it cannot be run here.
CANNOT = [
    (r"Windows", r"", "Windows"),
    (r"^check$", r"^(netstat -ano -p udp|wevtutil )", "Windows"),
    (r"Cisco IOS", r"", "Cisco IOS"),
    (r"SonicWall", r"", "a page of SonicWall's, in words"),
    (r"pf\.conf", r"", "pf of BSD"),
    (r"RHEL", r"", "a file of Red Hat's before RHEL 8"),
    (r"Debian 11", r"", "a file of Debian's before 12"),
    (r"WordPress", r"", "PHP, in WordPress' own file"),
    (r"Linux", r"^mount -t nfs4 ", "the kernel of the tests has no NFS client"),
    (r"", r"^exportfs -o rw", "the kernel of the tests has no NFS server"),
    (r"", r"^systemctl restart nfs-server", "the kernel of the tests has no NFS server"),
    (r"Linux", r"^timedatectl$", "timedatectl asks a service that needs the machine's clock"),
]

# What readers fill in, and what is typed for it here.
FILL = {"USER": "tester", "FILE": WORK + "/some.pcap", "PID": str(os.getpid()), "IFACE": "eth0",
        "NAME": "gw.example", "OWN": "10.1.0.0/24", "THEIRS": "10.2.0.0/24"}

# Lines whose exit status is not simply 0. Each: pattern, statuses, pattern of what they must print, why.
EXPECT = [
    (r"^firestorm lint ", {0, 1}, r"\w", "1: something was found"),
    (r"^delv ", {0, 1}, r"resolution failed|answer", "the signature is what fails"),
    (r"^journalctl -b -1", {0, 1}, r"boot", "the box booted once"),
    (r"^uptime -s; journalctl -b -1", {0, 1}, r"\d{4}-\d\d-\d\d.*\n.*boot", "the box booted once"),
    (r"^journalctl .*\| grep ", {0, 1}, r"", "1: no such line in the box's journal"),
    (r"dmesg \| grep conntrack$", {0, 1}, r"", "1: the kernel said nothing"),
    (r"^grep -rns -e cifs", {0, 2}, r"cifs", "2: no automounter here"),
    (r"^ping -c 3 -s 2000", {0}, r"3 received", ""),
    (r"^ping .*-M do", {0}, r"3 received", ""),
    (r"^(traceroute|mtr)", {0}, r"1  \S|1\.\|--|1\. ", ""),
    (r"^curl .*ftp://", {0}, r"notes\.txt|227 ", ""),
    (r"^curl .*-D - ", {0}, r"HTTP/1\.1 \d", ""),
    (r"^curl .*http_code", {0}, r"^200", ""),
    (r"\| openssl x509 .*-dates", {0}, r"notAfter=", ""),
    (r"\| openssl x509 .*subjectAltName", {0}, r"DNS:", ""),
    (r"starttls .*client certificate CA names", {0}, r"client certificate CA names", ""),
    (r"client certificate CA names", {0}, r"CN ?=", ""),
    (r"^openssl s_client ", {0}, r"BEGIN CERTIFICATE", ""),
    (r"^nc -vz ", {0}, r"succeeded", ""),
    (r"^dig .*-x|^dig -x|; dig -x", {0}, r"status: NOERROR", ""),
    (r"^dig ", {0}, r"status: NOERROR|Received \d+ bytes", ""),
    (r"^tcpdump ", {0}, r"listening on", ""),
    (r"^strace ", {-2, 0, 130}, r"attached", "130 and -2: Ctrl-C ends it"),
    (r"^rpcinfo -t ", {0}, r"ready and waiting", ""),
    (r"^showmount ", {0}, r"/srv", ""),
    (r"^chronyd -Q", {0}, r"System clock wrong", ""),
    (r"^arping ", {0, 1}, r"bytes from .*index=0", "1: answers to one question were more than one"),
    (r"^bridge fdb show \| grep", {0}, r"dev d0", ""),
    (r"^rdisc6 ", {0}, r"from fe80", ""),
    (r"^nmap --script broadcast-dhcp", {0}, r"Server Identifier|Response 1 of 1", ""),
    (r"^ike-scan ", {0}, r"Ending ike-scan", ""),
    (r"^fail2ban-client banned", {0}, r"\[", ""),
    (r"^(ss|nstat) ", {0}, r"", ""),
]
# Complaints that make a line wrong whatever its status is.
COMPLAINT = re.compile(r"not found|[Ss]yntax error|[Ii]nvalid (option|argument)|unrecognized|[Uu]nknown (option|command|key)|[Uu]sage:|No such file|cannot stat")


# --- the box -----------------------------------------------------------------
def sh(line, ok=True, **kw):
    r = subprocess.run([BASH, "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **kw)
    if ok and r.returncode != 0:
        print(f"  (preparing: {line!r}: {r.stdout.strip()[-300:]})")
    return r.stdout


def write(name, text):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w") as f:
        f.write(text)
    return name


def peer_socket(port, kind=socket.SOCK_STREAM):
    """A listening socket in the peer's namespace: one thread goes there and ends."""
    out = []

    def there():
        libc = ctypes.CDLL(None, use_errno=True)
        fd = os.open("/run/netns/peer", os.O_RDONLY)
        if libc.setns(fd, 0x40000000) != 0:
            return
        os.close(fd)
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            s.bind(("::", port))
            s.listen(16)
            out.append(s)
        except OSError as e:
            out.append(e)

    t = threading.Thread(target=there)
    t.start()
    t.join()
    if not out or isinstance(out[0], Exception):
        raise RuntimeError(f"port {port}: {out}")
    return out[0]


def tls(s):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(LAB + "/cert.pem", LAB + "/key.pem")
    c.load_verify_locations(LAB + "/cert.pem")
    c.verify_mode = ssl.CERT_OPTIONAL
    return c.wrap_socket(s, server_side=True)


def converse(c, kind):
    """One connection, as a server of this kind."""
    c.settimeout(10)
    if kind in ("tls", "https"):
        c = tls(c)
    if kind in ("http", "https"):
        c.recv(4000)
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
    elif kind == "smtp":
        c.sendall(b"220 mail.example ESMTP\r\n")
        while True:
            line = c.recv(1000).upper()
            if line.startswith(b"EHLO"):
                c.sendall(b"250-mail.example\r\n250 STARTTLS\r\n")
            elif line.startswith(b"STARTTLS"):
                c.sendall(b"220 go ahead\r\n")
                c = tls(c)
            else:
                break
    elif kind in ("imap", "pop3"):
        c.sendall(b"* OK ready\r\n" if kind == "imap" else b"+OK ready\r\n")
        while True:
            line = c.recv(1000)
            if not line:
                break
            if b"CAPABILITY" in line.upper():
                c.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + line.split()[0] + b" OK done\r\n")
            elif b"STARTTLS" in line.upper():
                c.sendall(line.split()[0] + b" OK go\r\n")
                c = tls(c)
            elif b"STLS" in line.upper():
                c.sendall(b"+OK go\r\n")
                c = tls(c)
    elif kind == "tls":
        c.recv(1000)
    c.close()


class Process:
    """A program that a line takes for granted, for as long as it runs."""

    def __init__(self, line):
        self.p = subprocess.Popen([BASH, "-c", "exec " + line], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self, port, where=""):
        """Until a socket listens at the port or has come to it; what is left of connections before does not count."""
        for _ in range(150):
            if sh(f"{where} ss -Htln 'sport = :{port}'; {where} ss -Htn state established 'dport = :{port}'", ok=False).strip():
                break
            time.sleep(0.1)
        return self

    def close(self):
        self.p.kill()
        self.p.wait()


class Server:
    """A small listener at the peer, or on this machine, for as long as one line runs."""

    def __init__(self, port, kind, here=False):
        if here:
            self.s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.s.bind(("::", port))
            self.s.listen(16)
        else:
            self.s = peer_socket(port)
        threading.Thread(target=self.serve, args=(kind,), daemon=True).start()

    def serve(self, kind):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            threading.Thread(target=self.quiet, args=(c, kind), daemon=True).start()

    def quiet(self, c, kind):
        try:
            converse(c, kind)
        except (OSError, ValueError, IndexError):
            pass

    def close(self):
        try:
            self.s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.s.close()


TAKEN = {21, 2121, 53, 111, 123, 2049}  # real servers of the peer have these


def servers_for(line):
    want = {}
    m = re.search(r"s_client (?:-starttls (\w+) )?-connect (\S+)(.*)", line)
    if m:
        s = m.group(1) or (re.search(r"-starttls (\w+)", m.group(3)) or [None, None])[1]
        port = int(m.group(2).rsplit(":", 1)[1])
        want[port] = s or ("smtp" if port == 25 else "tls")
    for m in re.finditer(r"\bhttp://(\[[^]]*\]|[^/:\s]+)(?::(\d+))?", line):
        if m.group(1) != "127.0.0.1":
            want[int(m.group(2) or 80)] = "http"
    for m in re.finditer(r"\bhttps://(\[[^]]*\]|[^/:\s]+)(?::(\d+))?", line):
        want[int(m.group(2) or 443)] = "https"
    m = re.match(r"nc -vz -w \d+ \S+ (\d+)", line)
    if m:
        want[int(m.group(1))] = "plain"
    m = re.match(r"mtr .*--port (\d+)", line)
    if m:
        want[int(m.group(1))] = "plain"
    out = []
    for p, k in want.items():
        if k == "tls" and "CA names" in line:
            out.append(Process(f"ip netns exec peer openssl s_server {'-6' if '[' in line else '-4'} -accept {p} -cert {LAB}/cert.pem -key {LAB}/key.pem -verify 1 -CAfile {LAB}/cert.pem -quiet").wait(p, "ip netns exec peer"))
        elif p not in TAKEN:
            out.append(Server(p, k))
    # On this machine: what a line looks for among its own sockets.
    m = re.search(r"grep :(\d+)|http://127\.0\.0\.1:(\d+)/|strace .*sport = :(\d+)", line)
    if m:
        port = int(m.group(1) or m.group(2) or m.group(3))
        if "strace" in line:
            out.append(Process(f"python3 -m http.server {port}").wait(port))
        elif not sh(f"ss -Hltn 'sport = :{port}'", ok=False).strip():
            out.append(Server(port, "http", here=True))
    m = re.search(r"strace .*dst \[?([^]]+)\]?:(\d+)'", line)
    if m:
        out.append(Server(int(m.group(2)), "plain"))
        out.append(Process(f"python3 -c 'import socket, time; s = socket.create_connection((\"{m.group(1)}\", {m.group(2)})); time.sleep(60)'").wait(m.group(2)))
    return out


NFT = """flush ruleset
table inet filter {
	chain input { type filter hook input priority filter; ct state invalid counter
		iifname "nodevice" ip saddr { 10.1.0.11, 10.1.0.12 } tcp dport 22 reject with tcp reset
	}
	chain forward { type filter hook forward priority filter;
		iifname "nodevice" ip daddr 10.2.0.2 tcp dport { 113, 135, 500, 2323, 4500, 8443 } drop
		iifname "nodevice" ip6 daddr fd00:2::2 drop
		iifname "nodevice" udp dport { 135, 500, 1025-1030, 4500 } reject
		iifname "nodevice" ip frag-off & 0x1fff != 0 drop
		iifname "nodevice" tcp flags syn reset tcp option window
	}
	chain output { type filter hook output priority filter; }
}
"""


def reset():
    """What a line may have changed, as it was."""
    sh(f"nft -f {LAB}/base.nft; ip neigh flush all nud permanent; ip route flush type blackhole; ip -6 route flush type blackhole; ip link set eth0 up", ok=False)


def prepare(d):
    text = json.dumps(d["groups"])
    v4 = sorted(set(re.findall(r"\b(?:10|172|192|198|203)\.\d+\.\d+\.\d+\b(?!/)", text)))
    v6 = sorted(set((a for a in re.findall(r"\bfd00:[0-9a-f:]*[0-9a-f]\b(?!/)", text) if "::" in a)))
    macs = sorted(set(re.findall(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", text)))
    names = sorted(set(re.findall(r"[\w-]+(?:\.[\w-]+)*\.example\b", text)))
    os.makedirs(LAB, exist_ok=True)
    write(LAB + "/base.nft", NFT)
    sh("ip netns add peer && ip link add eth0 type veth peer name eth0 netns peer && ip link set eth0 up && ip addr add 10.99.0.2/24 dev eth0 && ip -6 addr add fd00:99::2/64 dev eth0 nodad"
       " && ip -n peer link set lo up && ip -n peer link set eth0 up && ip -n peer addr add 10.99.0.1/24 dev eth0 && ip -n peer -6 addr add fd00:99::1/64 dev eth0 nodad"
       " && ip route add default via 10.99.0.1 && ip -6 route add default via fd00:99::1"
       " && ip link add br0 type bridge && ip link add d0 type veth peer name d1 && ip link set d0 master br0 && ip link set br0 up && ip link set d0 up && ip link set d1 up")
    write(LAB + "/addresses", "".join(f"addr add {a}/32 dev eth0\n" for a in v4) + "".join(f"addr add {a}/128 dev eth0 nodad\n" for a in v6))
    sh(f"ip -n peer -batch {LAB}/addresses; ip netns exec peer sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    for m in macs:
        if int(m[:2], 16) & 1 == 0:
            sh(f"bridge fdb add {m} dev d0 master static", ok=False)
    # Whoever is named, is known.
    write("/etc/hosts", f"127.0.0.1 localhost {socket.gethostname()}\n10.1.0.11 client.example\n")
    write("/etc/resolv.conf", "nameserver 10.99.0.1\n")
    zone = "$TTL 60\n. IN SOA ns.example. root.example. 1 60 60 60 60\n. IN NS ns.example.\nns.example. A 10.99.0.1\n*.example. A 10.2.0.2\n*.example. AAAA fd00:2::2\n*.in-addr.arpa. PTR client.example.\n*.ip6.arpa. PTR client.example.\n"
    write(LAB + "/named/root", zone + "".join(f"{n}. A 10.2.0.2\n{n}. AAAA fd00:2::2\n" for n in names if n != "ns.example"))
    write(LAB + "/named/conf", f'options {{ directory "{LAB}/named"; pid-file none; session-keyfile none; recursion no; listen-on {{ any; }}; listen-on-v6 {{ any; }}; }};\ncontrols {{ }};\nzone "." {{ type primary; file "{LAB}/named/root"; }};\n')
    san = ",".join([f"DNS:{n}" for n in names] + [f"IP:{a}" for a in v4 + v6])
    sh(f'openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=shop.example" -addext "subjectAltName={san}" -keyout {LAB}/key.pem -out {LAB}/cert.pem 2>&1'
       f" && cp {LAB}/cert.pem /usr/local/share/ca-certificates/lab.crt && update-ca-certificates && cp {LAB}/cert.pem {LAB}/client.pem && cp {LAB}/key.pem {LAB}/client.key")
    sh("useradd -m tester; echo tester:Correct-Horse-9 | chpasswd; echo notes > ~tester/notes.txt; chown tester: ~tester/notes.txt")
    write(LAB + "/vsftpd.conf", f"listen=NO\nlisten_ipv6=YES\nbackground=NO\nlocal_enable=YES\nanonymous_enable=NO\nseccomp_sandbox=NO\nssl_enable=YES\nforce_local_data_ssl=NO\nforce_local_logins_ssl=NO\nrequire_ssl_reuse=NO\nrsa_cert_file={LAB}/cert.pem\nrsa_private_key_file={LAB}/key.pem\npasv_min_port=50000\npasv_max_port=50100\nsecure_chroot_dir={LAB}/named\npam_service_name=vsftpd\n")
    core = next((r for g in d["groups"] for on, r in g["lines"] if r.startswith("NFS_CORE_PARAM")), "NFS_CORE_PARAM { }")
    client = next((r for g in d["groups"] for on, r in g["lines"] if r.startswith("CLIENT {")), "")
    write(LAB + "/ganesha.conf", core.replace("{", "{ Protocols = 3,4; ", 1) + "\nNFSV4 { Graceless = true; RecoveryBackend = fs; }\n"
          f"EXPORT {{ Export_Id = 7; Path = /srv/nfs; Pseudo = /exp; Access_Type = RW; Protocols = 3,4; Transports = TCP, UDP; FSAL {{ Name = VFS; }} {client} }}\nLOG {{ Default_Log_Level = EVENT; }}\n")
    write(LAB + "/chrony.conf", f"local stratum 5\nallow all\npidfile {LAB}/chronyd.pid\nbindcmdaddress /\ncmdport 0\n")
    write(LAB + "/radvd.conf", "interface eth0 { AdvSendAdvert on; prefix fd00:98::/64 { AdvAutonomous off; }; };\n")
    write(LAB + "/dnsmasq.conf", "port=0\ninterface=eth0\nbind-interfaces\ndhcp-range=10.99.0.100,10.99.0.200,1h\n")
    for name, line in {
        "named": f"named -g -c {LAB}/named/conf",
        "vsftpd": f"vsftpd {LAB}/vsftpd.conf",
        "vsftpd2": f"vsftpd {LAB}/vsftpd.conf -olisten_port=2121",
        "chronyd": f"chronyd -d -x -u root -f {LAB}/chrony.conf",
        "radvd": f"radvd -n -m stderr -C {LAB}/radvd.conf -p {LAB}/radvd.pid",
        "dnsmasq": f"dnsmasq -k -C {LAB}/dnsmasq.conf --dhcp-leasefile={LAB}/leases --pid-file={LAB}/dnsmasq.pid --log-facility=-",
        "nfs": f"unshare -m sh -c 'mount -t tmpfs t /run && mount -t tmpfs t /srv && mkdir -p /srv/nfs /run/rpcbind /run/sendsigs.omit.d /run/ganesha /var/lib/nfs/ganesha && cp $0 /run/g.conf && (rpcbind -f -w & sleep 1; exec ganesha.nfsd -F -f /run/g.conf -L STDERR -p /run/g.pid)' {LAB}/ganesha.conf",
    }.items():
        with open(f"{LAB}/{name}.log", "w") as log:
            subprocess.Popen([BASH, "-c", "exec ip netns exec peer " + line], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    # This machine's own services, on addresses of their own where two want one port.
    sh("rm -f /usr/sbin/policy-rc.d /var/lib/man-db/auto-update; mkdir -p /var/log /var/log/samba /var/cache/bind")
    write("/etc/bind/named.conf.options", 'options { directory "/var/cache/bind"; listen-on { 127.0.0.1; }; listen-on-v6 { none; }; allow-query { any; }; };\n')
    write("/etc/bind/named.conf.local", 'zone "signed.example" { type primary; file "/var/cache/bind/signed"; dnssec-policy default; inline-signing yes; };\n')
    write("/var/cache/bind/signed", "$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\nwww A 10.2.0.2\n")
    sh("chown -R bind: /var/cache/bind")
    write("/etc/unbound/unbound.conf.d/lab.conf", "server:\n  interface: 127.0.0.3\n  access-control: 127.0.0.0/8 allow\n")
    sh("printf 'listen-address=127.0.0.4\\nbind-interfaces\\nserver=10.99.0.1\\n' >/etc/dnsmasq.d/lab.conf; printf 'listen=YES\\nlisten_ipv6=NO\\nseccomp_sandbox=NO\\n' >>/etc/vsftpd.conf; sed -i 's/^listen_ipv6=YES//;s/^listen=NO//' /etc/vsftpd.conf")
    write("/etc/dhcp/dhcpd.conf", "subnet 10.99.0.0 netmask 255.255.255.0 { range 10.99.0.210 10.99.0.220; }\n")
    write("/etc/default/isc-dhcp-server", 'INTERFACESv4="eth0"\n')
    write("/etc/default/isc-dhcp-relay", 'SERVERS="10.99.0.1"\nINTERFACES="eth0"\nOPTIONS=""\n')
    mac = next((m for g in d["groups"] for _, r in g["lines"] for m in re.findall(r"grep -i (\S+)", r) if ":" in m), "02:00:00:00:00:01")
    leases = sorted({m for g in d["groups"] for _, r in g["lines"] if "leases" in r for m in re.findall(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", r)})
    write("/var/lib/dhcp/dhcpd.leases", "".join(f"lease 10.99.0.21{i} {{\n  starts 1 2026/11/23 07:00:00;\n  ends never;\n  hardware ethernet {m};\n}}\n" for i, m in enumerate(leases)))
    write("/var/lib/misc/dnsmasq.leases", "".join(f"0 {m} 10.99.0.15{i} * *\n" for i, m in enumerate(leases)))
    sh(f"echo 'DHCPNAK on 10.1.0.50 to {mac} via eth0, 10.1.0.11' | systemd-cat -t dhcpd")
    sh("echo '[7] [00042] [ts/0] [tester  ] [pts/0       ] [10.1.0.11           ] [10.1.0.11      ] [2026-11-23T07:00:00,000000+00:00]' | utmpdump -r >/var/log/wtmp 2>/dev/null")
    sh("echo '//server/share /mnt cifs noauto 0 0' >>/etc/fstab; [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -A; mkdir -p /run/sshd /etc/haproxy; echo maintenance >/etc/haproxy/maintenance.html; echo maintenance >/var/www/html/maintenance-live.html")
    sh("mkdir -p /etc/chrony/conf.d; echo allow >/etc/chrony/conf.d/lab.conf; printf '[sshd]\\nenabled = true\\nbackend = auto\\nlogpath = /var/log/auth.log\\n' >/etc/fail2ban/jail.d/defaults-debian.conf; touch /var/log/auth.log; mkdir -p /etc/modprobe.d")
    sh(f"cp {WORK}/firestorm /usr/bin/firestorm; tcpdump -i lo -w {WORK}/some.pcap -c 4 2>/dev/null & sleep 1; ping -c 3 -i 0.2 127.0.0.1 >/dev/null; wait")
    write("/etc/rc.conf.unused", "")
    for u in ("dbus.socket", "dbus", "ssh", "named", "unbound", "fail2ban", "strongswan", "frr"):
        sh(f"timeout 60 systemctl start {u}")
    for _ in range(20):  # until the server has somebody in its journal
        sh("ip netns exec peer ssh -b 10.1.0.11 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=3 tester@10.99.0.2 true", ok=False)
        if "10.1.0.11" in sh("journalctl -u ssh", ok=False):
            break
        time.sleep(0.5)
    for _ in range(100):
        if "100005" in sh("rpcinfo -p 10.2.0.2", ok=False):
            break
        time.sleep(0.2)
    reset()


# --- lines of configuration ---------------------------------------------------
def swanctl(lines):
    conn, child, remote = [], [], []
    for r in lines:
        key = r.split("=")[0].strip()
        (child if key in ("esp_proposals", "local_ts", "remote_ts") else remote if key == "id" else conn).append(r)
    nl = "\n"
    f = write(LAB + "/swanctl.conf", f"connections {{ x {{\nremote_addrs = 10.2.0.2\n{nl.join(conn)}\nlocal {{ auth = psk\n }}\nremote {{ auth = psk\n{nl.join(remote)}\n }}\nchildren {{ c {{\n{nl.join(child)}\n }} }}\n }} }}\n")
    return f"swanctl --load-conns --file {f}", r"successfully loaded 1 connections"


def libreswan(lines):
    extra = [x for x in ("left=10.1.0.11", "right=10.2.0.2", "authby=secret") if not any(r.startswith(x.split("=")[0] + "=") for r in lines)]
    f = write(LAB + "/ipsec.conf", "conn x\n" + "".join(f"\t{r}\n" for r in extra + lines))
    return f"ipsec addconn --config {f} --checkconfig", r""


def nginx(lines):
    crt = f"ssl_client_certificate {LAB}/cert.pem; ssl_certificate {LAB}/cert.pem; ssl_certificate_key {LAB}/key.pem; "
    f = write(LAB + "/nginx.conf", f"events {{ }}\nhttp {{ server {{ root /var/www/html; {crt}\n" + "\n".join(lines) + "\n} }\n")
    return f"nginx -t -c {f}", r"syntax is ok"


def apache(lines):
    f = write(LAB + "/apache.conf", "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in ("mpm_event", "authz_core", "rewrite", "headers", "setenvif", "socache_shmcb", "ssl"))
              + f"ServerName x.example\nListen 8099\nErrorLog {LAB}/apache.log\nPidFile {LAB}/apache.pid\nDocumentRoot /var/www/html\n<VirtualHost *:8099>\nSSLCertificateFile {LAB}/cert.pem\nSSLCertificateKeyFile {LAB}/key.pem\n" + "\n".join(lines) + "\n</VirtualHost>\n")
    return f"apache2 -t -f {f}", r"Syntax OK"


def haproxy(lines):
    f = write(LAB + "/haproxy.cfg", "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend x\n bind 127.0.0.1:8098\n" + "".join(f" {r}\n" for r in lines) + " default_backend y\nbackend y\n server z 127.0.0.1:80\n")
    return f"haproxy -c -V -f {f}", r"Configuration file is valid"


def lighttpd(lines):
    if any("lighty." in r for r in lines):
        lua = write(LAB + "/m.lua", "\n".join(lines) + "\n")
        f = write(LAB + "/lighttpd.conf", f'server.modules = ( "mod_magnet" )\nserver.document-root = "/var/www/html"\nserver.bind = "127.0.0.1"\nserver.port = 8097\nmagnet.attract-raw-url-to = ( "{lua}" )\n')
        return f"(lighttpd -D -f {f} & p=$!; sleep 1; curl -s -o /dev/null -D - http://127.0.0.1:8097/; kill $p)", r"503 [\s\S]*Retry-After: 3600"
    f = write(LAB + "/lighttpd.conf", f'server.modules = ( "mod_openssl" )\nserver.document-root = "/var/www/html"\nserver.port = 8097\nssl.pemfile = "{LAB}/cert.pem"\nssl.privkey = "{LAB}/key.pem"\n' + "\n".join(lines) + "\n")
    return f"lighttpd -tt -f {f}", r""


def bind(lines):
    f = write(LAB + "/named.conf", 'options { directory "/var/cache/bind";\n' + "\n".join(lines) + "\n};\n")
    return f"named-checkconf {f}", r""


def unbound(lines):
    f = write(LAB + "/unbound.conf", "server:\n" + "".join(f"  {r}\n" for r in lines))
    return f"unbound-checkconf {f}", r"no errors"


def dnsmasq(lines):
    f = write(LAB + "/dnsmasq.test", "dhcp-range=10.1.0.100,10.1.0.200\n" + "\n".join(lines) + "\n")
    return f"dnsmasq --test -C {f}", r"syntax check OK"


def exim(lines):
    f = write("/etc/exim4/lab.conf", "\n".join(lines) + "\nbegin acl\nbegin routers\nbegin transports\n")
    return f"exim4 -C {f} -bV", r"Configuration file is"


def dovecot(lines):
    f = write(LAB + "/dovecot.conf", "service imap-login {\n inet_listener imaps {\n port = 993\n" + "\n".join(lines) + "\n }\n}\n")
    return f"doveconf -c {f} -n", r"ssl = yes"


def sendmail(lines):
    f = write(LAB + "/sendmail.mc", "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\nOSTYPE(`linux')dnl\n" + "\n".join(lines) + "\nMAILER(`local')dnl\n")
    return f"m4 {f} | grep -i ident", r"Timeout.ident=0"


def lftp(lines):
    return "lftp -c '" + "\n".join(lines) + "'", r""


def c_code(lines):
    f = write(LAB + "/x.c", "#include <sys/socket.h>\n#include <netinet/in.h>\n#include <netinet/tcp.h>\nint main(void) { int fd = socket(AF_INET, SOCK_STREAM, 0); return \n" + "\n".join(lines) + "\n}\n")
    return f"gcc -Wall -Werror -o {LAB}/x {f} && {LAB}/x", r""


def python(lines):
    f = write(LAB + "/x.py", "import socket\ns = socket.socket()\n" + "\n".join(lines) + "\n")
    return f"python3 {f}", r""


def java(lines):
    f = write(LAB + "/X.java", "class X { static void x(java.net.Socket socket) throws Exception {\n" + "\n".join(lines) + "\n} }\n")
    return f"javac -d {LAB} {f}", r""


def ganesha(lines):
    # Both lines are in the configuration that the peer's server began with: it took them when the port is the one they name.
    return f"rpcinfo -p 10.2.0.2 | grep 892; ! grep -iE 'config.*(error|invalid|unknown)|unknown param' {LAB}/nfs.log", r"892 +mountd"


# Who reads these lines, which of them, the check, and the programs it needs.
CONFIG = [
    (r"^BIND \(in options\)", r"", bind, "named-checkconf"),
    (r"^unbound \(in server", r"", unbound, "unbound-checkconf"),
    (r"^dnsmasq$", r"^dhcp-", dnsmasq, "dnsmasq"),
    (r"^swanctl\.conf", r"", swanctl, "swanctl"),
    (r"^ipsec\.conf", r"", libreswan, "libreswan"),
    (r"^Apache$", r"^(?!firestorm|apachectl)", apache, "apache2"),
    (r"^nginx$", r"^(?!firestorm|nginx )", nginx, "nginx"),
    (r"^HAProxy$", r"^(?!firestorm)", haproxy, "haproxy"),
    (r"^lighttpd$", r"^(?!firestorm)", lighttpd, "lighttpd"),
    (r"^Exim$", r"", exim, "exim4"),
    (r"^Dovecot, inet_listener", r"", dovecot, "doveconf"),
    (r"^sendmail$", r"", sendmail, "m4"),
    (r"^lftp$", r"", lftp, "lftp"),
    (r"^C$", r"", c_code, "gcc"),
    (r"^(Python|Django)$", r"", python, "python3"),
    (r"^Java$", r"", java, "javac"),
    (r"^nfs-ganesha", r"", ganesha, "ganesha.nfsd"),
]

# Packages of printed.sh that are installed here when a line needs them, with what they push aside.
FORCED = {
    "proftpd": ("libhiredis* libmemcached* proftpd-core*", "systemctl stop vsftpd pure-ftpd"),
    "pure-ftpd": ("pure-ftpd*", "systemctl stop vsftpd proftpd"),
    "postfix": ("postfix*", "systemctl stop exim4"),
    "libreswan": ("libldns* libevent-pthreads* libcurl3-nss* libnss3-tools* libreswan*", "systemctl stop strongswan strongswan-starter"),
    "ntpsec": ("python3-ntp* ntpsec*", "systemctl stop chrony"),
    "sendmail-cf": ("sendmail-cf*", "true"),
}
installed = {}


def force(name):
    """Installs a package over what it will not stand beside; False: it could not be had."""
    if name not in installed:
        globs, before = FORCED[name]
        files = sh(f"cd {WORK}/debs && ls {globs} 2>/dev/null", ok=False).split()
        installed[name] = bool(files)
        if files:
            sh(before, ok=False)
            sh("printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; cd " + WORK + "/debs && DEBIAN_FRONTEND=noninteractive dpkg --force-all --force-confnew -i " + " ".join(files) + "; rm -f /usr/sbin/policy-rc.d; systemctl daemon-reload", ok=False)
            if name == "libreswan":
                write("/etc/ipsec.d/lab.conf", "conn lab\n\tleft=10.99.0.2\n\tright=10.1.0.11\n\tauthby=secret\n\tauto=add\n")
                write("/etc/ipsec.conf", "config setup\n\nconn lab\n\tleft=10.99.0.2\n\tright=10.1.0.11\n\tauthby=secret\n\tauto=add\n")
    return installed[name]


def needs(on, line):
    for pattern, name in ((r"proftpd", "proftpd"), (r"pure-ftpd", "pure-ftpd"), (r"^postconf|postfix", "postfix"), (r"^ipsec |enable --now ipsec|addconn", "libreswan"), (r"ntpq|ntpsec", "ntpsec"), (r"sendmail", "sendmail-cf")):
        if re.search(pattern, line) or (name != "postfix" and on == name) or on == "sendmail" and name == "sendmail-cf" or on == "ipsec.conf" and name == "libreswan":
            return name
    return None


# Before a line: what it takes for granted. First match.
BEFORE = [
    (r"doveconf|dovecot", "systemctl start dovecot"),
    (r"postfix", "systemctl restart postfix"),
    (r"^ike-scan", "systemctl stop strongswan"),
    (r"^nginx -s", "systemctl stop apache2; systemctl start nginx"),
    (r"^apachectl", "systemctl stop nginx; systemctl start apache2"),
    (r"^smbstatus", "systemctl start smbd"),
    (r"^chronyc", "systemctl restart chrony"),
    (r"^ntpq", "systemctl restart ntpsec"),
    (r"^swanctl", "systemctl start strongswan"),
    (r"^ipsec (status|auto)", "systemctl stop strongswan strongswan-starter; systemctl start ipsec; sleep 2; ipsec auto --add lab"),
    (r"enable --now ipsec", "systemctl stop strongswan strongswan-starter"),
    (r"enable --now strongswan", "systemctl stop ipsec strongswan-starter"),
    (r"ftpd", "systemctl stop vsftpd proftpd pure-ftpd"),
    (r"^firewall-cmd", "systemctl start firewalld"),
    (r"^unbound-control", "systemctl start unbound"),
    (r"^rndc", "systemctl start named"),
    (r"^wg ", "ip link add wg0 type wireguard && wg set wg0 listen-port 51820"),
    (r"^ip -6 addr show dadfailed|^ip neigh", "ping -c 1 -W 1 10.99.0.1"),
    (r"^iptables -t mangle", "iptables -t mangle -A FORWARD -p tcp -j TCPOPTSTRIP --strip-options wscale"),
    (r"^iptables-save", "iptables -A FORWARD -p tcp -i nodevice -j REJECT --reject-with tcp-reset"),
    (r"^conntrack", "nft add rule inet filter output ct state new counter; ping -c 1 -W 1 10.2.0.2"),
    (r"^dhclient", "true"),
    (r"^systemctl restart dnsmasq", "true"),
]

SECONDS = [(r"^tcpdump ", 2), (r"^strace ", 2)]
FLOWS = 0


def judge(line, status, text):
    for pattern, statuses, shown, why in EXPECT:
        if re.search(pattern, line):
            if status not in statuses:
                return f"exit status {status}"
            if not re.search(shown, text, re.M):
                return f"does not print {shown!r}"
            if 0 in statuses and len(statuses) == 1 and COMPLAINT.search(text) and not shown:
                return f"complains: {COMPLAINT.search(text).group(0)}"
            return ""
    if status != 0:
        return f"exit status {status}"
    m = COMPLAINT.search(text)
    return f"complains: {m.group(0)}" if m else ""


def typed(line):
    """The line with what a reader fills in, and what that was."""
    filled = []
    for word, value in FILL.items():
        new = re.sub(rf"(?<![\w$%{{]){word}(?![\w}}=])", lambda _: value, line)
        if new != line:
            filled.append(word)
        line = new
    return line, filled


def run(line, limit=60):
    """Types a line at a terminal: passwords are asked for there. Gives status and all that it printed."""
    seconds = next((s for p, s in SECONDS if re.search(p, line)), None)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(LAB)
        os.environ.update(TERM="dumb", LC_ALL="C.UTF-8", PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", PAGER="cat", SYSTEMD_PAGER="cat", COLUMNS="200")
        os.execv(BASH, [BASH, "-c", line])
    out, begin, asked, stopped = b"", time.time(), False, False
    while True:
        ready, _, _ = select.select([fd], [], [], 0.2)
        if ready:
            try:
                b = os.read(fd, 65536)
            except OSError:
                break
            if not b:
                break
            out += b
            if not asked and re.search(rb"[Pp]assword[^\n]*: ?$", out):
                asked = True
                os.write(fd, b"Correct-Horse-9\n")
        now = time.time() - begin
        if seconds and now > seconds and not stopped:
            os.write(fd, b"\x03")
            stopped = True
        if now > limit + (seconds or 0):
            os.killpg(os.getpgid(pid), signal.SIGKILL)
            out += b"\n(no end after %d s)" % limit
            break
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), out.decode(errors="replace").replace("\r\n", "\n")


def units(line):
    out = []
    for m in re.finditer(r"systemctl (?:restart|reload|enable --now|start) ([\w@. -]+)", line):
        out += m.group(1).split()
    return out


def one(on, line):
    """Runs a line for a shell: "" or what is wrong, and what it printed."""
    text, filled = typed(line)
    for pattern, before in BEFORE:
        if re.search(pattern, line):
            sh(before, ok=False)
            break
    servers = servers_for(line)
    try:
        limit = 300 if line.startswith("mtr") else 60
        status, out = run(text, limit)
    finally:
        for s in servers:
            s.close()
    wrong = judge(line, status, out)
    for u in units(line):
        if not wrong:
            time.sleep(0.7)
            state = sh(f"systemctl is-active {u}", ok=False).strip()
            kind = sh(f"systemctl show -p Type --value {u}", ok=False).strip()
            if state != "active" and not (kind == "oneshot" and state == "inactive"):
                wrong = f"{u} is {state} afterwards: " + sh(f"journalctl --no-pager -n 5 -u {u}", ok=False)[-400:]
    if wrong and units(line):
        out += sh("journalctl --no-pager -n 12 " + " ".join(f"-u {u}" for u in units(line)), ok=False)
    return wrong, out, filled


def main():
    with open(WORK + "/list.json") as f:
        d = json.load(f)
    with open(WORK + "/only") as f:
        only = f.read().strip()
    begin = time.time()
    prepare(d)  # for all of them: what prepares one line may need the addresses of another
    if only:
        d["groups"] = [g for g in d["groups"] if any(re.search(only, r) for _, r in g["lines"])]
    print(f"printed: {d['captures']} captures, {len(d['codes'])} codes, {sum(len(g['lines']) for g in d['groups'])} lines; prepared in {time.time() - begin:.0f} s")
    counts = {"ok": 0, "wrong": 0, "cannot": 0}
    reasons, codes, filled_in, slow, waiting = {}, set(), set(), [], []

    def report(g, on, line, wrong, out):
        codes.add(g["code"])
        if wrong:
            counts["wrong"] += 1
            print(f"FAIL  {g['code']} ({g['capture']}) | {on} | {line}\n      {wrong}\n" + "\n".join("      > " + x for x in out.strip().splitlines()[-12:]))
        else:
            counts["ok"] += 1

    def cannot(g, line, why):
        codes.add(g["code"])
        counts["cannot"] += 1
        reasons.setdefault(why, set()).add(line)

    # Lines for one program build on each other; those for another one are another way.
    parts = []
    for g in d["groups"]:
        for on, line in g["lines"]:
            if parts and parts[-1]["of"] is g and parts[-1]["lines"][-1][0] == on:
                parts[-1]["lines"].append((on, line))
            else:
                parts.append({"of": g, "code": g["code"], "capture": g["capture"], "lines": [(on, line)]})
    # What pushes other programs aside comes last.
    order = sorted(parts, key=lambda g: max((list(FORCED).index(n) + 1 for on, r in g["lines"] for n in [needs(on, r)] if n), default=0))
    known = {}
    for g in order:
        reset()
        lines = list(g["lines"])
        while lines:
            on, line = lines.pop(0)
            why = next((w for a, b, w in CANNOT if re.search(a, on) and re.search(b, line)), None)
            if why:
                cannot(g, line, why)
                continue
            package = needs(on, line)
            if package and not force(package):
                cannot(g, line, f"the package {package} could not be fetched")
                continue
            check = next((c for c in CONFIG if re.search(c[0], on) and re.search(c[1], line)), None)
            if check:
                same = [line]
                while lines and lines[0][0] == on and re.search(check[1], lines[0][1]):
                    same.append(lines.pop(0)[1])
                program = "ipsec" if check[3] == "libreswan" else check[3]
                if subprocess.run(["which", program], stdout=subprocess.DEVNULL).returncode != 0:
                    for r in same:
                        cannot(g, r, f"no {program} here")
                    continue
                pairs = [typed(r) for r in same]
                filled_in.update(w for _, f in pairs for w in f)
                command, shown = check[2]([r for r, _ in pairs])
                status, out = run(command)
                wrong = "" if status == 0 and re.search(shown, out) else f"{command.split()[0]}: exit status {status}" + ("" if status else f", does not print {shown!r}")
                for r in same:
                    report(g, on, r, wrong, out)
                continue
            if line.startswith("mtr "):
                waiting.append((g, on, line))
                continue
            key = (on, line)
            if key not in known or line.startswith(("nft", "ip ", "iptables")):
                known[key] = one(on, line)
            wrong, out, filled = known[key]
            filled_in.update(filled)
            if only:
                print(f"      $ {line}\n" + "\n".join("      > " + x for x in out.strip().splitlines()[-12:]))
            report(g, on, line, wrong, out)
    # Minutes each: side by side.
    reset()
    results = [None] * len(waiting)

    def late(i):
        results[i] = one(*waiting[i][1:])

    threads = [threading.Thread(target=late, args=(i,)) for i in range(len(waiting))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for (g, on, line), (wrong, out, _) in zip(waiting, results):
        report(g, on, line, wrong, out)
    for why, what in sorted(reasons.items(), key=lambda x: -len(x[1])):
        print(f"not run: {len(what):3} of {why}")
    print(f"printed: {sum(counts.values())} commands of {len(codes)} codes in {time.time() - begin:.0f} s: {counts['ok']} ok, {counts['wrong']} wrong, {counts['cannot']} cannot be run here; filled in by the reader: {', '.join(sorted(filled_in)) or 'nothing'}")
    write(WORK + "/failed", "1" if counts["wrong"] or not counts["ok"] else "0")


try:
    main()
except Exception:
    import traceback
    traceback.print_exc(file=sys.stdout)
