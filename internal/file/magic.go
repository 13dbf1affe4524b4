package file

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// magicHead is how much of a file's begin tells what it is, in bytes.
const magicHead = 2048

// starts are kinds that the first bytes tell, in libmagic's words; the first that fits counts.
var starts = []struct{ begin, kind string }{
	{"Rar!\x1a\x07\x01\x00", "RAR archive data, v5"}, {"Rar!\x1a\x07\x00", "RAR archive data, v4"},
	{"7z\xbc\xaf\x27\x1c", "7-zip archive data, version 0.4"}, {"\x1f\x8b", "gzip compressed data"}, {"\xfd7zXZ\x00", "XZ compressed data"},
	{"\x28\xb5\x2f\xfd", "Zstandard compressed data (v0.8+)"}, {"MSCF\x00\x00\x00\x00", "Microsoft Cabinet archive data"},
	{"!<arch>\ndebian-binary", "Debian binary package (format 2.0)"}, {"!<arch>\n", "current ar archive"}, {"\xed\xab\xee\xdb", "RPM v3.0"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Composite Document File V2 Document"}, {"{\\rtf1", "Rich Text Format data, version 1"}, {"%!PS-Adobe", "PostScript document text"},
	{"ITSF\x03\x00\x00\x00", "MS Windows HtmlHelp Data"}, {"L\x00\x00\x00\x01\x14\x02\x00", "MS Windows shortcut"}, {"SQLite format 3\x00", "SQLite 3.x database"},
	{"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "JPEG image data, JFIF standard"}, {"\xff\xd8\xff", "JPEG image data"}, {"II*\x00", "TIFF image data, little-endian"},
	{"MM\x00*", "TIFF image data, big-endian"}, {"\x00\x00\x01\x00", "MS Windows icon resource"}, {"ID3", "Audio file with ID3 version 2"}, {"OggS", "Ogg data"},
	{"fLaC", "FLAC audio bitstream data"}, {"\x1aE\xdf\xa3", "Matroska data"}, {"\xd4\xc3\xb2\xa1", "pcap capture file, microsecond ts (little-endian)"},
	{"\xa1\xb2\xc3\xd4", "pcap capture file, microsecond ts (big-endian)"}, {"\x0a\x0d\x0d\x0a", "pcapng capture file"}, {"\xcf\xfa\xed\xfe", "Mach-O 64-bit executable"},
	{"\xce\xfa\xed\xfe", "Mach-O executable"}, {"\x00asm\x01\x00\x00\x00", "WebAssembly (wasm) binary module version 0x1 (MVP)"}, {"-----BEGIN CERTIFICATE-----", "PEM certificate"},
}

// interpreters are scripts by the program of their first line.
var interpreters = []struct{ program, kind string }{
	{"bash", "Bourne-Again shell script"}, {"dash", "POSIX shell script"}, {"zsh", "Paul Falstad's zsh script"}, {"python", "Python script"}, {"perl", "Perl script"},
	{"ruby", "Ruby script"}, {"node", "Node.js script executable"}, {"php", "PHP script"}, {"awk", "awk script"}, {"sh", "POSIX shell script"},
}

// Magic says what a file is from its begin b, as libmagic words it, for the kinds that its table knows: a subset. Whole says that b
// is all of the file. What it does not know is "data".
func Magic(b []byte, whole bool) string {
	switch {
	case len(b) == 0:
		return "empty"
	case bytes.HasPrefix(b, []byte("MZ")):
		return portable(b)
	case bytes.HasPrefix(b, []byte("\x7fELF")) && len(b) >= 20:
		return elf(b)
	case bytes.HasPrefix(b, []byte("%PDF-")):
		return "PDF document, version " + version(b[5:])
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return zipped(b)
	case bytes.HasPrefix(b, []byte("PK\x05\x06")):
		return "Zip archive data (empty)"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) && len(b) >= 24:
		return fmt.Sprintf("PNG image data, %d x %d", binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:]))
	case (bytes.HasPrefix(b, []byte("GIF87a")) || bytes.HasPrefix(b, []byte("GIF89a"))) && len(b) >= 10:
		return fmt.Sprintf("GIF image data, version %s, %d x %d", b[3:6], binary.LittleEndian.Uint16(b[6:]), binary.LittleEndian.Uint16(b[8:]))
	case bytes.HasPrefix(b, []byte("BM")) && len(b) >= 26 && b[15] == 0 && b[14] >= 12 && b[14] <= 124:
		return "PC bitmap"
	case bytes.HasPrefix(b, []byte("BZh")) && len(b) > 3 && b[3] >= '1' && b[3] <= '9':
		return "bzip2 compressed data, block size = " + string(b[3]) + "00k"
	case bytes.HasPrefix(b, []byte("RIFF")) && len(b) >= 12:
		return "RIFF (little-endian) data" + map[string]string{"WEBP": ", Web/P image", "WAVE": ", WAVE audio", "AVI ": ", AVI"}[string(b[8:12])]
	case (bytes.HasPrefix(b, []byte("FWS")) || bytes.HasPrefix(b, []byte("CWS")) || bytes.HasPrefix(b, []byte("ZWS"))) && len(b) >= 8 && b[3] < 64:
		packed := map[byte]string{'C': " (compressed)", 'Z': " (lzma compressed)"}[b[0]]
		return fmt.Sprintf("Macromedia Flash data%s, version %d", packed, b[3])
	case bytes.HasPrefix(b, []byte("\xca\xfe\xba\xbe")) && len(b) >= 8:
		if n := binary.BigEndian.Uint32(b[4:]); n < 40 { // so many architectures
			return "Mach-O universal binary"
		}
		return fmt.Sprintf("compiled Java class data, version %d.%d", binary.BigEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[4:]))
	case len(b) >= 12 && string(b[4:8]) == "ftyp":
		return "ISO Media"
	case len(b) >= 265 && string(b[257:263]) == "ustar\x00":
		return "POSIX tar archive"
	case len(b) >= 265 && string(b[257:265]) == "ustar  \x00":
		return "POSIX tar archive (GNU)"
	}
	for _, s := range starts {
		if bytes.HasPrefix(b, []byte(s.begin)) {
			return s.kind
		}
	}
	return text(b, whole)
}

