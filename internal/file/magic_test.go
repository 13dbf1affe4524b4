package file

import (
	"encoding/binary"
	"strings"
	"testing"
)

// program is a file in PE: magic of its optional header, machine, flags, subsystem, and whether it has a header of .NET.
func program(optional, machine, flags, subsystem uint16, net bool) string {
	b := make([]byte, 0x80+24+240)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[60:], 0x80)
	copy(b[0x80:], "PE\x00\x00")
	h := b[0x84:]
	binary.LittleEndian.PutUint16(h, machine)
	binary.LittleEndian.PutUint16(h[18:], flags)
	binary.LittleEndian.PutUint16(h[20:], optional)
	binary.LittleEndian.PutUint16(h[20+68:], subsystem)
	if net {
		binary.LittleEndian.PutUint32(h[20+96+14*8:], 1)
	}
	return string(b)
}

// archive is a ZIP archive with empty members of these names.
func archive(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		h := make([]byte, 30)
		copy(h, "PK\x03\x04\x14")
		binary.LittleEndian.PutUint16(h[26:], uint16(len(n)))
		b.Write(h)
		b.WriteString(n)
	}
	return b.String()
}

// TestMagic: what files are, in libmagic's words.
func TestMagic(t *testing.T) {
	for _, c := range []struct{ b, want string }{
		{"", "empty"}, {"\x00\x01\x02", "data"}, {"MZ", "MS-DOS executable"},
		{program(0x10b, 0x14c, 0x102, 2, false), "PE32 executable (GUI) Intel 80386, for MS Windows"},
		{program(0x20b, 0x8664, 0x22, 3, false), "PE32+ executable (console) x86-64, for MS Windows"},
		{program(0x10b, 0x14c, 0x2102, 2, false), "PE32 executable (DLL) (GUI) Intel 80386, for MS Windows"},
		{program(0x10b, 0x14c, 0x102, 3, true), "PE32 executable (console) Intel 80386 Mono/.Net assembly, for MS Windows"},
		{"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00", "ELF 64-bit LSB executable, x86-64, version 1 (SYSV)"},
		{"\x7fELF\x01\x02\x01" + strings.Repeat("\x00", 9) + "\x00\x03\x00\x08", "ELF 32-bit MSB shared object, MIPS, version 1 (SYSV)"},
		{"%PDF-1.7\n%\xe2\xe3", "PDF document, version 1.7"},
		{archive("a.txt"), "Zip archive data, at least v2.0 to extract"},
		{archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"), "Microsoft Word 2007+"},
		{archive("[Content_Types].xml", "xl/workbook.xml"), "Microsoft Excel 2007+"},
		{archive("[Content_Types].xml"), "Microsoft OOXML"},
		{archive("META-INF/MANIFEST.MF"), "Java archive data (JAR)"},
		{archive("mimetype") + "application/epub+zip", "EPUB document"},
		{"\x1f\x8b\x08\x00", "gzip compressed data"}, {"BZh91AY", "bzip2 compressed data, block size = 900k"},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Composite Document File V2 Document"},
		{"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03", "PNG image data, 2 x 3"},
		{"GIF89a\x02\x00\x03\x00", "GIF image data, version 89a, 2 x 3"}, {"\xff\xd8\xff\xe1", "JPEG image data"},
		{"CWS\x0a\x00\x00\x00\x00", "Macromedia Flash data (compressed), version 10"},
		{"\xca\xfe\xba\xbe\x00\x00\x00\x34", "compiled Java class data, version 52.0"},
		{strings.Repeat("a", 257) + "ustar\x0000", "POSIX tar archive"},
		{"#!/bin/sh\necho\n", "POSIX shell script, ASCII text executable"}, {"#!/usr/bin/env python3\nx\n", "Python script, ASCII text executable"},
		{"#!/bin/bash\n", "Bourne-Again shell script, ASCII text executable"},
		{"<!DOCTYPE html>\n<p>", "HTML document, ASCII text"}, {"  <HTML>\r\n", "HTML document, ASCII text, with CRLF line terminators"},
		{"<?xml version=\"1.0\"?>\n", "XML 1.0 document, ASCII text"}, {"<?php\n", "PHP script, ASCII text"},
		{"some words\n", "ASCII text"}, {"some words", "ASCII text, with no line terminators"}, {"a\r\nb\r\n", "ASCII text, with CRLF line terminators"},
		{"gr\u00fc\u00dfe\n", "Unicode text, UTF-8 text"}, {"gr\xfc\n", "data"},
	} {
		if got := Magic([]byte(c.b), true); got != c.want {
			t.Errorf("%.20q: %q, not %q", c.b, got, c.want)
		}
	}
	if got := Magic([]byte("gr\u00fc\u00dfe\n\xc3"), false); got != "Unicode text, UTF-8 text" {
		t.Error("cut in a letter: ", got)
	}
}

// FuzzMagic: no file makes it fail.
func FuzzMagic(f *testing.F) {
	for _, s := range []string{program(0x10b, 0x14c, 0x102, 2, true), archive("mimetype", "word/"), "#!", "\x7fELF", "<html"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if Magic(b, true) == "" || Magic(b, false) == "" {
			t.Error("nothing is said")
		}
	})
}
