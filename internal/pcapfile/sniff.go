package pcapfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// signatures are formats that people hand over by mistake, with what to do about each.
var signatures = []struct{ magic, what string }{
	{"snoop\x00\x00\x00", "it is a Solaris snoop capture; convert it: editcap IN OUT.pcapng"},
	{"GMBU", "it is a Microsoft Network Monitor capture; convert it: editcap IN OUT.pcapng"},
	{"RTSS", "it is a Microsoft Network Monitor 1 capture; convert it: editcap IN OUT.pcapng"},
	{"XCP\x00", "it is a NetXRay or Windows Sniffer capture; convert it: editcap IN OUT.pcapng"},
	{"TRSNIFF data", "it is a DOS Sniffer capture; convert it: editcap IN OUT.pcapng"},
	{"\x7fver", "it is an EtherPeek or OmniPeek capture; convert it: editcap IN OUT.pcapng"},
	{"SQLite format 3\x00", "it is an SQLite database, not a capture"},
	{"\x1f\x8b", "it is gzip inside gzip; decompress it once: gunzip"},
	{"\x28\xb5\x2f\xfd", "it is zstd inside a compressed file; decompress it once: unzstd"},
	{"BZh", "it is compressed with bzip2; decompress it: bunzip2"},
	{"\xfd7zXZ\x00", "it is compressed with xz; decompress it: unxz"},
	{"\x04\x22\x4d\x18", "it is compressed with lz4; decompress it: unlz4"},
	{"PK\x03\x04", "it is a zip archive; unpack it: unzip"},
	{"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"},
	{"\x7fELF", "it is an executable program"},
	{"%PDF", "it is a PDF document"},
	{"\x89PNG", "it is a picture"},
}

// Sniff says in words what the first bytes of an input look like, and what to try. It is a guess.
func Sniff(head []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			return s.what
		}
	}
	switch {
	case len(head) == 0:
		return "it holds no bytes"
	case len(bytes.Trim(head, "\x00")) == 0:
		return "it begins with zero bytes only (a file that was allocated but never written?)"
	case looksText(head):
		return textKind(head)
	case len(head) < 4:
		return fmt.Sprintf("it has only %d bytes", len(head))
	case looksERF(head):
		return "it looks like an ERF capture (Endace DAG); convert it: editcap IN OUT.pcapng"
	}
	return fmt.Sprintf("it begins with % x, which no capture format known here does", head[:min(len(head), 8)])
}

// looksText reports printable UTF-8; a rune cut at the end does not count.
func looksText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		}
		if r < 0x20 && !strings.ContainsRune("\t\n\r\f\x1b", r) || r == 0x7f {
			return false
		}
		b = b[n:]
	}
	return true
}

func textKind(b []byte) string {
	switch t := bytes.TrimLeft(b, " \t\r\n\ufeff"); {
	case bytes.HasPrefix(t, []byte("{")), bytes.HasPrefix(t, []byte("[")):
		return "it is JSON text, not a capture"
	case bytes.HasPrefix(t, []byte("<")):
		return "it is XML or HTML text, not a capture (an error page saved under the capture's name?)"
	case bytes.HasPrefix(t, []byte("#separator")):
		return "it is a Zeek log, not a capture"
	}
	return "it is text; for a listing printed by tshark or tcpdump try --format-in tshark-text"
}

// looksERF checks the first record header of an Extensible Record Format file: type, length and a sane time.
func looksERF(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	typ := b[8] & 0x7f
	rlen, wlen := be.Uint16(b[10:]), be.Uint16(b[14:])
	sec := le.Uint32(b[4:])
	return typ >= 1 && typ <= 48 && rlen >= 16 && wlen > 0 && int(rlen) <= int(wlen)+64 && sec > 600_000_000 && sec < 1<<31+1<<30
}