// version is the number at the begin of b, such as 1.7.
func version(b []byte) string {
	n := 0
	for n < len(b) && n < 4 && (b[n] == '.' || b[n] >= '0' && b[n] <= '9') {
		n++
	}
	return string(b[:n])
}

// portable is a program for Windows, or for DOS (Microsoft PE and COFF Specification, 3).
func portable(b []byte) string {
	const dos = "MS-DOS executable"
	if len(b) < 64 {
		return dos
	}
	at := binary.LittleEndian.Uint32(b[60:])
	if at > magicHead || int(at)+96 > len(b) || string(b[at:at+4]) != "PE\x00\x00" {
		return dos
	}
	h := b[at+4:]
	machine := map[uint16]string{0x14c: " Intel 80386", 0x8664: " x86-64", 0x1c0: " ARM", 0x1c4: " ARMv7 Thumb", 0xaa64: " Aarch64", 0x200: " Intel Itanium"}[binary.LittleEndian.Uint16(h)]
	flags, optional := binary.LittleEndian.Uint16(h[18:]), h[20:]
	kind, dirs := "PE32", 96
	if binary.LittleEndian.Uint16(optional) == 0x20b {
		kind, dirs = "PE32+", 112
	}
	kind += " executable"
	if flags&0x2000 != 0 {
		kind += " (DLL)"
	}
	kind += map[uint16]string{1: " (native)", 2: " (GUI)", 3: " (console)", 10: " (EFI application)"}[binary.LittleEndian.Uint16(optional[68:])] + machine
	if net := dirs + 14*8; len(optional) >= net+4 && binary.LittleEndian.Uint32(optional[net:]) != 0 {
		kind += " Mono/.Net assembly"
	}
	return kind + ", for MS Windows"
}

// elf is a program in ELF (System V ABI, 4).
func elf(b []byte) string {
	var order binary.ByteOrder = binary.LittleEndian
	kind := "ELF " + map[byte]string{1: "32-bit", 2: "64-bit"}[b[4]]
	if b[5] == 2 {
		order, kind = binary.BigEndian, kind+" MSB"
	} else {
		kind += " LSB"
	}
	kind += map[uint16]string{1: " relocatable", 2: " executable", 3: " shared object", 4: " core file"}[order.Uint16(b[16:])]
	return kind + map[uint16]string{2: ", SPARC", 3: ", Intel 80386", 8: ", MIPS", 20: ", PowerPC or cisco 4500", 21: ", 64-bit PowerPC or cisco 7500", 40: ", ARM",
		62: ", x86-64", 183: ", ARM aarch64", 243: ", UCB RISC-V"}[order.Uint16(b[18:])] + ", version 1 (SYSV)"
}

