package ruletraffic

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// ftpTalk is a command of FTP and its reply (RFC 959).
func (m *meaning) ftpTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "ftp"}
	command, data, code, reply := "STAT", "here", "211", "so it is"
	for _, p := range parts {
		k := &textStyle
		if p.name == "ftp.command" || p.name == "ftp.completion_code" {
			k = &style{filler: "STAT", legal: visible, good: token}
		}
		if p.name == "ftp.completion_code" {
			k = httpStyle("http.stat_code")
		}
		s, err := p.text(rng, k)
		if err != nil {
			return nil, err
		}
		switch p.name {
		case "ftp.command":
			command = s
		case "ftp.command_data":
			data = s
		case "ftp.completion_code":
			code = s
		case "ftp.reply":
			reply = s
		default:
			return nil, impossible("no traffic is made for %s of ftp", p.name)
		}
	}
	opening(t, "ftp", rng)
	t.say(ToServer, "PASS guest\r\n")
	t.say(ToClient, "230 in\r\n")
	t.opening = len(t.messages)
	if m.asks("ftp.port") || m.asks("ftp.mode") {
		port := m.choose("ftp.port", rng, 20000+rng.IntN(20000))
		address := "192,0,2,7," + strconv.Itoa(port>>8) + "," + strconv.Itoa(port&255)
		if m.choose("ftp.mode", rng, 1) == 1 {
			command, data, code, reply = "PASV", "", "227", "Entering Passive Mode ("+address+")"
		} else {
			command, data, code, reply = "PORT", address, "200", "PORT is fine"
		}
	}
	t.say(ToServer, strings.TrimSpace(command+" "+data)+"\r\n")
	if m.choose("ftp.replied", rng, 1) == 1 {
		t.say(ToClient, code+" "+reply+"\r\n")
	}
	t.hold("ftp.command", ToServer, command)
	t.hold("ftp.command_data", ToServer, data)
	t.hold("ftp.completion_code", ToClient, code)
	t.hold("ftp.reply", ToClient, reply)
	return t, nil
}

func httpStyle(name string) *style {
	k := httpStyles[name]
	return &k
}

// hassh are the lists of algorithms that HASSH joins: exchange, ciphers, authentication, compression.
var hassh = [4]string{"curve25519-sha256,ecdh-sha2-nistp256", "aes128-ctr,aes256-ctr", "hmac-sha2-256", "none"}

// sshTalk is how SSH begins: a line of each side, then what each side can (RFC 4253 4.2, 7.1).
func (m *meaning) sshTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "ssh"}
	proto, software := "2.0", "OpenSSH_9.6"
	for _, p := range parts {
		if strings.HasPrefix(p.name, "ssh.hassh") {
			continue
		}
		s, err := p.text(rng, &wordStyle)
		if err != nil {
			return nil, err
		}
		if p.name == "ssh.proto" {
			proto = s
		} else {
			software = s
		}
	}
	lines := [2]string{"SSH-2.0-OpenSSH_9.5\r\n", "SSH-2.0-OpenSSH_9.6\r\n"}
	lines[m.dir] = "SSH-" + proto + "-" + software + "\r\n"
	t.say(ToClient, lines[ToClient])
	t.say(ToServer, lines[ToServer])
	for _, d := range []Dir{ToClient, ToServer} {
		t.messages = append(t.messages, message{d, keyExchange()})
		text, name := strings.Join(hassh[:], ";"), "ssh.hassh"
		if d == ToClient {
			name += ".server"
		}
		t.hold(name+".string", d, text)
		t.hold(name, d, fmt.Sprintf("%x", md5.Sum([]byte(text))))
	}
	for d, line := range lines {
		f := strings.SplitN(strings.TrimSpace(line), "-", 3)
		t.hold("ssh.proto", Dir(d), f[1])
		t.hold("ssh.software", Dir(d), f[2])
	}
	return t, nil
}

// keyExchange is a SSH_MSG_KEXINIT in a packet.
func keyExchange() []byte {
	b := append([]byte{20}, strings.Repeat("\x11", 16)...)
	for _, l := range []string{hassh[0], "ssh-ed25519", hassh[1], hassh[1], hassh[2], hassh[2], hassh[3], hassh[3], "", ""} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(l))), l...)
	}
	b = append(b, 0, 0, 0, 0, 0)
	pad := 8 - (len(b)+5)%8
	if pad < 4 {
		pad += 8
	}
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+1+pad)), byte(pad))
	return append(append(out, b...), make([]byte, pad)...)
}