// zipped is what is in a ZIP archive, by the names of its first members (PKWARE APPNOTE 4.3.7).
func zipped(b []byte) string {
	if len(b) < 30 {
		return "Zip archive data"
	}
	n := int(binary.LittleEndian.Uint16(b[26:]))
	name := string(b[30:min(30+n, len(b))])
	switch {
	case name == "mimetype":
		rest := b[min(30+n+int(binary.LittleEndian.Uint16(b[28:])), len(b)):]
		for _, x := range [][2]string{{"application/epub+zip", "EPUB document"}, {"application/vnd.oasis.opendocument.text", "OpenDocument Text"},
			{"application/vnd.oasis.opendocument.spreadsheet", "OpenDocument Spreadsheet"}, {"application/vnd.oasis.opendocument.presentation", "OpenDocument Presentation"}} {
			if bytes.HasPrefix(rest, []byte(x[0])) {
				return x[1]
			}
		}
	case name == "[Content_Types].xml" || name == "_rels/.rels" || strings.HasPrefix(name, "docProps/"):
		for _, x := range [][2]string{{"word/", "Microsoft Word 2007+"}, {"xl/", "Microsoft Excel 2007+"}, {"ppt/", "Microsoft PowerPoint 2007+"}} {
			if member(b, x[0]) {
				return x[1]
			}
		}
		return "Microsoft OOXML"
	case strings.HasPrefix(name, "META-INF/"):
		return "Java archive data (JAR)"
	}
	v := b[4]
	return fmt.Sprintf("Zip archive data, at least v%d.%d to extract", v/10, v%10)
}

// member reports whether a member of an archive has a name that begins so.
func member(b []byte, begin string) bool {
	for {
		i := bytes.Index(b, []byte("PK\x03\x04"))
		if i < 0 || len(b) < i+30 {
			return false
		}
		b = b[i+4:]
		if bytes.HasPrefix(b[26:], []byte(begin)) {
			return true
		}
	}
}

// text is a file of text, or data.
func text(b []byte, whole bool) string {
	coding := "ASCII text"
	if rest, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf")); ok {
		b, coding = rest, "Unicode text, UTF-8 (with BOM) text"
	}
	lines, crlf := 0, 0
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == '\n':
			if lines++; i > 0 && b[i-1] == '\r' {
				crlf++
			}
		case c < ' ' && c != '\t' && c != '\r' && c != '\f' && c != '\b' && c != 0x1b || c == 0x7f:
			return "data"
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				if !whole && len(b)-i < utf8.UTFMax { // it is cut here
					i = len(b)
					continue
				}
				return "data"
			}
			if coding == "ASCII text" {
				coding = "Unicode text, UTF-8 text"
			}
			i += n
			continue
		}
		i++
	}
	end := ""
	switch {
	case lines == 0 && whole:
		end = ", with no line terminators"
	case lines > 0 && crlf == lines:
		end = ", with CRLF line terminators"
	}
	begin := bytes.ToLower(bytes.TrimLeft(b[:min(len(b), 1024)], " \t\r\n"))
	has := func(s string) bool { return bytes.HasPrefix(begin, []byte(s)) }
	switch {
	case has("#!"):
		line, _, _ := bytes.Cut(begin[2:], []byte{'\n'})
		for _, x := range interpreters {
			if bytes.Contains(line, []byte("/"+x.program)) || bytes.Contains(line, []byte("env "+x.program)) {
				return x.kind + ", " + coding + " executable" + end
			}
		}
		return "a " + string(bytes.TrimSpace(line)) + " script, " + coding + " executable" + end
	case has("<?php"):
		return "PHP script, " + coding + end
	case has("<?xml"):
		if bytes.Contains(begin, []byte("<svg")) {
			return "SVG Scalable Vector Graphics image"
		}
		return "XML 1.0 document, " + coding + end
	case has("<svg"):
		return "SVG Scalable Vector Graphics image"
	case has("<!doctype html"), has("<html"), has("<head"), has("<title"), has("<body"), has("<script"):
		return "HTML document, " + coding + end
	}
	return coding + end
}
